//! Files to parts: the tokens of neighbouring files, kept until the shards are written.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sn3_protocol::digest::Hasher;

use super::{PrepareError, PrepareOptions, PrepareProgress, at, write};
use crate::data::documents::{DocumentError, Documents, Reading};
use crate::data::sources::Sources;
use crate::files;
use crate::tokenizer::Tokenizer;

/// Text that is tokenised together.
const BATCH_BYTES: usize = 8 << 20;
/// Files are put together until they have so many bytes: thousands of small ones are not worth a part each.
const GROUP_BYTES: u64 = 32 << 20;

/// Ending of the file that is written when a part is done.
const DONE: &str = "done";
/// Longest line of a `.jsonl` file, longest row of a Parquet file, and longest text file.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

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

impl Input {
    fn documents(&self, field: &str) -> Result<Documents, DocumentError> {
        let reading = Reading { field, named: self.named, document_bytes_max: DOCUMENT_BYTES_MAX };
        Documents::open(&self.path, reading)
    }

    /// Bytes of its text; where there are more, `bytes_max` only.
    fn text_bytes(&self, field: &str, bytes_max: u64) -> Result<u64, DocumentError> {
        let (mut documents, mut bytes) = (self.documents(field)?, 0);
        while bytes < bytes_max
            && let Some(batch) = documents.batch((bytes_max - bytes) as usize)?
        {
            bytes += batch.iter().map(|text| text.len() as u64).sum::<u64>();
        }
        Ok(bytes.min(bytes_max))
    }
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
    fn batch(&mut self, bytes: usize) -> Result<Option<Vec<String>>, DocumentError> {
        let (mut batch, mut taken) = (Vec::new(), 0);
        while taken < bytes {
            let Some(documents) = &mut self.current else {
                let Some(file) = self.files.next() else { break };
                self.current = Some(file.documents(self.field)?);
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

/// At most `bytes_max` bytes of text, from every file as much as its text deserves; a text that is longer than
/// `bytes_max` counts as that long. It is the same for the same documents, however their files are packed.
pub(super) fn sample(
    files: &[Input],
    options: &PrepareOptions,
    bytes_max: u64,
) -> Result<Vec<String>, PrepareError> {
    let length = |file: &Input| file.text_bytes(&options.field, bytes_max);
    let lengths = files.par_iter().map(length).collect::<Vec<_>>();
    let lengths = lengths.into_iter().collect::<Result<Vec<u64>, DocumentError>>()?;
    let total: u64 = lengths.iter().sum();
    let (mut texts, mut taken, mut passed) = (Vec::new(), 0u64, 0u64);
    for (file, length) in files.iter().zip(lengths) {
        passed += length;
        let due = (u128::from(bytes_max.min(total)) * u128::from(passed) / u128::from(total.max(1))) as u64;
        let mut documents = file.documents(&options.field)?;
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

/// A part's name follows from its files, so that it is found again when others are mended, added or left out.
fn name(files: &[Input]) -> String {
    let mut hasher = Hasher::new();
    for file in files {
        let path = file.path.as_os_str().as_encoded_bytes();
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path);
        hasher.update(&file.bytes.to_le_bytes());
    }
    format!("part-{}", hasher.finish())
}

/// How many parts of these files are done, and how many are done in all.
pub(super) fn done(files: &[Input], work: &Path) -> Result<(usize, usize), PrepareError> {
    let own = groups(files).into_iter().map(|group| work.join(name(&files[group])).with_extension(DONE));
    let own = own.filter(|path| path.exists()).count();
    let entries = fs::read_dir(work).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(at(work))?;
    let all = entries.iter().filter(|entry| entry.path().extension().is_some_and(|end| end == DONE)).count();
    Ok((own, all))
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
    for group in groups(files) {
        let files = &files[group];
        let length = files.iter().map(|file| file.bytes).sum::<u64>();
        let part = work.join(name(files));
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
        (part.with_extension("train"), part.with_extension("heldout"), part.with_extension(DONE));
    if let Ok(text) = fs::read_to_string(&done)
        && let Ok(documents) = text.parse()
    {
        return Ok(Part { train, heldout, documents });
    }
    let mut chain = Chain::new(inputs, &options.field);
    let (mut count, mut bytes, mut failure) = (0, 0, None);
    let written = files::write_atomic_with(&train, |to_train| {
        files::write_atomic_with(&heldout, |to_heldout| {
            while let Some(batch) = chain.batch(BATCH_BYTES).map_err(|e| keep(&mut failure, e.into()))? {
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
