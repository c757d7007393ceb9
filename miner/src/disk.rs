//! A miner's state on disk: what was lost since the last save is computed again, to the same bits.
//!
//! ```text
//!  dir/miner.state             checksum, then JSON: the phase, and the names of the files below
//!  dir/theta-<digest>          model state at the start of the window
//!  dir/worker-<digest>         optimizer and error feedback: a sidecar of the trainer
//!  dir/payload-<digest>        what was or will be uploaded
//! ```
//!
//! The large files are named by their content and written first; replacing `miner.state` is what makes them
//! count. A kill at any point leaves either the old state or the new one, whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sn3_protocol::{Digest, Hasher};
use sn3_trainer::sidecar::{self, Sidecar, SidecarError};
use sn3_trainer::train::OptimizerState;

use crate::state::MinerState;

const STATE_FILE: &str = "miner.state";
const LOCK_FILE: &str = "miner.lock";
const VERSION: u32 = 2;

/// Name of the sidecar's section that holds the error feedback.
const ERROR_SECTION: &str = "error_feedback";

/// Longest state file in bytes.
const STATE_BYTES_MAX: u64 = 1 << 16;

/// Values that are turned into bytes at once.
const CHUNK_VALUES: usize = 4096;

/// Why state on disk cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// It cannot be read or written.
    #[error("state in {path}: {source}; check the disk and its permissions")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("state in {path} is used by another process; stop that one, or choose another state folder")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// It is not what this program wrote.
    #[error(
        "state file {path} is corrupt ({detail}); start once with --resync to rebuild the model from the published records"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It belongs to another run.
    #[error("state in {path} belongs to run {}, not {}; choose another state folder", .found.short(), .expected.short())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// The run that it belongs to.
        found: Digest,
        /// The run that is wanted.
        expected: Digest,
    },
}

/// The optimizer and the error feedback: what only this node knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Worker {
    pub(crate) optimizer: OptimizerState,
    pub(crate) error: Vec<f32>,
}

impl Worker {
    fn into_sidecar(self) -> Sidecar {
        let mut sidecar = Sidecar::default();
        sidecar.put_optimizer(self.optimizer);
        sidecar.floats.insert(ERROR_SECTION.to_owned(), self.error);
        sidecar
    }

    /// None where a part is missing or for another model.
    fn from_sidecar(mut sidecar: Sidecar, parameters: usize) -> Option<Self> {
        let optimizer = sidecar.take_optimizer().ok()?;
        let error = sidecar.floats.remove(ERROR_SECTION)?;
        let OptimizerState { first, second, .. } = &optimizer;
        let moments = if first.is_empty() { 0 } else { parameters };
        let fits = [error.len(), first.len(), second.len()] == [parameters, moments, moments];
        fits.then_some(Self { optimizer, error })
    }
}

/// Everything that a process needs to go on.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) state: MinerState,
    pub(crate) theta: Option<Vec<f32>>,
    pub(crate) worker: Option<Worker>,
    pub(crate) payload: Option<Bytes>,
}

/// The large files that a state refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    theta: Option<Digest>,
    worker: Option<Digest>,
    payload: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    files: Files,
    state: MinerState,
}

/// A state folder, locked for this process.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    files: Files,
    /// Held for its lock, which the system releases when the process ends, however it ends.
    _lock: File,
}

impl Disk {
    pub(crate) fn open(dir: &Path) -> Result<Self, DiskError> {
        let failed = |source| DiskError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::create(dir.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), files: Files::default(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DiskError::Busy { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// What an earlier process left; none in a fresh folder.
    pub(crate) fn load(
        &mut self,
        genesis: Digest,
        parameters: usize,
        payload_bytes_max: u64,
    ) -> Result<Option<Saved>, DiskError> {
        let Some(document) = self.read_document()? else { return Ok(None) };
        let found = document.state.genesis();
        if found != genesis {
            return Err(DiskError::OtherRun { path: self.dir.clone(), found, expected: genesis });
        }
        let files = document.files;
        let theta = files.theta.map(|digest| self.read_theta(digest, parameters)).transpose()?;
        let worker = files.worker.map(|digest| self.read_worker(digest, parameters)).transpose()?;
        let payload =
            files.payload.map(|digest| self.read("payload", digest, payload_bytes_max)).transpose()?;
        self.files = files;
        Ok(Some(Saved { state: document.state, theta, worker, payload: payload.map(Bytes::from) }))
    }

    /// Forgets what an earlier process left.
    pub(crate) fn wipe(&mut self) -> Result<(), DiskError> {
        self.files = Files::default();
        let path = self.dir.join(STATE_FILE);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DiskError::Io { path, source }),
            _ => self.sweep(),
        }
    }

    /// Keeps the model state; it counts with the next [`Disk::save`].
    pub(crate) fn keep_theta(&mut self, theta: &[f32]) -> Result<(), DiskError> {
        self.files.theta = Some(self.write("theta", |out| write_values(out, theta))?);
        Ok(())
    }

    /// Keeps optimizer, error feedback and payload; they count with the next [`Disk::save`].
    pub(crate) fn keep_work(&mut self, worker: Worker, payload: &[u8]) -> Result<(), DiskError> {
        self.files.worker = Some(self.write_worker(worker)?);
        self.files.payload = Some(self.write("payload", |out| out.write_all(payload))?);
        Ok(())
    }

    /// Makes `state` and everything kept so far what the next process finds, then removes what it no longer
    /// refers to.
    pub(crate) fn save(&mut self, state: &MinerState) -> Result<(), DiskError> {
        let document = Document { version: VERSION, files: self.files.clone(), state: state.clone() };
        let json = serde_json::to_vec(&document).expect("the state has only string keys and plain values");
        let text = [Digest::of(&json).to_string().as_bytes(), b"\n", &json].concat();
        let path = self.dir.join(STATE_FILE);
        let write = |out: &mut Hashing| out.write_all(&text);
        replace(&path, &self.dir.join("miner.state.new"), write)
            .map_err(|source| DiskError::Io { path, source })?;
        self.sweep()
    }

    fn read_document(&self) -> Result<Option<Document>, DiskError> {
        let path = self.dir.join(STATE_FILE);
        let corrupt = |detail: String| DiskError::Corrupt { path: path.clone(), detail };
        let bytes = match read_bounded(&path, STATE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                return Err(corrupt(source.to_string()));
            }
            Err(source) => return Err(DiskError::Io { path, source }),
        };
        let split = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| corrupt("it has no checksum".into()))?;
        let (checksum, json) = (&bytes[..split], &bytes[split + 1..]);
        if checksum != Digest::of(json).to_string().as_bytes() {
            return Err(corrupt("its checksum does not match".into()));
        }
        let document: Document = serde_json::from_slice(json).map_err(|error| corrupt(error.to_string()))?;
        match document.version {
            VERSION => Ok(Some(document)),
            other => Err(corrupt(format!("version {other}, this release reads {VERSION}"))),
        }
    }

    fn read_theta(&self, digest: Digest, parameters: usize) -> Result<Vec<f32>, DiskError> {
        let bytes = self.read("theta", digest, 4 * parameters as u64)?;
        if bytes.len() != 4 * parameters {
            return Err(self.corrupt("theta", digest, "it is for another model"));
        }
        Ok(values(&bytes))
    }

    fn read_worker(&self, digest: Digest, parameters: usize) -> Result<Worker, DiskError> {
        let corrupt = |detail: &str| self.corrupt("worker", digest, detail);
        let (sidecar, found) =
            sidecar::load_with_checksum(&self.path("worker", digest)).map_err(|error| match error {
                SidecarError::Damaged { reason, .. } => corrupt(&reason),
                SidecarError::Load { source, .. } => corrupt(&source.to_string()),
                other => corrupt(&other.to_string()),
            })?;
        if found != digest {
            return Err(corrupt("its bytes are not those that were written"));
        }
        Worker::from_sidecar(sidecar, parameters).ok_or_else(|| corrupt("it is for another model"))
    }

    /// The sidecar is written whole before it gets the name of its checksum.
    fn write_worker(&self, worker: Worker) -> Result<Digest, DiskError> {
        let new = self.dir.join("worker.new");
        let failed = |source| DiskError::Io { path: new.clone(), source };
        let digest = sidecar::save(&new, &worker.into_sidecar()).map_err(|error| match error {
            SidecarError::Save { source, .. } => failed(source),
            other => failed(io::Error::other(other)),
        })?;
        fs::rename(&new, self.path("worker", digest)).and_then(|()| sync_dir(&self.dir)).map_err(failed)?;
        Ok(digest)
    }

    fn read(&self, kind: &str, digest: Digest, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
        let bytes = read_bounded(&self.path(kind, digest), bytes_max)
            .map_err(|error| self.corrupt(kind, digest, &error.to_string()))?;
        if Digest::of(&bytes) != digest {
            return Err(self.corrupt(kind, digest, "its bytes are not those that were written"));
        }
        Ok(bytes)
    }

    fn write(
        &self,
        kind: &str,
        write: impl FnOnce(&mut Hashing) -> io::Result<()>,
    ) -> Result<Digest, DiskError> {
        let new = self.dir.join(format!("{kind}.new"));
        let failed = |source| DiskError::Io { path: new.clone(), source };
        let digest = write_synced(&new, write).map_err(failed)?;
        fs::rename(&new, self.path(kind, digest)).and_then(|()| sync_dir(&self.dir)).map_err(failed)?;
        Ok(digest)
    }

    /// Removes large files that the state does not refer to.
    fn sweep(&self) -> Result<(), DiskError> {
        let named = |kind, digest: Option<Digest>| digest.map(|digest| self.path(kind, digest));
        let Files { theta, worker, payload } = &self.files;
        let used = [named("theta", *theta), named("worker", *worker), named("payload", *payload)];
        let failed = |source| DiskError::Io { path: self.dir.clone(), source };
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // The last is what a sidecar is called until it is whole.
            let kinds = ["theta-", "worker-", "payload-", ".worker.new."];
            let ours = kinds.iter().any(|kind| name.starts_with(kind));
            if ours && !used.contains(&Some(path.clone())) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn path(&self, kind: &str, digest: Digest) -> PathBuf {
        self.dir.join(format!("{kind}-{digest}"))
    }

    fn corrupt(&self, kind: &str, digest: Digest, detail: &str) -> DiskError {
        DiskError::Corrupt { path: self.path(kind, digest), detail: detail.to_owned() }
    }
}

fn write_values(out: &mut Hashing, values: &[f32]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(4 * CHUNK_VALUES);
    for chunk in values.chunks(CHUNK_VALUES) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn values(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.chunks_exact(4);
    words.map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
}

/// A file whose digest is computed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hasher: Hasher,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn write_synced(path: &Path, write: impl FnOnce(&mut Hashing) -> io::Result<()>) -> io::Result<Digest> {
    let mut out = Hashing { file: BufWriter::new(File::create(path)?), hasher: Hasher::new() };
    write(&mut out)?;
    out.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(out.hasher.finish())
}

fn replace(path: &Path, new: &Path, write: impl FnOnce(&mut Hashing) -> io::Result<()>) -> io::Result<()> {
    write_synced(new, write)?;
    fs::rename(new, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a rename durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > bytes_max {
        let detail = format!("it has {size} bytes where at most {bytes_max} are expected");
        return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
