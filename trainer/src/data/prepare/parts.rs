//! Files to parts: the tokens of neighbouring files, kept until the shards are written.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sn3_protocol::digest::Hasher;

use super::documents::Documents;
use super::{PrepareError, PrepareOptions, PrepareProgress, at, write};
use crate::data::sources::Sources;
use crate::files;
use crate::tokenizer::Tokenizer;

/// Text that is tokenised together.
const BATCH_BYTES: usize = 8 << 20;
/// Files are put together until they have so many bytes: thousands of small ones are not worth a part each.
const GROUP_BYTES: u64 = 32 << 20;

/// A file to read.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Its own name, without folders.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Whether the user named it; one that was found in a folder may turn out to be no text.
    named: bool,
}

/// The files of `sources` in their order.
pub(super) fn files(sources: &Sources) -> Result<Vec<Input>, PrepareError> {
    let input = |path: PathBuf| {
        let bytes = fs::metadata(&path).map_err(at(&path))?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = sources.paths.contains(&path);
        Ok(Input { path, name, bytes, named })
    };
    sources.files()?.into_iter().map(|file| input(file.path)).collect()
}

/// The documents of several files, one file after another.
struct Chain<'a> {
    files: std::slice::Iter<'a, Input>,
    field: &'a str,
    current: Option<Documents>,
}

impl<'a> Chain<'a> {
    fn new(files: &'a [Input], field: &'a str) -> Self {
        Self { files: files.iter(), field, current: None }
    }

    /// The next documents, together about `bytes` long; none at the end.
    fn batch(&mut self, bytes: usize) -> Result<Option<Vec<String>>, PrepareError> {
        let (mut batch, mut taken) = (Vec::new(), 0);
        while taken < bytes {
            let Some(documents) = &mut self.current else {
                let Some(file) = self.files.next() else { break };
                self.current = Some(Documents::open(&file.path, self.field, file.named)?);
                continue;
            };
            match documents.batch(bytes - taken)? {
                Some(mut texts) => {
                    taken += texts.iter().map(String::len).sum::<usize>();
                    batch.append(&mut texts);
                }
                None => self.current = None,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

/// About `bytes_max` bytes of text, from every file as much as its length deserves.
pub(super) fn sample(
    files: &[Input],
    options: &PrepareOptions,
    bytes_max: u64,
) -> Result<Vec<String>, PrepareError> {
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let (mut texts, mut taken, mut passed) = (Vec::new(), 0u64, 0u64);
    for file in files {
        passed += file.bytes;
        let due = (u128::from(bytes_max.min(total)) * u128::from(passed) / u128::from(total.max(1))) as u64;
        let mut documents = Documents::open(&file.path, &options.field, file.named)?;
        while taken < due {
            let Some(batch) = documents.batch((due - taken) as usize)? else { break };
            for mut text in batch {
                // Never above what is due, or the last files would get nothing.
                text.truncate(text.floor_char_boundary((due - taken) as usize));
                taken += text.len() as u64;
                texts.push(text);
            }
        }
    }
    Ok(texts)
}

/// The tokens of a group of files: two flat files of u32, and how many documents they came from.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) train: PathBuf,
    pub(super) heldout: PathBuf,
    pub(super) documents: u64,
}

/// Neighbouring files with about [`GROUP_BYTES`] together.
fn groups(files: &[Input]) -> Vec<Range<usize>> {
    let (mut groups, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (index, file) in files.iter().enumerate() {
        bytes += file.bytes;
        if bytes >= GROUP_BYTES || index + 1 == files.len() {
            groups.push(begin..index + 1);
            (begin, bytes) = (index + 1, 0);
        }
    }
    groups
}

pub(super) fn tokenise(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    files: &[Input],
    work: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<Vec<Part>, PrepareError> {
    let (of, mut done) = (files.iter().map(|file| file.bytes).sum(), 0);
    let mut parts = Vec::new();
    for (number, group) in groups(files).into_iter().enumerate() {
        let files = &files[group];
        let length = files.iter().map(|file| file.bytes).sum::<u64>();
        let part = work.join(format!("part-{number:06}"));
        // Text may be longer than its file, where that is compressed, or shorter.
        let tell = |bytes: u64| progress(PrepareProgress::Tokenised { bytes: done + bytes.min(length), of });
        parts.push(one_group(tokenizer, options, files, &part, &tell)?);
        done += length;
        progress(PrepareProgress::Tokenised { bytes: done, of });
    }
    Ok(parts)
}

/// Tokenises a group, unless that was done before: its number of documents is written last.
fn one_group(
    tokenizer: &Tokenizer,
    options: &PrepareOptions,
    inputs: &[Input],
    part: &Path,
    tell: &dyn Fn(u64),
) -> Result<Part, PrepareError> {
    let (train, heldout, done) =
        (part.with_extension("train"), part.with_extension("heldout"), part.with_extension("done"));
    if let Ok(text) = fs::read_to_string(&done)
        && let Ok(documents) = text.parse()
    {
        return Ok(Part { train, heldout, documents });
    }
    let mut chain = Chain::new(inputs, &options.field);
    let (mut count, mut bytes, mut failure) = (0, 0, None);
    let written = files::write_atomic_with(&train, |to_train| {
        files::write_atomic_with(&heldout, |to_heldout| {
            while let Some(batch) = chain.batch(BATCH_BYTES).map_err(|e| keep(&mut failure, e))? {
                let tokens = encode(tokenizer, options, &batch).map_err(|e| keep(&mut failure, e))?;
                for (held, tokens) in tokens {
                    write::write_tokens(if held { &mut *to_heldout } else { &mut *to_train }, &tokens)?;
                }
                count += batch.len() as u64;
                bytes += batch.iter().map(|text| text.len() as u64).sum::<u64>();
                tell(bytes);
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
