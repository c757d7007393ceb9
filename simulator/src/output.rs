//! Writing results: CSV, Parquet and JSON, whole or not at all.
//!
//! A folder gets, by format:
//!
//! | file | rows |
//! |---|---|
//! | `global` | the chain, one row per record |
//! | `subnets` | one row per record and subnet |
//! | `groups` | one row per record and group, with the group's name, kind and subnet |
//! | `actors` | one row per record and actor, if the scenario asks for them |
//! | `summary.json` | who earned what, refused operations, digests (always written) |
//! | `scenario.json` | the scenario as it was run (always written) |
//!
//! `NAME.csv`, `NAME.parquet` and `NAME.json` hold the same rows and columns. Integers are integers everywhere;
//! JSON tables are `{"columns": [...], "rows": [[...]]}`.

mod csv_file;
mod folder;
mod json_file;
mod parquet_file;
mod table;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use folder::write_folder;
pub use table::{Cell, Column, ColumnKind, Table};

use crate::run::{Simulation, Summary};

/// A format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv,
    /// Parquet with Snappy compression.
    Parquet,
    /// JSON.
    Json,
}

impl TableFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Parquet, Self::Json];

    /// The end of the files' names.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Json => "json",
        }
    }
}

/// Why results were not written. Nothing of them is left then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The system refused.
    #[error("output {path}: {source}; choose a folder that can be written, with enough space")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Parquet could not be written.
    #[error("output {path}: {source}; choose a folder that can be written, with enough space")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: parquet::errors::ParquetError,
    },
}

/// What `summary.json` holds.
#[derive(Debug, Serialize)]
struct SummaryFile<'a> {
    version: u32,
    digest: String,
    scenario_digest: String,
    spec: String,
    summary: &'a Summary,
}

/// Version of `summary.json`.
pub const SUMMARY_VERSION: u32 = 1;

impl Simulation {
    /// The recorded series as tables.
    #[must_use]
    pub fn tables(&self) -> Vec<Table<'_>> {
        table::of_series(self.series(), &self.world().cast)
    }

    /// `summary.json` as text.
    #[must_use]
    pub fn summary_json(&self) -> String {
        let file = SummaryFile {
            version: SUMMARY_VERSION,
            digest: self.digest().to_string(),
            scenario_digest: self.scenario().digest().to_string(),
            spec: self.scenario().spec.to_string(),
            summary: &self.summary(),
        };
        serde_json::to_string_pretty(&file).expect("a summary has only text keys")
    }

    /// Writes series, summary and scenario into a folder, which is made if it does not exist. Files of the same
    /// names are replaced, others stay. Answers the files.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn write(&self, folder: &Path, formats: &[TableFormat]) -> Result<Vec<PathBuf>, OutputError> {
        let texts =
            [("summary.json", self.summary_json()), ("scenario.json", self.scenario().canonical_json())];
        write_folder(folder, &self.tables(), formats, &texts)
    }
}

/// Writes a file beside its place and renames it into it, so that readers see the old file or the new one.
///
/// # Errors
/// What the system says; nothing is left behind then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = write_synced(&part, bytes).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        fs::remove_file(&part).ok();
    }
    written
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
