//! Saving a run between two blocks, and going on with it later.
//!
//! ```text
//!  "SN3SIM\n\0" · version u32 · length u64 · BLAKE2b-256 of the content · content
//!  content: the scenario as JSON text, then the state, both SCALE-encoded
//! ```

use std::path::{Path, PathBuf};

use codec::{Decode, DecodeAll, Encode};
use sn3_protocol::Digest;

use crate::output::write_atomic;
use crate::run::{Dynamic, Simulation};
use crate::scenario::Scenario;
use crate::world::BuildError;

/// Largest state file in bytes.
pub const STATE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Version of the format.
pub const STATE_VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"SN3SIM\n\0";
const HEADER_BYTES: usize = 8 + 4 + 8 + 32;

/// Why a state file was not written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("state file {path}: {source}; check the path and its permissions")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("state file {path} has {bytes} bytes, at most {STATE_BYTES_MAX} are read; start the run anew")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is something else.
    #[error("{path} is no state file of the simulator; give the file that a paused run wrote")]
    NotAState {
        /// The file.
        path: PathBuf,
    },
    /// The file is from another version.
    #[error(
        "state file {path} has version {found}, this program reads {STATE_VERSION}; finish the run with the program that began it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The content does not match the checksum, or does not decode.
    #[error("state file {path} is damaged: {what}; use an older copy, or start the run anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// The saved scenario cannot be built any more.
    #[error("state file {path}: {source}")]
    Build {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BuildError,
    },
}

impl Simulation {
    /// Writes everything that is needed to go on, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        let scenario = self.scenario().canonical_json();
        let content = (scenario, self.dynamic()).encode();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&STATE_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Digest::of(&content).0);
        bytes.extend_from_slice(&content);
        write_atomic(path, &bytes).map_err(|source| StateError::File { path: path.to_owned(), source })
    }

    /// Goes on with a saved run. The scenario is in the file.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn resume(path: &Path) -> Result<Self, StateError> {
        let bytes = read(path)?;
        let damaged = |what: &str| StateError::Damaged { path: path.to_owned(), what: what.to_owned() };
        let content = content(path, &bytes)?;
        let (scenario, state) = <(String, Dynamic)>::decode_all(&mut &*content)
            .map_err(|error| damaged(&format!("its content does not decode ({error})")))?;
        let scenario = serde_json::from_str(&scenario).map_err(|error| damaged(&error.to_string()))?;
        let scenario = Scenario::from_value(scenario).map_err(|error| damaged(&error.to_string()))?;
        let build = |source| StateError::Build { path: path.to_owned(), source };
        Self::from_dynamic(scenario, state).map_err(build)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StateError> {
    let file = |source| StateError::File { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(file)?.len();
    if bytes > STATE_BYTES_MAX {
        return Err(StateError::TooLarge { path: path.to_owned(), bytes });
    }
    std::fs::read(path).map_err(file)
}

/// The content behind a header that fits it.
fn content<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], StateError> {
    let damaged = |what: &str| StateError::Damaged { path: path.to_owned(), what: what.to_owned() };
    if bytes.get(..8) != Some(MAGIC) {
        return Err(StateError::NotAState { path: path.to_owned() });
    }
    let header = bytes.get(8..HEADER_BYTES).ok_or_else(|| damaged("it ends within its header"))?;
    let mut input = header;
    let header = <(u32, u64, [u8; 32])>::decode(&mut input);
    let (found, length, digest) = header.map_err(|_| damaged("its header does not decode"))?;
    if found != STATE_VERSION {
        return Err(StateError::Version { path: path.to_owned(), found });
    }
    let content = &bytes[HEADER_BYTES..];
    if content.len() as u64 != length {
        return Err(damaged(&format!("it holds {} bytes instead of {length}", content.len())));
    }
    if Digest::of(content).0 != digest {
        return Err(damaged("its checksum does not match"));
    }
    Ok(content)
}
