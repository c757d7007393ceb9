//! Documents: what the files of the sources hold, without repetitions.

use std::collections::HashSet;
use std::path::PathBuf;

use sn3_protocol::{Digest, digest::Hasher};

use super::documents::{DocumentError, Documents, Reading};
use super::sources::{SourceError, SourceFile, Sources};

/// Longer documents are cut at line ends into parts of at most this size, so that one large file is
/// tokenised in parallel and can be split into training and held-out text.
pub const DOCUMENT_BYTES_MAX: usize = 128 << 10;

/// The field or column with the text.
const FIELD: &str = "text";
/// Text that is read before its length is looked at.
const BATCH_BYTES: usize = 1 << 20;

/// A part of a document, or a whole one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Whether the document ends here, so that an end-of-text token follows.
    pub(super) ends: bool,
}

/// All documents of the sources, in the order of their files.
#[derive(Clone, Debug)]
pub struct Corpus {
    pub(super) parts: Vec<Part>,
    bytes: u64,
    digest: Digest,
}

/// Why sources make no corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The sources themselves.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file of them.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Packed files hold more than the bound.
    #[error(
        "{paths:?} hold more than {max} bytes of text when unpacked, and all of it is kept in memory; name fewer files, or let `sn3 data prepare` make shards of them"
    )]
    TooMuch {
        /// What was read.
        paths: Vec<PathBuf>,
        /// The bound.
        max: u64,
    },
    /// Files, but only white space in them.
    #[error("the {files} files of {paths:?} hold no text")]
    Blank {
        /// How many files there were.
        files: usize,
        /// What was searched.
        paths: Vec<PathBuf>,
    },
}

impl Corpus {
    /// Reads all files of `sources`; documents that occur twice are taken once.
    ///
    /// Inside folders a file that is not UTF-8 is passed over with a debug message; one that was named
    /// itself is an error.
    ///
    /// # Errors
    /// If a file cannot be read, is malformed, or there is no text at all.
    pub fn read(sources: &Sources) -> Result<Self, CorpusError> {
        let files = sources.files()?;
        let (mut texts, mut left) = (Vec::new(), sources.bytes_max);
        for file in &files {
            left = take(file, sources, left, &mut texts)?;
        }
        let blank = || CorpusError::Blank { files: files.len(), paths: sources.paths.clone() };
        Self::from_texts(texts).ok_or_else(blank)
    }

    /// A corpus of the given documents; `None` when there is no text in them.
    pub fn from_texts(texts: impl IntoIterator<Item = String>) -> Option<Self> {
        let (mut parts, mut seen, mut bytes) = (Vec::new(), HashSet::new(), 0);
        let mut hasher = Hasher::new();
        for text in texts {
            let digest = Digest::of(text.as_bytes());
            if !text.trim().is_empty() && seen.insert(digest) {
                hasher.update(&digest.0);
                bytes += text.len() as u64;
                cut(text, &mut parts);
            }
        }
        (!parts.is_empty()).then(|| Self { parts, bytes, digest: hasher.finish() })
    }

    /// Bytes of text.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The identity of the texts and their order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The documents, whole, in their order.
    pub fn documents(&self) -> impl Iterator<Item = String> + '_ {
        let whole = self.parts.chunk_by(|part, _| !part.ends);
        whole.map(|parts| parts.iter().map(|part| part.text.as_str()).collect())
    }

    /// About `bytes_max` bytes of text, taken evenly over the corpus.
    pub(crate) fn sample(&self, bytes_max: usize) -> Vec<&str> {
        let stride = (self.bytes as usize).div_ceil(bytes_max).max(1);
        let mut left = bytes_max;
        let spread = (0..stride).flat_map(|first| self.parts.iter().skip(first).step_by(stride));
        let within = spread.map_while(|part| {
            let taken = whole_chars(&part.text, left);
            left -= taken.len();
            (!taken.is_empty()).then_some(taken)
        });
        within.collect()
    }
}

/// The longest beginning of `text` with at most `bytes_max` bytes.
fn whole_chars(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Appends `text` as parts of at most [`DOCUMENT_BYTES_MAX`], cut after a line end where there is one.
fn cut(text: String, parts: &mut Vec<Part>) {
    if text.len() <= DOCUMENT_BYTES_MAX {
        parts.push(Part { text, ends: true });
        return;
    }
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let head = whole_chars(rest, DOCUMENT_BYTES_MAX);
        let at_line = head.rfind('\n').filter(|_| head.len() < rest.len()).map(|at| at + 1);
        let (part, tail) = rest.split_at(at_line.unwrap_or(head.len()));
        parts.push(Part { text: part.to_owned(), ends: tail.is_empty() });
        rest = tail;
    }
}

/// Appends the documents of a file and gives what is left of the bytes.
fn take(
    file: &SourceFile,
    sources: &Sources,
    mut left: u64,
    texts: &mut Vec<String>,
) -> Result<u64, CorpusError> {
    let named = sources.paths.contains(&file.path);
    let reading = Reading { field: FIELD, named, document_bytes_max: sources.bytes_max };
    let mut documents = Documents::open(&file.path, reading)?;
    while let Some(batch) = documents.batch(BATCH_BYTES)? {
        for text in batch {
            let too_much = || CorpusError::TooMuch { paths: sources.paths.clone(), max: sources.bytes_max };
            left = left.checked_sub(text.len() as u64).ok_or_else(too_much)?;
            texts.push(text);
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::packed::tests::{gzip, zstandard};

    fn texts(corpus: &Corpus) -> Vec<&str> {
        corpus.parts.iter().map(|p| p.text.as_str()).collect()
    }

    #[test]
    fn files_and_json_lines_become_documents_once_each() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), "one").unwrap();
        std::fs::write(dir.path().join("b.jsonl"), "{\"text\":\"two\",\"id\":1}\n\n{\"text\":\"one\"}\n")
            .unwrap();
        std::fs::write(dir.path().join("c.bin"), [0xff, 0xfe]).unwrap();
        let corpus = Corpus::read(&Sources::new(vec![dir.path().to_owned()])).unwrap();
        assert_eq!(texts(&corpus), ["one", "two"]);
        assert_eq!(corpus.bytes(), 6);
    }

    #[test]
    fn malformed_files_are_named_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let (json, binary) = (dir.path().join("x.jsonl"), dir.path().join("y.txt"));
        std::fs::write(&json, "{\"text\":\"good\"}\n{\"words\":1}\n").unwrap();
        std::fs::write(&binary, b"good\xff").unwrap();
        let error = Corpus::read(&Sources::new(vec![json])).unwrap_err().to_string();
        assert!(error.contains("x.jsonl\" line 2: no field \"text\""), "{error}");
        let error = Corpus::read(&Sources::new(vec![binary.clone()])).unwrap_err().to_string();
        assert!(error.contains("y.txt\" document 1: not UTF-8 text (first bad byte at 4)"), "{error}");
        std::fs::write(&binary, " \n ").unwrap();
        let error = Corpus::read(&Sources::new(vec![binary])).unwrap_err();
        assert!(matches!(error, CorpusError::Blank { files: 1, .. }), "{error}");
    }

    #[test]
    fn packed_files_give_the_same_corpus_and_are_bounded_by_their_text() {
        let lines: String =
            (0..40).map(|i| format!("{{\"text\":\"line {i} {}\"}}\n", "word ".repeat(9))).collect();
        let corpus = |name: &str, bytes: &[u8], bytes_max: u64| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(name), bytes).unwrap();
            Corpus::read(&Sources { bytes_max, ..Sources::new(vec![dir.path().to_owned()]) })
        };
        let plain = corpus("a.jsonl", lines.as_bytes(), 1 << 20).unwrap();
        for (name, bytes) in
            [("a.jsonl.gz", gzip(lines.as_bytes())), ("a.json.zst", zstandard(lines.as_bytes()))]
        {
            assert_eq!(corpus(name, &bytes, 1 << 20).unwrap().digest(), plain.digest(), "{name}");
            let error = corpus(name, &bytes, 1_000).unwrap_err();
            assert!(matches!(error, CorpusError::TooMuch { max: 1_000, .. }), "{error}");
        }
    }

    #[test]
    fn long_documents_are_cut_at_lines_and_lose_nothing() {
        let line = "möbius ".repeat(100) + "\n";
        let text = line.repeat(1000);
        let corpus = Corpus::from_texts([text.clone()]).unwrap();
        assert!(corpus.parts.len() > 5);
        assert!(corpus.parts.iter().all(|p| p.text.len() <= DOCUMENT_BYTES_MAX && p.text.ends_with('\n')));
        assert_eq!(corpus.parts.iter().filter(|p| p.ends).count(), 1);
        assert_eq!(texts(&corpus).concat(), text);
        let both = Corpus::from_texts([text.clone(), "short".to_owned()]).unwrap();
        assert_eq!(both.documents().collect::<Vec<_>>(), [text, "short".to_owned()]);
        let endless = "é".repeat(DOCUMENT_BYTES_MAX);
        assert_eq!(texts(&Corpus::from_texts([endless.clone()]).unwrap()).concat(), endless);
    }

    #[test]
    fn a_sample_is_bounded_and_spread() {
        let corpus = Corpus::from_texts((0..100).map(|i| format!("{i:010}"))).unwrap();
        let sample = corpus.sample(205);
        assert_eq!(sample.iter().map(|t| t.len()).sum::<usize>(), 205);
        assert_eq!(&sample[..3], ["0000000000", "0000000005", "0000000010"]);
    }
}
