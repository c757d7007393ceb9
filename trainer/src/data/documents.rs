//! Documents of one file, a batch at a time, so that files larger than memory can be read.
//!
//! | name, `.gz`, `.zst` or `.zstd` after it or not | documents |
//! |---|---|
//! | `.jsonl` | one a line: its field |
//! | `.json` whose first line is an object with the field | the same |
//! | `.parquet` (packed inside, never as a whole) | one a row: its column |
//! | everything else | the whole file, which must be UTF-8 |

mod rows;

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::packed::{self, Packing, Text};
use rows::Rows;

/// Why a file gives no documents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It cannot be read.
    #[error("{path:?}: {source}; check the disk, and the rights of the file")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what its name says.
    #[error("{path:?} {place}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Line or row, counted from 1.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// What is taken for a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The field or column with the text.
    pub(super) field: &'a str,
    /// Whether a file that is no text is an error; one that was found in a folder is passed over.
    pub(super) named: bool,
    /// Longest line of JSON, and longest text file.
    pub(super) document_bytes_max: u64,
}

/// The documents of a file that are still to come.
pub(super) struct Documents {
    path: PathBuf,
    field: String,
    named: bool,
    document_bytes_max: u64,
    kind: Kind,
    /// Lines or rows read so far.
    place: u64,
}

enum Kind {
    Lines(Text),
    Rows(Box<Rows>),
    /// A file that is one document, until it was read.
    Whole(Option<Text>),
}

impl Documents {
    /// Opens a file.
    pub(super) fn open(path: &Path, reading: Reading<'_>) -> Result<Self, DocumentError> {
        let Reading { field, named, document_bytes_max } = reading;
        let mut documents = Self {
            path: path.to_owned(),
            field: field.to_owned(),
            named,
            document_bytes_max,
            kind: Kind::Whole(None),
            place: 0,
        };
        documents.kind = documents.kind()?;
        Ok(documents)
    }

    fn kind(&self) -> Result<Kind, DocumentError> {
        let system = |source| DocumentError::File { path: self.path.clone(), source };
        match (packed::extension(&self.path), Packing::of(&self.path)) {
            (Some("parquet"), Some(_)) => {
                Err(self.wrong_file("a Parquet file that is packed as a whole; unpack it"))
            }
            (Some("tar"), Some(_)) => Err(self.wrong_file("an archive; unpack it and name its folder")),
            (Some("parquet"), None) => {
                let rows = Rows::open(File::open(&self.path).map_err(system)?, &self.field);
                Ok(Kind::Rows(Box::new(rows.map_err(|reason| self.wrong_file(reason))?)))
            }
            (Some("jsonl"), _) => Ok(Kind::Lines(packed::open(&self.path).map_err(system)?)),
            (Some("json"), _) => self.json(packed::open(&self.path).map_err(system)?),
            _ => Ok(Kind::Whole(Some(packed::open(&self.path).map_err(system)?))),
        }
    }

    /// Lines where the first one is an object with the field, as C4 and Dolma are published; else a text.
    fn json(&self, mut text: Text) -> Result<Kind, DocumentError> {
        let mut first = Vec::new();
        text.by_ref()
            .take(self.document_bytes_max)
            .read_until(b'\n', &mut first)
            .map_err(|error| self.unread("line 1".to_owned(), error))?;
        let value = serde_json::from_slice::<Value>(&first).unwrap_or_default();
        let lines = value.get(&self.field).is_some_and(Value::is_string);
        if self.named && value.is_object() && !lines {
            tracing::warn!(path = ?self.path, "read as one text: its first line has no text in {:?}", self.field);
        }
        let text: Text = Box::new(Cursor::new(first).chain(text));
        Ok(if lines { Kind::Lines(text) } else { Kind::Whole(Some(text)) })
    }

    /// The next documents, together about `bytes` long; none at the end. Those without text are left out.
    pub(super) fn batch(&mut self, bytes: usize) -> Result<Option<Vec<String>>, DocumentError> {
        let (mut batch, mut taken, mut ended) = (Vec::new(), 0, false);
        while taken < bytes && !ended {
            match self.next()? {
                Some(text) if text.trim().is_empty() => (),
                Some(text) => {
                    taken += text.len();
                    batch.push(text);
                }
                None => ended = true,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn wrong_file(&self, reason: impl Into<String>) -> DocumentError {
        DocumentError::Content { path: self.path.clone(), place: "file".to_owned(), reason: reason.into() }
    }

    fn wrong(&self, what: &str, reason: impl Into<String>) -> DocumentError {
        let place = format!("{what} {}", self.place);
        DocumentError::Content { path: self.path.clone(), place, reason: reason.into() }
    }

    /// An error of reading: the system's, or that of a packed stream.
    fn unread(&self, place: String, error: io::Error) -> DocumentError {
        match Packing::of(&self.path) {
            Some(packing) if error.raw_os_error().is_none() => {
                let reason = packing.explain(&error);
                DocumentError::Content { path: self.path.clone(), place, reason }
            }
            _ => DocumentError::File { path: self.path.clone(), source: error },
        }
    }

    fn next(&mut self) -> Result<Option<String>, DocumentError> {
        match &mut self.kind {
            Kind::Lines(_) => self.next_line(),
            Kind::Rows(_) => self.next_row(),
            Kind::Whole(text) => match text.take() {
                None => Ok(None),
                Some(text) => self.whole(text),
            },
        }
    }

    fn whole(&mut self, text: Text) -> Result<Option<String>, DocumentError> {
        self.place = 1;
        let (mut bytes, most) = (Vec::new(), self.document_bytes_max);
        let limited = &mut text.take(most.saturating_add(1));
        limited.read_to_end(&mut bytes).map_err(|error| self.unread("document 1".to_owned(), error))?;
        if bytes.len() as u64 > most {
            let reason = format!("a text file of more than {most} bytes; split it, or use .jsonl");
            return Err(self.wrong("document", reason));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) if !self.named => {
                tracing::debug!(path = ?self.path, "passed over: not UTF-8 text");
                Ok(None)
            }
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let reason = format!("not UTF-8 text (first bad byte at {offset}); convert it");
                Err(self.wrong("document", reason))
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, DocumentError> {
        let Kind::Lines(reader) = &mut self.kind else { return Ok(None) };
        let mut line = Vec::new();
        loop {
            line.clear();
            self.place += 1;
            let limited = &mut reader.by_ref().take(self.document_bytes_max.saturating_add(1));
            match limited.read_until(b'\n', &mut line) {
                Ok(0) => return Ok(None),
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => (),
                Ok(_) => break,
                Err(error) => return Err(self.unread(format!("line {}", self.place), error)),
            }
        }
        if line.len() as u64 > self.document_bytes_max {
            let reason = format!("more than {} bytes; split the document", self.document_bytes_max);
            return Err(self.wrong("line", reason));
        }
        self.text_of(&line).map(Some)
    }

    fn text_of(&self, line: &[u8]) -> Result<String, DocumentError> {
        let field = &self.field;
        let value = serde_json::from_slice::<Value>(line).map_err(|e| self.wrong("line", e.to_string()))?;
        match value {
            Value::Object(mut object) => match object.remove(field) {
                Some(Value::String(text)) => Ok(text),
                Some(_) => Err(self.wrong("line", format!("field {field:?} is no text"))),
                None => Err(self.wrong("line", self.without_field())),
            },
            _ => Err(self.wrong("line", self.without_field())),
        }
    }

    fn without_field(&self) -> String {
        format!("no field {:?}; name the one with the text (`sn3 data prepare --field`)", self.field)
    }

    fn next_row(&mut self) -> Result<Option<String>, DocumentError> {
        let Kind::Rows(rows) = &mut self.kind else { return Ok(None) };
        self.place += 1;
        let bytes = match rows.next() {
            Ok(None) => return Ok(None),
            Ok(Some(None)) => return Ok(Some(String::new())),
            Ok(Some(Some(bytes))) => bytes,
            Err(error) => return Err(self.wrong("row", rows::explain(&error))),
        };
        if bytes.len() as u64 > self.document_bytes_max {
            let reason = format!("more than {} bytes; split the document", self.document_bytes_max);
            return Err(self.wrong("row", reason));
        }
        match std::str::from_utf8(bytes.data()) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(self.wrong("row", format!("column {:?} is not UTF-8 text", self.field))),
        }
    }
}
