//! Documents of one file, a batch at a time, so that files larger than memory can be read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use serde_json::Value;

use super::{PrepareError, at};

/// Longest line of a `.jsonl` file, and longest text file.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// The documents of a file that are still to come.
pub(super) struct Documents {
    path: PathBuf,
    field: String,
    kind: Kind,
    /// Whether a file that is no text is an error.
    named: bool,
    /// Lines or rows read so far.
    place: u64,
}

enum Kind {
    Lines(BufReader<File>),
    Rows(Box<RowIter<'static>>),
    /// A file that is one document, until it was read.
    Text(Option<File>),
}

impl Documents {
    /// Opens a file; one that was not `named` is passed over where it turns out to be no text.
    pub(super) fn open(path: &Path, field: &str, named: bool) -> Result<Self, PrepareError> {
        let file = File::open(path).map_err(at(path))?;
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl") => Kind::Lines(BufReader::with_capacity(1 << 20, file)),
            Some("parquet") => Kind::Rows(Box::new(rows(path, file, field)?)),
            _ => Kind::Text(Some(file)),
        };
        Ok(Self { path: path.to_owned(), field: field.to_owned(), kind, named, place: 0 })
    }

    /// The next documents, together about `bytes` long; none at the end. Those without text are left out.
    pub(super) fn batch(&mut self, bytes: usize) -> Result<Option<Vec<String>>, PrepareError> {
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

    fn wrong(&self, what: &str, reason: impl Into<String>) -> PrepareError {
        let place = format!("{what} {}", self.place);
        PrepareError::Document { path: self.path.clone(), place, reason: reason.into() }
    }

    fn next(&mut self) -> Result<Option<String>, PrepareError> {
        match &mut self.kind {
            Kind::Lines(_) => self.next_line(),
            Kind::Rows(_) => self.next_row(),
            Kind::Text(file) => match file.take() {
                None => Ok(None),
                Some(file) => self.whole(file),
            },
        }
    }

    fn whole(&self, file: File) -> Result<Option<String>, PrepareError> {
        let mut bytes = Vec::new();
        file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(at(&self.path))?;
        if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(self.wrong("document", "a text file of more than 1 GiB; split it, or use .jsonl"));
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

    fn next_line(&mut self) -> Result<Option<String>, PrepareError> {
        let Kind::Lines(reader) = &mut self.kind else { return Ok(None) };
        let mut line = Vec::new();
        loop {
            line.clear();
            self.place += 1;
            let limited = &mut reader.by_ref().take(DOCUMENT_BYTES_MAX + 1);
            let read = limited.read_until(b'\n', &mut line).map_err(at(&self.path))?;
            if read == 0 {
                return Ok(None);
            }
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                break;
            }
        }
        if line.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(self.wrong("line", "more than 1 GiB; split the document"));
        }
        let value = serde_json::from_slice::<Value>(&line).map_err(|e| self.wrong("line", e.to_string()))?;
        match value.get(&self.field) {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong("line", format!("field {:?} is no text", self.field))),
            None => Err(self.wrong("line", format!("no field {:?}; name the one with the text", self.field))),
        }
    }

    fn next_row(&mut self) -> Result<Option<String>, PrepareError> {
        let Kind::Rows(rows) = &mut self.kind else { return Ok(None) };
        self.place += 1;
        let Some(row) = rows.next() else { return Ok(None) };
        let row = row.map_err(|error| self.wrong("row", error.to_string()))?;
        let field = row.get_column_iter().next().map(|(_, field)| field.clone());
        match field {
            Some(Field::Str(text)) => Ok(Some(text)),
            Some(Field::Bytes(bytes)) => match String::from_utf8(bytes.data().to_vec()) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(self.wrong("row", format!("column {:?} is not UTF-8 text", self.field))),
            },
            Some(Field::Null) | None => Ok(Some(String::new())),
            Some(_) => Err(self.wrong("row", format!("column {:?} is no text", self.field))),
        }
    }
}

/// The rows of a Parquet file with one column only.
fn rows(path: &Path, file: File, field: &str) -> Result<RowIter<'static>, PrepareError> {
    let wrong =
        |reason: String| PrepareError::Document { path: path.to_owned(), place: "header".to_owned(), reason };
    let unread = |error: parquet::errors::ParquetError| {
        wrong(format!("{error}; Parquet files without compression or with Snappy are read"))
    };
    let reader = SerializedFileReader::new(file).map_err(unread)?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let names = || schema.get_fields().iter().map(|field| field.name().to_owned()).collect::<Vec<_>>();
    let column = schema.get_fields().iter().find(|column| column.name() == field);
    let column = column.ok_or_else(|| {
        wrong(format!("no column {field:?}; it has {:?}, name the one with the text", names()))
    })?;
    let projection = Type::group_type_builder(schema.name()).with_fields(vec![column.clone()]).build();
    let projection = projection.map_err(unread)?;
    RowIter::from_file_into(Box::new(reader)).project(Some(projection)).map_err(unread)
}
