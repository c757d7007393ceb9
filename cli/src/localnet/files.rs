//! What a local network leaves behind.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sn3_protocol::run::RunConfig;
use sn3_trainer::checkpoint;

use crate::args::LocalnetArgs;
use crate::compose::Composed;
use crate::exit::{CliError, Exit, OrExit};
use crate::story::{Story, Summary, page};

/// A file that marks a folder as ours, so that nothing else is ever replaced.
const MARK: &str = ".sn3-localnet";
/// What a run writes, and a new run in the same folder replaces.
const OURS: [&str; 6] = ["store", "state", "wallets", "checkpoint", "report.html", "run.json"];

/// The output folder.
pub struct Files {
    dir: PathBuf,
}

#[derive(Serialize)]
struct RunJson<'a> {
    v: u32,
    summary: &'a Summary,
    config: &'a RunConfig,
    adversaries: Vec<String>,
    story: &'a Story,
}

fn io(path: &Path, error: &std::io::Error) -> CliError {
    let message = format!("cannot write {}: {error}; choose another --out", path.display());
    CliError::new(Exit::Failure, message)
}

impl Files {
    /// Makes the folder, or clears what an earlier run left in it. A folder with anything else is refused.
    pub fn prepare(dir: &Path) -> Result<Self, CliError> {
        std::fs::create_dir_all(dir).map_err(|error| io(dir, &error))?;
        let dir = dir.canonicalize().map_err(|error| io(dir, &error))?;
        let empty = std::fs::read_dir(&dir).map_err(|error| io(&dir, &error))?.next().is_none();
        if !empty && !dir.join(MARK).exists() {
            let message =
                format!("{} holds files that are not a local network's; choose another --out", dir.display());
            return Err(CliError::new(Exit::Usage, message));
        }
        std::fs::write(dir.join(MARK), b"").map_err(|error| io(&dir, &error))?;
        for name in OURS {
            remove(&dir.join(name))?;
        }
        Ok(Self { dir })
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.html")
    }

    /// The checkpoint's folder.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    /// The story as JSON.
    #[must_use]
    pub fn run_json(&self) -> PathBuf {
        self.dir.join("run.json")
    }

    /// The folder of wallets.
    #[must_use]
    pub fn wallets(&self) -> PathBuf {
        self.dir.join("wallets")
    }

    /// A node's object store.
    #[must_use]
    pub fn store(&self, name: &str) -> PathBuf {
        self.dir.join("store").join(name)
    }

    /// A node's state.
    #[must_use]
    pub fn state(&self, name: &str) -> PathBuf {
        self.dir.join("state").join(name)
    }

    pub(super) fn write_checkpoint(&self, composed: &Composed, theta: &[f32]) -> Result<(), CliError> {
        let tokenizer = Some(composed.text.tokenizer.as_ref());
        checkpoint::export_hf(&self.checkpoint(), &composed.config.model, theta, tokenizer)
            .or_exit(Exit::Failure)
    }

    pub(super) fn write_run(
        &self,
        args: &LocalnetArgs,
        config: &RunConfig,
        story: &Story,
        summary: &Summary,
    ) -> Result<(), CliError> {
        let adversaries = args.adversary.iter().map(|a| format!("{a:?}").to_lowercase()).collect();
        let run = RunJson { v: 1, summary, config, adversaries, story };
        let text = serde_json::to_vec_pretty(&run).or_exit(Exit::Failure)?;
        let (path, part) = (self.run_json(), self.dir.join("run.json.part"));
        std::fs::write(&part, text).map_err(|error| io(&part, &error))?;
        std::fs::rename(&part, &path).map_err(|error| io(&path, &error))
    }

    pub(super) fn write_report(
        &self,
        args: &LocalnetArgs,
        config: &RunConfig,
        story: &Story,
    ) -> Result<(), CliError> {
        let lead = format!(
            "{} honest miners{} train {} ({} parameters) on netuid {} for {} windows; seed {}.",
            args.miners,
            match args.adversary.len() {
                0 => String::new(),
                n => format!(" and {n} dishonest"),
            },
            config.model.name,
            config.model.parameters(),
            config.netuid,
            args.run.windows,
            args.run.seed
        );
        page("sn3 localnet", &lead, story).write_atomic(&self.report()).or_exit(Exit::Failure)
    }
}

fn remove(path: &Path) -> Result<(), CliError> {
    let removed = match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(|error| io(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.tex"), b"x").unwrap();
        assert!(Files::prepare(dir.path()).is_err());
        assert!(dir.path().join("thesis.tex").exists());
    }

    #[test]
    fn an_earlier_run_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let files = Files::prepare(&out).unwrap();
        std::fs::create_dir_all(files.store("uid-1")).unwrap();
        std::fs::write(files.run_json(), b"{}").unwrap();
        Files::prepare(&out).unwrap();
        assert!(!files.run_json().exists() && !out.join("store").exists());
    }
}
