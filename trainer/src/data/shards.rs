//! Token shards as other tools write them: flat arrays of tokens in `.npy` or `.bin` files, memory-mapped
//! (training protocol, section 6).
//!
//! Sample `i` of a shard is `tokens[seq_len · i .. seq_len · (i + 1)]`. Its id is the little-endian u64 of the
//! 8-byte BLAKE2b of its tokens as little-endian u32, kept in a file beside the shard or computed when asked for.

mod npy;

pub(super) use npy::header as npy_header;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sn3_protocol::{Digest, digest::Hasher};

use super::samples::Samples;
use super::store::sample_id;

/// Most shards of one set.
pub const SHARDS_MAX: usize = 1 << 16;
/// Samples of each shard that the identity of a set looks at.
const IDENTITY_SAMPLES: u64 = 16;

/// How a token is stored; always little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// Two bytes: vocabularies up to 65,536.
    U16,
    /// Four bytes.
    U32,
}

impl TokenType {
    /// The smallest that holds every token of a vocabulary.
    #[must_use]
    pub fn for_vocab(vocab: u32) -> Self {
        if vocab <= 1 << 16 { Self::U16 } else { Self::U32 }
    }

    /// Bytes of a token.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }
}

/// Why shards cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// No files, or too many.
    #[error("{0} shards are given; give 1 to {SHARDS_MAX} files that end in .npy or .bin")]
    Count(usize),
    /// A file cannot be read or mapped.
    #[error("shard {path:?} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A `.npy` header that is not understood.
    #[error("shard {path:?} is no array of tokens: {reason}; save a one-dimensional uint16 or uint32 array")]
    Header {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },
    /// A `.bin` file without a type.
    #[error("shard {path:?} does not say how its tokens are stored; name u16 or u32")]
    NoType {
        /// The file.
        path: PathBuf,
    },
    /// Bytes that are no whole number of samples.
    #[error(
        "shard {path:?} has {bytes} bytes of tokens, which is no whole number of samples of {sample_bytes}; it was cut short or made for another sequence length"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes of tokens.
        bytes: usize,
        /// Bytes of one sample.
        sample_bytes: usize,
    },
    /// A token that the model has no row for.
    #[error(
        "shard {path:?} sample {sample} has token {token}, outside the vocabulary of {vocab}; it was made with another tokenizer or stored with another width"
    )]
    Token {
        /// The file.
        path: PathBuf,
        /// The sample, counted in its shard.
        sample: u64,
        /// The token.
        token: u32,
        /// The model's tokens.
        vocab: u32,
    },
    /// An id that does not belong to its sample.
    #[error(
        "shard {path:?} sample {sample} has id {found:016x} in its file of ids, its tokens give {expected:016x}; delete the file of ids"
    )]
    Id {
        /// The file.
        path: PathBuf,
        /// The sample, counted in its shard.
        sample: u64,
        /// What the file says.
        found: u64,
        /// What the tokens say.
        expected: u64,
    },
    /// Samples of a length without meaning.
    #[error("samples of {0} tokens cannot be trained on; use at least 2")]
    SeqLen(usize),
}

/// What shards are opened for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardOptions {
    /// Tokens of a sample.
    pub seq_len: usize,
    /// Tokens of the model's vocabulary.
    pub vocab: u32,
    /// How tokens of `.bin` files are stored; `.npy` files say it themselves.
    pub bin: Option<TokenType>,
}

/// A mapped file of tokens.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    map: Mmap,
    /// Where the tokens begin.
    start: usize,
    kind: TokenType,
    samples: u64,
    /// Number of the first sample in the set.
    first: u64,
    ids: Option<Ids>,
}

/// A mapped file of ids.
#[derive(Debug)]
struct Ids {
    map: Mmap,
    start: usize,
}

/// Shards that are one long list of samples.
#[derive(Debug)]
pub struct Shards {
    shards: Vec<Shard>,
    seq_len: usize,
    vocab: u32,
}

impl Shards {
    /// Maps `files` in the given order. Lengths and headers are checked now, tokens when they are read; see
    /// [`Shards::verify`] for all of them at once.
    ///
    /// # Errors
    /// If a file cannot be read, is of an unknown type, or holds no whole number of samples.
    pub fn open(files: &[PathBuf], options: ShardOptions) -> Result<Self, ShardError> {
        if files.is_empty() || files.len() > SHARDS_MAX {
            return Err(ShardError::Count(files.len()));
        }
        if options.seq_len < 2 {
            return Err(ShardError::SeqLen(options.seq_len));
        }
        let (mut shards, mut first) = (Vec::with_capacity(files.len()), 0);
        for path in files {
            let shard = Shard { first, ..Shard::open(path, options)? };
            first += shard.samples;
            shards.push(shard);
        }
        Ok(Self { shards, seq_len: options.seq_len, vocab: options.vocab })
    }

    /// The id of a sample, from the file of ids where there is one.
    ///
    /// # Errors
    /// If it must be computed and a token is out of range.
    ///
    /// # Panics
    /// If `index` is not below [`Samples::count`].
    pub fn id(&self, index: u64) -> Result<u64, ShardError> {
        let (shard, at) = self.find(index);
        match shard.stored_id(at) {
            Some(id) => Ok(id),
            None => Ok(sample_id(&shard.sample(at, self.seq_len, self.vocab)?)),
        }
    }

    /// Reads everything: every token against the vocabulary, every stored id against its tokens. `progress`
    /// is told the number of samples done so far, now and then, from any thread.
    ///
    /// # Errors
    /// The first fault, by the order of the samples.
    pub fn verify(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<(), ShardError> {
        const BLOCK_SAMPLES: u64 = 1024;
        let done = std::sync::atomic::AtomicU64::new(0);
        let blocks = self.count().div_ceil(BLOCK_SAMPLES);
        let faults = (0..blocks).into_par_iter().map(|block| {
            let range = block * BLOCK_SAMPLES..((block + 1) * BLOCK_SAMPLES).min(self.count());
            let samples = range.end - range.start;
            range.into_iter().try_for_each(|index| self.verify_sample(index))?;
            progress(done.fetch_add(samples, std::sync::atomic::Ordering::Relaxed) + samples);
            Ok(())
        });
        faults.find_first(|result: &Result<(), ShardError>| result.is_err()).unwrap_or(Ok(()))
    }

    fn verify_sample(&self, index: u64) -> Result<(), ShardError> {
        let (shard, sample) = self.find(index);
        let expected = sample_id(&shard.sample(sample, self.seq_len, self.vocab)?);
        match shard.stored_id(sample) {
            Some(found) if found != expected => {
                Err(ShardError::Id { path: shard.path.clone(), sample, found, expected })
            }
            _ => Ok(()),
        }
    }

    /// The shard of a sample, and its number there.
    fn find(&self, index: u64) -> (&Shard, u64) {
        assert!(index < self.count(), "sample {index} of {}", self.count());
        let shard = &self.shards[self.shards.partition_point(|shard| shard.first <= index) - 1];
        (shard, index - shard.first)
    }
}

impl Samples for Shards {
    fn count(&self) -> u64 {
        self.shards.last().map_or(0, |last| last.first + last.samples)
    }

    fn seq_len(&self) -> usize {
        self.seq_len
    }

    fn vocab(&self) -> u32 {
        self.vocab
    }

    /// Over every shard's type and length and the bytes of 16 of its samples, evenly spread; reading all would
    /// take minutes for each terabyte.
    fn identity(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/shards/v1");
        hasher.update(&(self.seq_len as u64).to_le_bytes());
        for shard in &self.shards {
            hasher.update(&[shard.kind.bytes() as u8]);
            hasher.update(&shard.samples.to_le_bytes());
            let looked_at = IDENTITY_SAMPLES.min(shard.samples);
            for number in 0..looked_at {
                hasher.update(shard.sample_bytes(number * shard.samples / looked_at, self.seq_len));
            }
        }
        hasher.finish()
    }

    fn sample(&self, index: u64) -> Result<Vec<u32>, ShardError> {
        let (shard, at) = self.find(index);
        shard.sample(at, self.seq_len, self.vocab)
    }
}

impl Shard {
    fn open(path: &Path, options: ShardOptions) -> Result<Self, ShardError> {
        let map = map(path)?;
        let (start, kind) = match extension(path) {
            "npy" => {
                let header = npy::Header::read(&map);
                let header = header.map_err(|reason| ShardError::Header { path: path.to_owned(), reason })?;
                (header.start, header.kind)
            }
            _ => (0, options.bin.ok_or_else(|| ShardError::NoType { path: path.to_owned() })?),
        };
        let (bytes, sample_bytes) = (map.len() - start, options.seq_len * kind.bytes());
        if bytes == 0 || bytes % sample_bytes != 0 {
            return Err(ShardError::Length { path: path.to_owned(), bytes, sample_bytes });
        }
        let samples = (bytes / sample_bytes) as u64;
        let ids = Ids::beside(path)?;
        Ok(Self { path: path.to_owned(), map, start, kind, samples, first: 0, ids })
    }

    fn sample_bytes(&self, sample: u64, seq_len: usize) -> &[u8] {
        let bytes = seq_len * self.kind.bytes();
        &self.map[self.start + sample as usize * bytes..][..bytes]
    }

    fn sample(&self, sample: u64, seq_len: usize, vocab: u32) -> Result<Vec<u32>, ShardError> {
        let bytes = self.sample_bytes(sample, seq_len);
        let tokens: Vec<u32> = match self.kind {
            TokenType::U16 => {
                bytes.as_chunks::<2>().0.iter().map(|&bytes| u32::from(u16::from_le_bytes(bytes))).collect()
            }
            TokenType::U32 => {
                bytes.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
            }
        };
        match tokens.iter().find(|&&token| token >= vocab) {
            Some(&token) => Err(ShardError::Token { path: self.path.clone(), sample, token, vocab }),
            None => Ok(tokens),
        }
    }

    /// Fewer ids than samples leave the last ones without.
    fn stored_id(&self, sample: u64) -> Option<u64> {
        let ids = self.ids.as_ref()?;
        let bytes = ids.map.get(ids.start + 8 * usize::try_from(sample).ok()?..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    }
}

impl Ids {
    /// The file of ids beside a shard, if there is one: `train_000007.npy` has `sample_ids_000007.npy` (or
    /// `.bin`), any other `NAME.npy` has `NAME.ids.bin`.
    fn beside(shard: &Path) -> Result<Option<Self>, ShardError> {
        let stem = shard.file_stem().unwrap_or_default().to_string_lossy();
        let names = match stem.strip_prefix("train_") {
            Some(number) => vec![format!("sample_ids_{number}.npy"), format!("sample_ids_{number}.bin")],
            None => vec![format!("{stem}.ids.bin")],
        };
        let path = names.iter().map(|name| shard.with_file_name(name)).find(|path| path.is_file());
        let Some(path) = path else { return Ok(None) };
        let map = map(&path)?;
        let start = match extension(&path) {
            "npy" => {
                npy::ids_start(&map).map_err(|reason| ShardError::Header { path: path.clone(), reason })?
            }
            _ => 0,
        };
        Ok(Some(Self { map, start }))
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Maps a shard for reading.
fn map(path: &Path) -> Result<Mmap, ShardError> {
    let at = |source| ShardError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(at)?;
    // SAFETY: the file is only read. A program that truncates it meanwhile ends this process with SIGBUS, as for
    // every mapped file; changed bytes are other tokens, each of which is checked when it is read.
    #[allow(unsafe_code)]
    unsafe { Mmap::map(&file) }.map_err(at)
}

#[cfg(test)]
mod tests;
