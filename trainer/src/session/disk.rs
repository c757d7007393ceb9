//! Checkpoints of a training: written in the background, there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use sn3_protocol::ChunkRule;
use sn3_protocol::model::ModelConfig;

use super::TrainError;
use crate::checkpoint::{export_hf, import_hf};
use crate::files;
use crate::sidecar::{self, Sidecar};
use crate::tokenizer::Tokenizer;
use crate::train::OptimizerState;

/// The file that names the newest whole checkpoint; replacing it is what makes one count.
const LIST: &str = "latest.json";
const LIST_BYTES_MAX: u64 = 1 << 12;
const VERSION: u32 = 1;

/// A copy of everything that a checkpoint holds.
pub(super) struct Snapshot {
    pub(super) step: u64,
    pub(super) config: ModelConfig,
    pub(super) params: Vec<f32>,
    pub(super) optimizer: OptimizerState,
    pub(super) tokenizer: Option<Tokenizer>,
    pub(super) options: String,
    pub(super) data: String,
}

/// A checkpoint that was read.
pub(super) struct Loaded {
    folder: PathBuf,
    pub(super) step: u64,
    pub(super) params: Vec<f32>,
    pub(super) optimizer: OptimizerState,
    pub(super) options: String,
    pub(super) data: String,
}

impl Loaded {
    /// Fails if what the checkpoint was made with is not what this training uses.
    pub(super) fn expect(&self, what: &'static str, found: &str, expected: &str) -> Result<(), TrainError> {
        if found == expected {
            return Ok(());
        }
        let (found, expected) = (found.to_owned(), expected.to_owned());
        Err(TrainError::Other { path: self.folder.clone(), what, found, expected })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    step: u64,
}

/// A folder of checkpoints, with at most one being written.
pub(super) struct Disk {
    folder: PathBuf,
    keep: usize,
    saving: Option<(u64, JoinHandle<Result<PathBuf, TrainError>>)>,
}

impl Disk {
    pub(super) fn new(folder: &Path, keep: usize) -> Self {
        Self { folder: folder.to_owned(), keep, saving: None }
    }

    /// The newest checkpoint; none in a fresh folder.
    pub(super) fn load(&self, config: &ModelConfig) -> Result<Option<Loaded>, TrainError> {
        let Some(step) = self.listed()? else { return Ok(None) };
        let (model, state) = (model_path(&self.folder, step), state_path(&self.folder, step));
        let imported = import_hf(&model)?;
        let found = ModelConfig { name: config.name.clone(), ..imported.config };
        if found != *config {
            let (found, expected) = (format!("{found:?}"), format!("{config:?}"));
            return Err(TrainError::Other { path: model, what: "model", found, expected });
        }
        let mut sidecar = sidecar::load(&state)?;
        let text =
            |name: &str| sidecar.metadata.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let (options, data) = (text("options").unwrap_or_default(), text("data").unwrap_or_default());
        let expected = text("state").unwrap_or_default();
        let loaded = Loaded {
            folder: self.folder.clone(),
            step,
            optimizer: sidecar.take_optimizer()?,
            params: imported.state,
            options,
            data,
        };
        let digest = state_digest(config, &loaded.params)?;
        loaded.expect("model state", &digest, &expected)?;
        Ok(Some(loaded))
    }

    fn listed(&self) -> Result<Option<u64>, TrainError> {
        let path = self.folder.join(LIST);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read_bounded(&path, LIST_BYTES_MAX);
        let bytes = bytes.map_err(|source| TrainError::File { path: path.clone(), source })?;
        match serde_json::from_slice::<List>(&bytes) {
            Ok(List { version: VERSION, step }) => Ok(Some(step)),
            Ok(List { version, .. }) => {
                Err(TrainError::List { path, reason: format!("version {version}, not {VERSION}") })
            }
            Err(error) => Err(TrainError::List { path, reason: error.to_string() }),
        }
    }

    /// Begins to save; the one before must have been collected.
    pub(super) fn begin(&mut self, snapshot: Snapshot) {
        let (folder, keep, step) = (self.folder.clone(), self.keep, snapshot.step);
        self.saving = Some((step, std::thread::spawn(move || save(&folder, keep, &snapshot))));
    }

    /// The step and folder of a save that is done; `wait` waits for one that is not.
    pub(super) fn finished(&mut self, wait: bool) -> Result<Option<(u64, PathBuf)>, TrainError> {
        match self.saving.take_if(|(_, thread)| wait || thread.is_finished()) {
            None => Ok(None),
            Some((step, thread)) => {
                let path = thread.join().map_err(|_| TrainError::Saver)??;
                Ok(Some((step, path)))
            }
        }
    }
}

impl Drop for Disk {
    /// A training that ends with an error still finishes the checkpoint it began.
    fn drop(&mut self) {
        if let Some((step, thread)) = self.saving.take()
            && !matches!(thread.join(), Ok(Ok(_)))
        {
            tracing::warn!(step, "the last checkpoint was not saved");
        }
    }
}

fn model_path(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("step-{step:08}"))
}

fn state_path(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("step-{step:08}.state"))
}

fn state_digest(config: &ModelConfig, params: &[f32]) -> Result<String, TrainError> {
    let layout = config.layout(ChunkRule::default()).map_err(crate::checkpoint::ExportError::from)?;
    Ok(layout.state_digest(params).to_string())
}

/// Model, then optimizer, then the list that names them; older ones go last.
fn save(folder: &Path, keep: usize, snapshot: &Snapshot) -> Result<PathBuf, TrainError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| TrainError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(at(folder))?;
    let model = model_path(folder, snapshot.step);
    export_hf(&model, &snapshot.config, &snapshot.params, snapshot.tokenizer.as_ref())?;
    let mut sidecar = Sidecar::default();
    let state = state_digest(&snapshot.config, &snapshot.params)?;
    for (name, value) in [("options", &snapshot.options), ("data", &snapshot.data), ("state", &state)] {
        sidecar.metadata.insert(name.to_owned(), value.clone().into());
    }
    sidecar.put_optimizer(snapshot.optimizer.clone());
    sidecar::save(&state_path(folder, snapshot.step), &sidecar)?;
    let list = serde_json::to_vec(&List { version: VERSION, step: snapshot.step }).expect("plain numbers");
    let path = folder.join(LIST);
    files::write_atomic(&path, &list).map_err(at(&path))?;
    remove_old(folder, keep, snapshot.step).map_err(at(folder))?;
    Ok(model)
}

/// Removes all checkpoints but the newest `keep` up to `newest`; later ones are left of a training that was
/// begun anew, and are not touched.
fn remove_old(folder: &Path, keep: usize, newest: u64) -> std::io::Result<()> {
    let mut steps: Vec<u64> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("step-")?.parse().ok())
        .filter(|&step| step <= newest)
        .collect();
    steps.sort_unstable();
    let old = steps.len().saturating_sub(keep);
    for &step in &steps[..old] {
        fs::remove_dir_all(model_path(folder, step))?;
        let state = state_path(folder, step);
        if state.exists() {
            fs::remove_file(state)?;
        }
    }
    Ok(())
}
