//! Text files to token shards, once and for all: what `sn3 data prepare` does.
//!
//! ```text
//!  .jsonl, .parquet, text ─► documents ─► tokens, a part for each file ─► samples in the seed's order ─► shards
//!        (streamed)            (all threads)   (kept: resumable)                                          + ids
//! ```
//!
//! The result is a folder of `train_000000.npy` … with `sample_ids_000000.bin` … beside them, `heldout.npy`, the
//! tokenizer, and `dataset.json`, which is written last: a folder that has it is whole. A preparation that was
//! interrupted goes on with the first file or shard that is missing. Neither the number of threads nor an
//! interruption changes a byte.
//!
//! Documents are tokenised without special tokens, each followed by the end-of-text token, and joined; samples
//! are cut from the whole without regard to documents (training protocol, section 6). A document is held out by
//! the digest of its text and the seed, so that equal texts are on one side.

mod documents;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sn3_protocol::{Digest, digest::Hasher};

use super::shards::{ShardError, ShardOptions, Shards, TokenType};
use super::sources::{SourceError, SourceFile, Sources};
use crate::files;
use crate::tokenizer::{FILE_BYTES_MAX, Tokenizer, TokenizerError};
use documents::Documents;

/// Text that is tokenised together.
const BATCH_BYTES: usize = 8 << 20;
/// Longest description of a dataset that is read.
const DESCRIPTION_BYTES_MAX: u64 = 64 << 20;
const DESCRIPTION: &str = "dataset.json";
const TOKENIZER: &str = "tokenizer.json";
/// Unfinished work, beside the result until it is done.
const WORK: &str = "work";
const BEGUN: &str = "begun.json";
const VERSION: u32 = 1;
/// Most samples of a shard.
pub const SHARD_SAMPLES_MAX: u64 = 1 << 28;

/// How text becomes shards.
#[derive(Clone, Debug, PartialEq)]
pub struct PrepareOptions {
    /// Files and folders; inside folders `.jsonl`, `.parquet`, `.txt` and `.md` files are taken.
    pub inputs: Vec<PathBuf>,
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
    /// Bytes of files that are tokenised.
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
    /// A file that is not what its name says.
    #[error("{path:?} {place}: {reason}")]
    Document {
        /// The file.
        path: PathBuf,
        /// Line or row, counted from 1.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A folder with another dataset.
    #[error("{path:?} holds another dataset or the beginning of one; choose another folder, or delete it")]
    Occupied {
        /// The folder.
        path: PathBuf,
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

/// A way to fail with the path of a file.
fn at(path: &Path) -> impl Fn(std::io::Error) -> PrepareError + use<> {
    let path = path.to_owned();
    move |source| PrepareError::File { path: path.clone(), source }
}

/// Prepares `options.inputs` in `folder`, or goes on with what is there. `progress` is called from any thread.
///
/// # Errors
/// If inputs are unreadable or malformed, hold too little text, or the folder has another dataset.
pub fn prepare(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    folder: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<Prepared, PrepareError> {
    options.check()?;
    let files = options.sources().files()?;
    let source = options.source(tokenizer, &files)?;
    if folder.join(DESCRIPTION).exists() {
        let found = Prepared::read(folder)?;
        let same = found.source == source;
        return if same { Ok(found) } else { Err(PrepareError::Occupied { path: folder.to_owned() }) };
    }
    let work = begin(folder, source)?;
    let parts = tokenise(tokenizer, options, &files, &work, progress)?;
    let written = write::write(tokenizer, options, &parts, folder, progress)?;
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

    fn sources(&self) -> Sources {
        Sources {
            paths: self.inputs.clone(),
            extensions: ["jsonl", "parquet", "txt", "md"].map(str::to_owned).to_vec(),
            bytes_max: u64::MAX,
            file_bytes_max: u64::MAX,
            sampled: false,
        }
    }

    /// What the result depends on: the options, the tokenizer, and the names and lengths of the files.
    fn source(&self, tokenizer: &Tokenizer, files: &[SourceFile]) -> Result<Digest, PrepareError> {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/prepare/v1");
        hasher.update(&tokenizer.digest().0);
        for number in
            [u64::from(self.seq_len), self.seed, self.shard_samples, self.heldout_fraction.to_bits()]
        {
            hasher.update(&number.to_le_bytes());
        }
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for text in std::iter::once(self.field.clone()).chain(files.iter().map(|file| name(&file.path))) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        for file in files {
            let length = fs::metadata(&file.path).map_err(at(&file.path))?.len();
            hasher.update(&length.to_le_bytes());
        }
        Ok(hasher.finish())
    }
}

/// The folder of unfinished work, which must be of the same preparation.
fn begin(folder: &Path, source: Digest) -> Result<PathBuf, PrepareError> {
    let occupied = || PrepareError::Occupied { path: folder.to_owned() };
    let work = folder.join(WORK);
    let mark = work.join(BEGUN);
    if mark.exists() {
        let found = files::read_bounded(&mark, DESCRIPTION_BYTES_MAX).map_err(at(&mark))?;
        return if found == source.to_string().into_bytes() { Ok(work) } else { Err(occupied()) };
    }
    let used = folder.exists() && fs::read_dir(folder).map_err(at(folder))?.next().is_some();
    if used {
        return Err(occupied());
    }
    files::write_atomic(&mark, source.to_string().as_bytes()).map_err(at(&mark))?;
    Ok(work)
}

/// The tokens of one file: two flat files of u32, and how many documents they came from.
#[derive(Clone, Debug)]
struct Part {
    train: PathBuf,
    heldout: PathBuf,
    documents: u64,
}

fn tokenise(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    files: &[SourceFile],
    work: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<Vec<Part>, PrepareError> {
    let lengths: Vec<u64> = files
        .iter()
        .map(|file| fs::metadata(&file.path).map(|data| data.len()).map_err(at(&file.path)))
        .collect::<Result<_, PrepareError>>()?;
    let (of, mut bytes) = (lengths.iter().sum(), 0);
    let mut parts = Vec::with_capacity(files.len());
    for (number, (file, length)) in files.iter().zip(lengths).enumerate() {
        let part = work.join(format!("part-{number:06}"));
        parts.push(one_file(tokenizer, options, &file.path, &part)?);
        bytes += length;
        progress(PrepareProgress::Tokenised { bytes, of });
    }
    Ok(parts)
}

/// Tokenises a file, unless that was done before: its number of documents is written last.
fn one_file(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    path: &Path,
    part: &Path,
) -> Result<Part, PrepareError> {
    let (train, heldout, done) =
        (part.with_extension("train"), part.with_extension("heldout"), part.with_extension("done"));
    if let Ok(text) = fs::read_to_string(&done)
        && let Ok(documents) = text.parse()
    {
        return Ok(Part { train, heldout, documents });
    }
    let mut documents = Documents::open(path, &options.field)?;
    let mut count = 0;
    let mut failure = None;
    let written = files::write_atomic_with(&train, |to_train| {
        files::write_atomic_with(&heldout, |to_heldout| {
            while let Some(batch) = documents.batch(BATCH_BYTES).map_err(|e| keep(&mut failure, e))? {
                let tokens = encode(tokenizer, options, &batch).map_err(|e| keep(&mut failure, e))?;
                for (held, tokens) in tokens {
                    write::write_tokens(if held { &mut *to_heldout } else { &mut *to_train }, &tokens)?;
                }
                count += batch.len() as u64;
            }
            Ok(())
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    written.map_err(at(part))?;
    files::write_atomic(&done, count.to_string().as_bytes()).map_err(at(&done))?;
    Ok(Part { train, heldout, documents: count })
}

/// Keeps an error that a writer of files cannot carry.
fn keep(failure: &mut Option<PrepareError>, error: PrepareError) -> std::io::Error {
    *failure = Some(error);
    std::io::Error::other("the input failed")
}

/// The tokens of documents in their order, and whether each is held out.
fn encode(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    texts: &[String],
) -> Result<Vec<(bool, Vec<u32>)>, PrepareError> {
    let encode = |text: &String| {
        let mut tokens = tokenizer.encode(text)?;
        tokens.push(tokenizer.eos());
        Ok::<_, PrepareError>((is_held_out(text, options.seed, options.heldout_fraction), tokens))
    };
    texts.par_iter().map(encode).collect()
}

/// Whether the first 64 bits of the digest of seed and text are within the share.
fn is_held_out(text: &str, seed: u64, share: f64) -> bool {
    let mut hasher = Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(text.as_bytes());
    let digest = hasher.finish().0;
    let number = u64::from_le_bytes(std::array::from_fn(|i| digest[i]));
    (number as f64) < share * u64::MAX as f64
}

#[cfg(test)]
mod tests;
