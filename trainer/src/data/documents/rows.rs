//! The rows of a Parquet file, of which one column is read.

use std::fs::File;

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Rows that are taken from a page at once.
const ROWS_AT_ONCE: usize = 64;
/// What any column of a row group may unpack to, in bytes; more must be earned by its length.
const UNPACKED_BYTES_ALWAYS: i64 = 64 << 20;
/// Most unpacked bytes for each packed one.
const UNPACKED_RATIO_MAX: i64 = 1_000;

/// The rows of a file that are still to come.
pub(super) struct Rows {
    file: SerializedFileReader<File>,
    column: usize,
    /// The row group that is read next.
    group: usize,
    current: Option<Group>,
}

/// A row group that is being read.
struct Group {
    column: ColumnReaderImpl<ByteArrayType>,
    /// Rows that it says it has, less those that were read.
    left: u64,
    ready: std::vec::IntoIter<Option<ByteArray>>,
}

/// Why a file has no such rows: the reason, and what to do.
pub(super) fn explain(error: &ParquetError) -> String {
    match error {
        ParquetError::NYI(what) => format!(
            "{what}; Parquet files are read uncompressed or with Snappy, gzip, Zstandard, Brotli or LZ4: write it anew"
        ),
        _ => format!(
            "damaged or cut off ({error}); get the file again and repeat the command, which goes on with what is done"
        ),
    }
}

impl Rows {
    /// The texts in column `field` of a file; the reason where there are none.
    pub(super) fn open(file: File, field: &str) -> Result<Self, String> {
        let file = SerializedFileReader::new(file).map_err(|error| explain(&error))?;
        let schema = file.metadata().file_metadata().schema_descr();
        let top = schema.root_schema().get_fields();
        let Some(found) = top.iter().find(|column| column.name() == field) else {
            let names: Vec<&str> = top.iter().map(|column| column.name()).collect();
            return Err(format!(
                "no column {field:?}; it has {names:?}, name the one with the text (`sn3 data prepare --field`)"
            ));
        };
        let leaf = (0..schema.num_columns()).find(|&column| schema.column(column).path().parts() == [field]);
        let text = |&column: &usize| {
            let column = schema.column(column);
            column.physical_type() == parquet::basic::Type::BYTE_ARRAY && column.max_rep_level() == 0
        };
        match leaf.filter(text) {
            Some(column) => Ok(Self { file, column, group: 0, current: None }),
            None => Err(format!(
                "column {:?} is no text; name another (`sn3 data prepare --field`)",
                found.name()
            )),
        }
    }

    /// The next row's text, if it has one; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Option<ByteArray>>, ParquetError> {
        loop {
            let Some(group) = &mut self.current else {
                if self.group == self.file.num_row_groups() {
                    return Ok(None);
                }
                self.current = Some(self.open_group()?);
                self.group += 1;
                continue;
            };
            match group.next()? {
                Some(row) => return Ok(Some(row)),
                None => self.current = None,
            }
        }
    }

    fn open_group(&self) -> Result<Group, ParquetError> {
        let group = self.file.get_row_group(self.group)?;
        let metadata = group.metadata().column(self.column);
        check(metadata)?;
        let left = u64::try_from(group.metadata().num_rows())?;
        let pages = Pages { pages: group.get_column_page_reader(self.column)?, dictionary: false };
        let column = ColumnReaderImpl::new(metadata.column_descr_ptr(), Box::new(pages));
        Ok(Group { column, left, ready: Vec::new().into_iter() })
    }
}

fn damaged(what: impl Into<String>) -> ParquetError {
    ParquetError::General(what.into())
}

/// Refuses a column that is nowhere, or that says that it unpacks to far more than text would.
fn check(column: &ColumnChunkMetaData) -> Result<(), ParquetError> {
    let begin = column.dictionary_page_offset().unwrap_or(0).min(column.data_page_offset());
    let (packed, unpacked) = (column.compressed_size(), column.uncompressed_size());
    let most = packed.saturating_mul(UNPACKED_RATIO_MAX).saturating_add(UNPACKED_BYTES_ALWAYS);
    if begin < 0 || packed < 0 || unpacked > most {
        return Err(damaged(format!("{packed} bytes from {begin} on that unpack to {unpacked}")));
    }
    Ok(())
}

/// Pages of a column, none of which needs a dictionary that is not there: the reader of values would panic.
struct Pages {
    pages: Box<dyn PageReader>,
    dictionary: bool,
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.pages.get_next_page()?;
        let needs =
            |page: &Page| matches!(page.encoding(), Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
        match &page {
            Some(Page::DictionaryPage { .. }) => self.dictionary = true,
            Some(page) if needs(page) && !self.dictionary => {
                return Err(damaged("a page without its dictionary"));
            }
            _ => (),
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.skip_next_page()
    }
}

impl Group {
    fn next(&mut self) -> Result<Option<Option<ByteArray>>, ParquetError> {
        if self.ready.as_slice().is_empty() {
            self.ready = self.read()?.into_iter();
        }
        Ok(self.ready.next())
    }

    fn read(&mut self) -> Result<Vec<Option<ByteArray>>, ParquetError> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (rows, ..) = self.column.read_records(ROWS_AT_ONCE, Some(&mut levels), None, &mut values)?;
        let short = || damaged("its rows do not fit their number");
        self.left = self.left.checked_sub(rows as u64).ok_or_else(short)?;
        if rows == 0 && self.left > 0 {
            return Err(short());
        }
        if levels.is_empty() {
            return Ok(values.into_iter().map(Some).collect());
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }
}
