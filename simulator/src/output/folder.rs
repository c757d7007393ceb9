//! A folder of results, whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{OutputError, Table, TableFormat, csv_file, json_file, parquet_file};

/// Writes tables and texts into a folder: first all of them into a hidden folder within it, then each by renaming.
/// On an error that hidden folder is removed, and the folder itself if it was made for this. Answers the files.
///
/// # Errors
/// See [`OutputError`].
pub fn write_folder(
    folder: &Path,
    tables: &[Table<'_>],
    formats: &[TableFormat],
    texts: &[(&str, String)],
) -> Result<Vec<PathBuf>, OutputError> {
    let made = !folder.exists();
    let part = folder.join(format!(".sn3-{}.part", std::process::id()));
    let written = fs::create_dir_all(&part)
        .map_err(|source| OutputError::File { path: folder.to_owned(), source })
        .and_then(|()| write_files(&part, tables, formats, texts))
        .and_then(|names| names.into_iter().map(|name| settle(&part, folder, &name)).collect());
    fs::remove_dir_all(&part).ok();
    if written.is_err() && made {
        fs::remove_dir(folder).ok();
    }
    written
}

fn write_files(
    part: &Path,
    tables: &[Table<'_>],
    formats: &[TableFormat],
    texts: &[(&str, String)],
) -> Result<Vec<String>, OutputError> {
    let mut names = Vec::new();
    for table in tables {
        for format in formats {
            let name = format!("{}.{}", table.name, format.extension());
            write_table(&part.join(&name), table, *format)?;
            names.push(name);
        }
    }
    for (name, text) in texts {
        let path = part.join(name);
        fs::write(&path, text).map_err(|source| OutputError::File { path, source })?;
        names.push((*name).to_owned());
    }
    Ok(names)
}

fn write_table(path: &Path, table: &Table<'_>, format: TableFormat) -> Result<(), OutputError> {
    let file = |source: io::Error| OutputError::File { path: path.to_owned(), source };
    let mut to = BufWriter::new(File::create(path).map_err(file)?);
    match format {
        TableFormat::Csv => csv_file::write(table, &mut to).map_err(file)?,
        TableFormat::Json => json_file::write(table, &mut to).map_err(file)?,
        TableFormat::Parquet => parquet_file::write(table, &mut to)
            .map_err(|source| OutputError::Parquet { path: path.to_owned(), source })?,
    }
    to.flush().map_err(file)
}

fn settle(part: &Path, folder: &Path, name: &str) -> Result<PathBuf, OutputError> {
    let path = folder.join(name);
    match fs::rename(part.join(name), &path) {
        Ok(()) => Ok(path),
        Err(source) => Err(OutputError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Cell, Column, ColumnKind};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn table() -> Table<'static> {
        let kinds = [ColumnKind::Unsigned, ColumnKind::Signed, ColumnKind::Float, ColumnKind::Text];
        let columns = ["u", "i", "f", "t"].iter().zip(kinds).map(|(name, kind)| Column::new(*name, kind));
        Table::new("numbers", columns.collect(), 3, |at, cells| {
            let big = i128::from(u64::MAX) - at as i128;
            cells.extend([Cell::Int(big), Cell::Int(-(at as i128)), Cell::Float(0.1), Cell::Text("a,\"b")]);
        })
    }

    #[test]
    fn all_formats_hold_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new");
        let files = write_folder(&to, &[table()], &TableFormat::ALL, &[("x.json", "{}".to_owned())]).unwrap();
        assert_eq!(files.len(), 4);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 4, "nothing hidden is left");
        let csv = fs::read_to_string(to.join("numbers.csv")).unwrap();
        assert_eq!(csv.lines().nth(2), Some("18446744073709551614,-1,0.1,\"a,\"\"b\""));
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(to.join("numbers.json")).unwrap()).unwrap();
        assert_eq!(json["rows"][2], serde_json::json!([18_446_744_073_709_551_613_u64, -2, 0.1, "a,\"b"]));
        let reader = SerializedFileReader::new(File::open(to.join("numbers.parquet")).unwrap()).unwrap();
        let row = reader.get_row_iter(None).unwrap().nth(2).unwrap().unwrap();
        assert_eq!(row.get_ulong(0).unwrap(), u64::MAX - 2);
        assert_eq!((row.get_long(1).unwrap(), row.get_double(2).unwrap()), (-2, 0.1));
        assert_eq!(row.get_string(3).unwrap(), "a,\"b");
    }

    #[test]
    fn a_folder_that_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        fs::write(&file, "x").unwrap();
        let error = write_folder(&file.join("below"), &[table()], &[TableFormat::Csv], &[]).unwrap_err();
        assert!(error.to_string().contains("choose a folder that can be written"), "{error}");
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("numbers.parquet")).unwrap();
        assert!(write_folder(&taken, &[table()], &[TableFormat::Parquet], &[]).is_err());
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 1, "only what was there");
        assert_eq!(fs::read_to_string(&file).unwrap(), "x");
    }
}
