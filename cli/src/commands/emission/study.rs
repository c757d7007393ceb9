//! What the studies share: threads, a folder for results, a bar, Ctrl-C.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_report::Report;
use sn3_simulator::output::write_atomic;

use crate::args::emission::StudyArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// A folder that results go to, and the files that are there already.
pub struct Folder {
    dir: PathBuf,
    written: Vec<PathBuf>,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub fn create(dir: &Path) -> Result<Self, CliError> {
        std::fs::create_dir_all(dir).map_err(|error| cannot_write(dir, &error))?;
        Ok(Self { dir: dir.to_owned(), written: Vec::new() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file, whole or not at all.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        let path = self.dir.join(name);
        write_atomic(&path, bytes).map_err(|error| cannot_write(&path, &error))?;
        self.written.push(path);
        Ok(())
    }

    /// Writes `report.html`.
    pub fn report(&mut self, report: &Report) -> Result<(), CliError> {
        let path = self.dir.join("report.html");
        report.write_atomic(&path).or_exit(Exit::Data)?;
        self.written.push(path);
        Ok(())
    }

    /// Notes a file that somebody else wrote here.
    pub fn note(&mut self, path: PathBuf) {
        self.written.push(path);
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

/// Runs heavy work on a thread that may block, with the number of threads that was asked for.
pub async fn heavy<T: Send + 'static>(
    study: &StudyArgs,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    let threads = study.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_exit(Exit::Failure)?;
    let result = tokio::task::spawn_blocking(move || pool.install(work)).await;
    result.map_err(|error| CliError::new(Exit::Failure, format!("the work was lost: {error}")))
}

/// A callback that moves a bar, for work that tells how much is done and how much there is.
pub fn counting(bar: ProgressBar) -> impl Fn(usize, usize) + Send + Sync + 'static {
    move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(bar.position().max(done as u64));
    }
}

/// A flag that Ctrl-C and SIGTERM set. The second one ends the process at once.
pub fn stop_flag(output: &Output) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let (set, output) = (flag.clone(), output.clone());
    tokio::spawn(async move {
        crate::signals::wait_for_stop().await;
        set.store(true, Ordering::Relaxed);
        output.story("stopping after this block; once more stops at once");
        crate::signals::wait_for_stop().await;
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    flag
}
