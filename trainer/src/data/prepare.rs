//! Text files to token shards, once and for all: what `sn3 data prepare` does.
//!
//! ```text
//!  .jsonl, .parquet, text ─► documents ─► tokens, in parts ─► samples in the seed's order ─► shards
//!        (streamed)            (all threads) (kept: resumable)                               + ids
//! ```
//!
//! The result is a folder of `train_000000.npy` … with `sample_ids_000000.bin` … beside them, `heldout.npy`, the
//! tokenizer, and `dataset.json`, which is written last: a folder that has it is whole. A preparation that was
//! interrupted goes on with the first part or shard that is missing, also where files were mended, added or left
//! out meanwhile. Neither the number of threads, nor an interruption, nor how the files are packed changes a byte of
//! the samples. One process prepares a folder at a time.
//!
//! Documents are tokenised without special tokens, each followed by the end-of-text token, and joined; samples
//! are cut from the whole without regard to documents (training protocol, section 6). A document is held out by
//! the digest of its text and the seed, so that equal texts are on one side.

mod folder;
mod parts;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_protocol::{Digest, digest::Hasher};

use super::corpus::Corpus;
use super::documents::DocumentError;
use super::shards::{ShardError, ShardOptions, Shards, TokenType};
use super::sources::{SourceError, Sources};
use crate::files;
use crate::tokenizer::{FILE_BYTES_MAX, TRAINING_BYTES_MAX, Tokenizer, TokenizerError};
pub use folder::check_free;
use folder::{Lock, begin};
use parts::{Input, Part};

/// Longest description of a dataset that is read.
const DESCRIPTION_BYTES_MAX: u64 = 64 << 20;
const DESCRIPTION: &str = "dataset.json";
const TOKENIZER: &str = "tokenizer.json";
/// Unfinished work, beside the result until it is done.
const WORK: &str = "work";
const VERSION: u32 = 1;
/// Most samples of a shard.
pub const SHARD_SAMPLES_MAX: u64 = 1 << 28;

/// How text becomes shards.
#[derive(Clone, Debug, PartialEq)]
pub struct PrepareOptions {
    /// The files; see [`text_sources`].
    pub sources: Sources,
    /// The field or column with the text, in `.jsonl` and `.parquet` files.
    pub field: String,
    /// Tokens of a sample, at least 2.
    pub seq_len: u32,
    /// Seed of the order and of what is held out.
    pub seed: u64,
    /// Share of documents that is held out, in `[0, 1)`.
    pub heldout_fraction: f64,
    /// Samples of a shard; the last one may have fewer.
    pub shard_samples: u64,
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareProgress {
    /// Bytes of files that are tokenised, about.
    Tokenised {
        /// So far.
        bytes: u64,
        /// Of all files.
        of: u64,
    },
    /// Shards that are written.
    Written {
        /// So far.
        shards: u64,
        /// In all.
        of: u64,
    },
}

/// What a prepared folder holds: its `dataset.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// Version of this description.
    pub version: u32,
    /// Tokens of a sample.
    pub seq_len: u32,
    /// Tokens of the vocabulary.
    pub vocab: u32,
    /// The token that ends documents.
    pub eos: u32,
    /// How tokens are stored.
    pub token_type: TokenType,
    /// Digest of the `tokenizer.json`.
    pub tokenizer: Digest,
    /// Documents of all inputs.
    pub documents: u64,
    /// Samples to train on.
    pub train_samples: u64,
    /// Samples that are held out.
    pub heldout_samples: u64,
    /// Samples of a shard.
    pub shard_samples: u64,
    /// What it was made from and how; another preparation has another.
    pub source: Digest,
}

/// Why nothing was prepared. What was done so far is kept and used by the next attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The inputs.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// One of the files.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A folder with another dataset.
    #[error("{path:?} holds another dataset or the beginning of one; choose another folder, or delete it")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that another process is preparing.
    #[error("{path:?} is being prepared by process {process}; wait for it, or choose another folder")]
    Busy {
        /// The folder.
        path: PathBuf,
        /// The number of the process, as it wrote it.
        process: String,
    },
    /// A file cannot be read or written.
    #[error("{path:?}: {source}; check the free space and the rights of its folder")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A description that is none.
    #[error("dataset description {path:?} is damaged ({reason}); prepare the data again")]
    Description {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The shards.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// Options without meaning.
    #[error("option {option} is {value}; {remedy}")]
    Option {
        /// Which one.
        option: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// Too little text.
    #[error(
        "the text gives {tokens} training tokens, less than one sample of {seq_len}; add text or use shorter samples"
    )]
    TooShort {
        /// Tokens there are.
        tokens: u64,
        /// Tokens asked for.
        seq_len: u32,
    },
}

/// Files and folders to prepare; inside folders those with one of `extensions` are taken, and ones that are not
/// UTF-8 are passed over.
#[must_use]
pub fn text_sources(paths: Vec<PathBuf>, extensions: Vec<String>) -> Sources {
    Sources { paths, extensions, bytes_max: u64::MAX, file_bytes_max: u64::MAX, sampled: false }
}

/// Trains a tokenizer of at most `vocab` entries on a bounded sample of the text, spread over all files.
///
/// # Errors
/// If inputs are unreadable or malformed or hold no text, or `vocab` is too small.
pub fn train_tokenizer(options: &PrepareOptions, vocab: u32) -> Result<Tokenizer, PrepareError> {
    options.check()?;
    let files = parts::files(&options.sources)?;
    let texts = parts::sample(&files, options, TRAINING_BYTES_MAX as u64)?;
    let empty = || SourceError::Empty { paths: options.sources.paths.clone() };
    Ok(Tokenizer::train(&Corpus::from_texts(texts).ok_or_else(empty)?, vocab)?)
}

/// A way to fail with the path of a file.
fn at(path: &Path) -> impl Fn(std::io::Error) -> PrepareError + use<> {
    let path = path.to_owned();
    move |source| PrepareError::File { path: path.clone(), source }
}

/// Prepares `options.inputs` in `folder`, or goes on with what is there. `progress` is called from any thread.
///
/// # Errors
/// If inputs are unreadable or malformed, hold too little text, or the folder has another dataset or is being
/// prepared by another process.
pub fn prepare(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    folder: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<Prepared, PrepareError> {
    options.check()?;
    let files = parts::files(&options.sources)?;
    let source = options.source(tokenizer, &files);
    if let Some(found) = finished(folder, source)? {
        return Ok(found);
    }
    let lock = Lock::take(folder)?;
    // Another process may have finished it before this one had the lock.
    if let Some(found) = finished(folder, source)? {
        return Ok(found);
    }
    let recipe = options.recipe(tokenizer);
    let work = begin(folder, recipe, source, &files)?;
    let (parts, written) = match work_through(tokenizer, options, &files, folder, progress) {
        Ok(done) => done,
        Err(error) => {
            if is_of_no_use(&error, &files, &work) && fs::remove_dir_all(&work).is_ok() {
                drop(lock);
                // Other files may be in it by now.
                drop(fs::remove_dir(folder));
            }
            return Err(error);
        }
    };
    let prepared = Prepared {
        version: VERSION,
        seq_len: options.seq_len,
        vocab: tokenizer.vocab(),
        eos: tokenizer.eos(),
        token_type: TokenType::for_vocab(tokenizer.vocab()),
        tokenizer: tokenizer.digest(),
        documents: parts.iter().map(|part| part.documents).sum(),
        train_samples: written.train,
        heldout_samples: written.heldout,
        shard_samples: options.shard_samples,
        source,
    };
    files::write_atomic(&folder.join(TOKENIZER), tokenizer.json()).map_err(at(folder))?;
    let text = serde_json::to_vec_pretty(&prepared).expect("plain values become JSON");
    files::write_atomic(&folder.join(DESCRIPTION), &text).map_err(at(folder))?;
    fs::remove_dir_all(&work).map_err(at(&work))?;
    Ok(prepared)
}

/// The dataset that is in the folder already; an error where it is another one.
fn finished(folder: &Path, source: Digest) -> Result<Option<Prepared>, PrepareError> {
    if !folder.join(DESCRIPTION).exists() {
        return Ok(None);
    }
    let found = Prepared::read(folder)?;
    let same = found.source == source;
    if same { Ok(Some(found)) } else { Err(PrepareError::Occupied { path: folder.to_owned() }) }
}

/// Whether nothing of what was done can be used when the cause of a failure is mended.
fn is_of_no_use(error: &PrepareError, files: &[Input], work: &Path) -> bool {
    match error {
        PrepareError::TooShort { .. } => true,
        PrepareError::Document(DocumentError::Content { .. }) => {
            parts::done(files, work).is_ok_and(|(own, _)| own == 0)
        }
        _ => false,
    }
}

fn work_through(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    files: &[Input],
    folder: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<(Vec<Part>, write::Written), PrepareError> {
    let parts = parts::tokenise(tokenizer, options, files, &folder.join(WORK), progress)?;
    let written = write::write(tokenizer, options, &parts, folder, progress)?;
    Ok((parts, written))
}

impl Prepared {
    /// Reads the description of a prepared folder.
    ///
    /// # Errors
    /// If there is none, or it is of another version.
    pub fn read(folder: &Path) -> Result<Self, PrepareError> {
        let path = folder.join(DESCRIPTION);
        let bytes = files::read_bounded(&path, DESCRIPTION_BYTES_MAX).map_err(at(&path))?;
        let damaged = |reason: String| PrepareError::Description { path: path.clone(), reason };
        let prepared: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match prepared {
            Self { version: VERSION, seq_len: 2.., shard_samples: 1..=SHARD_SAMPLES_MAX, .. } => Ok(prepared),
            Self { version, .. } => Err(damaged(format!("version {version}, or numbers out of range"))),
        }
    }

    /// The samples to train on.
    ///
    /// # Errors
    /// If a shard is missing or damaged.
    pub fn training(&self, folder: &Path) -> Result<Shards, PrepareError> {
        let count = self.train_samples.div_ceil(self.shard_samples);
        let files: Vec<PathBuf> = (0..count).map(|number| folder.join(write::shard_name(number))).collect();
        Ok(Shards::open(&files, self.shard_options())?)
    }

    /// The samples that are held out, if any are.
    ///
    /// # Errors
    /// If their file is missing or damaged.
    pub fn held_out(&self, folder: &Path) -> Result<Option<Shards>, PrepareError> {
        if self.heldout_samples == 0 {
            return Ok(None);
        }
        Ok(Some(Shards::open(&[folder.join(write::HELDOUT)], self.shard_options())?))
    }

    /// The tokenizer that the folder was prepared with.
    ///
    /// # Errors
    /// If it is missing, or not the one that the description names.
    pub fn tokenizer(&self, folder: &Path) -> Result<Tokenizer, PrepareError> {
        let path = folder.join(TOKENIZER);
        let bytes = files::read_bounded(&path, FILE_BYTES_MAX).map_err(at(&path))?;
        let tokenizer = Tokenizer::from_json(bytes)?;
        if tokenizer.digest() != self.tokenizer {
            let reason = "its tokenizer is another one".to_owned();
            return Err(PrepareError::Description { path: folder.join(DESCRIPTION), reason });
        }
        Ok(tokenizer)
    }

    fn shard_options(&self) -> ShardOptions {
        ShardOptions { seq_len: self.seq_len as usize, vocab: self.vocab, bin: None }
    }
}

impl PrepareOptions {
    fn check(&self) -> Result<(), PrepareError> {
        let wrong = |option, value: String, remedy| Err(PrepareError::Option { option, value, remedy });
        if self.seq_len < 2 {
            return wrong("seq_len", self.seq_len.to_string(), "use at least 2 tokens");
        }
        if !(0.0..1.0).contains(&self.heldout_fraction) {
            return wrong("heldout_fraction", self.heldout_fraction.to_string(), "use a share in [0, 1)");
        }
        if !(1..=SHARD_SAMPLES_MAX).contains(&self.shard_samples) {
            return wrong("shard_samples", self.shard_samples.to_string(), "use 1 to 2^28 samples");
        }
        Ok(())
    }

    /// What tokens depend on beside the files.
    fn recipe(&self, tokenizer: &Tokenizer) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/prepare/recipe/v1");
        self.hash(tokenizer, &mut hasher);
        hasher.finish()
    }

    /// What the result depends on: the options, the tokenizer, and the names and lengths of the files.
    fn source(&self, tokenizer: &Tokenizer, files: &[Input]) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/prepare/v1");
        self.hash(tokenizer, &mut hasher);
        for file in files {
            hash_text(&file.name, &mut hasher);
        }
        for file in files {
            hasher.update(&file.bytes.to_le_bytes());
        }
        hasher.finish()
    }

    fn hash(&self, tokenizer: &Tokenizer, hasher: &mut Hasher) {
        hasher.update(&tokenizer.digest().0);
        for number in
            [u64::from(self.seq_len), self.seed, self.shard_samples, self.heldout_fraction.to_bits()]
        {
            hasher.update(&number.to_le_bytes());
        }
        hash_text(&self.field, hasher);
    }
}

fn hash_text(text: &str, hasher: &mut Hasher) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests;
