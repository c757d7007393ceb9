//! Parts to shards: samples in the seed's order.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;
use rayon::prelude::*;

use super::{Part, PrepareError, PrepareOptions, PrepareProgress, at};
use crate::data::shards::{TokenType, npy_header};
use crate::data::store::sample_id;
use crate::files;
use crate::order::Order;
use crate::tokenizer::Tokenizer;

/// The file with what is held out, and that with its ids.
pub(super) const HELDOUT: &str = "heldout.npy";
const HELDOUT_IDS: &str = "heldout.ids.bin";

/// Samples that were written.
pub(super) struct Written {
    pub(super) train: u64,
    pub(super) heldout: u64,
}

pub(super) fn shard_name(number: u64) -> String {
    format!("train_{number:06}.npy")
}

fn ids_name(number: u64) -> String {
    format!("sample_ids_{number:06}.bin")
}

/// Whether a file has the name of one that is written here.
pub(super) fn is_shard(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let numbered = |begin: &str, end: &str| {
        let number = name.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    [HELDOUT, HELDOUT_IDS].contains(&&*name) || numbered("train_", ".npy") || numbered("sample_ids_", ".bin")
}

/// Writes all shards that are not there yet, several at a time.
pub(super) fn write(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    parts: &[Part],
    folder: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<Written, PrepareError> {
    let seq_len = u64::from(options.seq_len);
    let kind = TokenType::for_vocab(tokenizer.vocab());
    let train = Stream::open(parts.iter().map(|part| part.train.as_path()))?;
    let heldout = Stream::open(parts.iter().map(|part| part.heldout.as_path()))?;
    let written = Written { train: train.tokens / seq_len, heldout: heldout.tokens / seq_len };
    if written.train == 0 {
        return Err(PrepareError::TooShort { tokens: train.tokens, seq_len: options.seq_len });
    }
    let of = written.train.div_ceil(options.shard_samples);
    let (order, done) = (Order::new(written.train, options.seed), AtomicU64::new(0));
    let shard = |number: u64| {
        let first = number * options.shard_samples;
        let samples = first..(first + options.shard_samples).min(written.train);
        let names = [shard_name(number), ids_name(number)].map(|name| folder.join(name));
        write_shard(&train, kind, seq_len, samples.map(|at| order.at(at)), &names)?;
        progress(PrepareProgress::Written { shards: done.fetch_add(1, Ordering::Relaxed) + 1, of });
        Ok::<(), PrepareError>(())
    };
    (0..of).into_par_iter().map(shard).collect::<Result<(), PrepareError>>()?;
    if written.heldout > 0 {
        let names = [HELDOUT, HELDOUT_IDS].map(|name| folder.join(name));
        write_shard(&heldout, kind, seq_len, 0..written.heldout, &names)?;
    }
    Ok(written)
}

/// Writes a shard and then its ids; both are there already where an earlier attempt came so far.
fn write_shard(
    stream: &Stream,
    kind: TokenType,
    seq_len: u64,
    samples: impl Iterator<Item = u64> + Clone,
    [tokens, ids]: &[std::path::PathBuf; 2],
) -> Result<(), PrepareError> {
    if tokens.exists() && ids.exists() {
        return Ok(());
    }
    let count = samples.clone().count() as u64;
    let mut all_ids = Vec::with_capacity(8 * count as usize);
    let write = |file: &mut io::BufWriter<File>| {
        file.write_all(&npy_header(kind, count * seq_len))?;
        for sample in samples {
            let tokens = stream.read(sample * seq_len, seq_len as usize);
            all_ids.extend(sample_id(&tokens).to_le_bytes());
            match kind {
                TokenType::U16 => {
                    tokens.iter().try_for_each(|&t| file.write_all(&(t as u16).to_le_bytes()))?
                }
                TokenType::U32 => write_tokens(file, &tokens)?,
            }
        }
        Ok(())
    };
    files::write_atomic_with(tokens, write).map_err(at(tokens))?;
    files::write_atomic(ids, &all_ids).map_err(at(ids))
}

pub(super) fn write_tokens(file: &mut impl Write, tokens: &[u32]) -> io::Result<()> {
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    file.write_all(&bytes)
}

/// The tokens of all parts as one sequence.
struct Stream {
    /// Each part with the number of its first token; empty ones are left out.
    parts: Vec<(u64, Mmap)>,
    tokens: u64,
}

impl Stream {
    fn open<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Self, PrepareError> {
        let mut stream = Self { parts: Vec::new(), tokens: 0 };
        for path in paths {
            let file = File::open(path).map_err(at(path))?;
            if file.metadata().map_err(at(path))?.len() == 0 {
                continue;
            }
            // SAFETY: parts are written whole, renamed, and not changed until they are removed at the end of
            // this preparation. A program that truncates one meanwhile ends this process with SIGBUS, as for
            // every mapped file.
            #[allow(unsafe_code)]
            let map = unsafe { Mmap::map(&file) }.map_err(at(path))?;
            let tokens = map.len() as u64 / 4;
            stream.parts.push((stream.tokens, map));
            stream.tokens += tokens;
        }
        Ok(stream)
    }

    /// `count` tokens from number `first` on, from as many parts as it takes.
    fn read(&self, first: u64, count: usize) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(count);
        let mut part = self.parts.partition_point(|(start, _)| *start <= first) - 1;
        let mut at = (first - self.parts[part].0) as usize;
        while tokens.len() < count {
            let (values, _) = self.parts[part].1.as_chunks::<4>();
            let end = values.len().min(at + count - tokens.len());
            tokens.extend(values[at..end].iter().map(|value| u32::from_le_bytes(*value)));
            (part, at) = (part + 1, 0);
        }
        tokens
    }
}
