//! A folder that results go to.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sn3_report::Report;
use sn3_simulator::output::write_atomic;

use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// A folder that results go to, and the files that were written.
pub struct Folder {
    dir: PathBuf,
    written: Vec<PathBuf>,
}

impl Folder {
    /// Makes sure that the folder can be written, or made: long work must not end at a closed door. It is made with
    /// the first file, so that work which fails before leaves nothing.
    pub fn new(dir: &Path) -> Result<Self, CliError> {
        let mut named = dir.ancestors().filter(|above| !above.as_os_str().is_empty());
        let there = named.find(|above| above.exists()).unwrap_or(Path::new("."));
        let probe = there.join(format!(".sn3-{}.tmp", std::process::id()));
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(|error| cannot_write(dir, &error))?;
        Ok(Self { dir: dir.to_owned(), written: Vec::new() })
    }

    /// The same, and makes the folder at once.
    pub fn create(dir: &Path) -> Result<Self, CliError> {
        let folder = Self::new(dir)?;
        folder.make()?;
        Ok(folder)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder.
    pub fn make(&self) -> Result<(), CliError> {
        std::fs::create_dir_all(&self.dir).map_err(|error| cannot_write(&self.dir, &error))
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file, whole or not at all.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        self.make()?;
        let path = self.path(name);
        write_atomic(&path, bytes).map_err(|error| cannot_write(&path, &error))?;
        self.note(path);
        Ok(())
    }

    /// Writes `report.html`.
    pub fn report(&mut self, report: &Report) -> Result<(), CliError> {
        self.make()?;
        let path = self.path("report.html");
        report.write_atomic(&path).or_exit(Exit::Data)?;
        self.note(path);
        Ok(())
    }

    /// Notes a file as written, once.
    pub fn note(&mut self, path: PathBuf) {
        if !self.written.contains(&path) {
            self.written.push(path);
        }
    }

    /// Tells where everything is.
    pub fn tell(&self, output: &Output) {
        #[derive(Serialize)]
        struct Files<'a> {
            files: &'a [PathBuf],
        }
        for path in &self.written {
            output.result(format_args!("wrote {}", path.display()));
        }
        output.event("files", &Files { files: &self.written });
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CliError {
    let message =
        format!("cannot write {}: {error}; choose another --out, or mend its permissions", path.display());
    CliError::new(Exit::Data, message)
}
