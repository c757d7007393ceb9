//! The node's own files: `state` (everything small) and `model-<digest>` (the parameters).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codec::{Decode, Encode};
use sn3_protocol::{BlockNumber, Digest, Hotkey, Layout, Uid, Window};

use crate::gauntlet::GauntletState;
use crate::snapshot::{self, SnapshotError};

/// Largest state file, in bytes: 65,536 uids with some hundred bytes each.
const STATE_BYTES_MAX: u64 = 1 << 28;
/// What a model file has beyond its parameters, in bytes.
const MODEL_OVERHEAD_BYTES: u64 = 1 << 10;

/// How far a window has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) enum Phase {
    /// Noting who submits.
    #[default]
    Collecting,
    /// Submissions are closed; `seen` says for good who was there.
    Closed,
}

/// Everything small that survives a kill.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct NodeState {
    /// Digest of the run's configuration.
    pub run: Digest,
    /// The window that is worked on.
    pub window: Window,
    /// How far it has come.
    pub phase: Phase,
    /// The block at which each submission of the window was first seen.
    pub seen: BTreeMap<Hotkey, BlockNumber>,
    /// Who was not there at the last deadline, to see whether they were late.
    pub absent: Vec<Hotkey>,
    /// Digest of the last record, or of the configuration before the first.
    pub previous: Digest,
    /// Digest of the model state at the start of the window.
    pub theta: Digest,
    /// Loss of that state on held-out samples.
    pub heldout: Option<f64>,
    /// What Gauntlet remembers.
    pub gauntlet: GauntletState,
    /// Weights that have not landed yet.
    pub unpaid: Option<(Window, Vec<(Uid, u16)>)>,
}

/// Where the files are.
pub(super) struct Disk {
    folder: PathBuf,
    model_bytes_max: u64,
}

impl Disk {
    pub fn new(folder: PathBuf, layout: &Layout) -> Self {
        Self { folder, model_bytes_max: 4 * layout.parameters() as u64 + MODEL_OVERHEAD_BYTES }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What an earlier process left; none where there was none.
    pub fn load(&self, layout: &Layout) -> Result<Option<(NodeState, Vec<f32>)>, SnapshotError> {
        let Some(state) = snapshot::load::<NodeState>(&self.state_path(), STATE_BYTES_MAX)? else {
            return Ok(None);
        };
        let path = self.model_path(&state.theta);
        let corrupt = |detail| SnapshotError::Corrupt { path: path.clone(), detail };
        let theta: Vec<f32> =
            snapshot::load(&path, self.model_bytes_max)?.ok_or_else(|| corrupt("it is not there"))?;
        if theta.len() != layout.parameters() || layout.state_digest(&theta) != state.theta {
            return Err(corrupt("it holds another state than its name says"));
        }
        Ok(Some((state, theta)))
    }

    /// Writes the parameters where they are new, then the state, then removes older parameters.
    pub fn save(&self, state: &NodeState, theta: &[f32]) -> Result<(), SnapshotError> {
        let path = self.model_path(&state.theta);
        if !path.exists() {
            snapshot::save(&path, &theta)?;
        }
        snapshot::save(&self.state_path(), state)?;
        self.remove_other_models(&path);
        Ok(())
    }

    fn state_path(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn model_path(&self, theta: &Digest) -> PathBuf {
        self.folder.join(format!("model-{theta}"))
    }

    /// A file that cannot be removed costs space, nothing else.
    fn remove_other_models(&self, keep: &Path) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let is_model = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("model-"));
            if is_model
                && path != keep
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "an old model file stays");
            }
        }
    }
}
