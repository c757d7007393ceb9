//! A node's private state on disk: optimizer, error feedback, data cursor, anything else it must find again
//! after a crash. One file, there whole or not at all, every byte of it checked.
//!
//! ```text
//!  "SN3STATE" │ version u32 │ header length u32 │ header (JSON) │ section │ section │ … │ BLAKE2b-256 of all
//! ```
//!
//! The header holds the metadata and each section's name, kind and length; numbers are little-endian.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_protocol::{Digest, digest::Hasher};

use crate::files;
use crate::train::OptimizerState;

const MAGIC: [u8; 8] = *b"SN3STATE";
const VERSION: u32 = 1;
/// Bytes before the header.
const PREFIX_BYTES: u64 = 16;
/// Bytes after the sections.
const CHECKSUM_BYTES: u64 = 32;
/// Longest header: metadata and the list of sections.
pub const HEADER_BYTES_MAX: u32 = 1 << 20;
/// Values converted at a time.
const BUFFER_VALUES: usize = 1 << 14;

/// Names of the sections that hold an [`OptimizerState`].
const FIRST: &str = "optimizer.first";
const SECOND: &str = "optimizer.second";

/// Named buffers and JSON metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sidecar {
    /// Anything small: cursors, window numbers, digests of what the buffers belong to.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Buffers of f32, by name; bits are kept exactly.
    pub floats: BTreeMap<String, Vec<f32>>,
    /// Buffers of bytes, by name.
    pub bytes: BTreeMap<String, Vec<u8>>,
}

/// Why a node's state was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarError {
    /// The file cannot be written; the previous one is untouched.
    #[error("node state {path:?} was not saved ({source}); free space or correct the rights of its folder")]
    Save {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("node state {path:?} cannot be read: {source}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what was saved.
    #[error("node state {path:?} is damaged ({reason}); move it away to start from the run's current state")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Metadata or section names larger than the header may be.
    #[error(
        "node state {path:?} was not saved: its metadata has {bytes} bytes, more than {HEADER_BYTES_MAX}; keep large values in sections"
    )]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Length of the header.
        bytes: usize,
    },
    /// A buffer that the caller needs is not there.
    #[error("the node state has no section {0:?}; it was saved by something else")]
    Missing(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    F32,
    U8,
}

#[derive(Debug, Serialize, Deserialize)]
struct Section {
    name: String,
    kind: Kind,
    bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    metadata: serde_json::Map<String, serde_json::Value>,
    sections: Vec<Section>,
}

impl Sidecar {
    /// Keeps an optimizer's state.
    pub fn put_optimizer(&mut self, state: OptimizerState) {
        self.metadata.insert("optimizer.step".to_owned(), state.step.into());
        self.floats.insert(FIRST.to_owned(), state.first);
        self.floats.insert(SECOND.to_owned(), state.second);
    }

    /// Takes the optimizer's state out.
    ///
    /// # Errors
    /// If none was kept.
    pub fn take_optimizer(&mut self) -> Result<OptimizerState, SidecarError> {
        let missing = |name: &str| SidecarError::Missing(name.to_owned());
        let step = self.metadata.get("optimizer.step").and_then(serde_json::Value::as_u64);
        Ok(OptimizerState {
            step: step.ok_or_else(|| missing("optimizer.step"))?,
            first: self.floats.remove(FIRST).ok_or_else(|| missing(FIRST))?,
            second: self.floats.remove(SECOND).ok_or_else(|| missing(SECOND))?,
        })
    }

    fn header(&self) -> Header {
        let floats = self.floats.iter().map(|(name, values)| (name, Kind::F32, 4 * values.len() as u64));
        let bytes = self.bytes.iter().map(|(name, bytes)| (name, Kind::U8, bytes.len() as u64));
        let section = |(name, kind, bytes): (&String, Kind, u64)| Section { name: name.clone(), kind, bytes };
        Header { metadata: self.metadata.clone(), sections: floats.chain(bytes).map(section).collect() }
    }
}

/// Saves `state` at `path`: a temporary file is written, synced and renamed, and the folder synced, so that
/// a crash at any moment leaves the previous state or this one. Returns the checksum that ends the file: the
/// digest of all bytes before it, which names the content.
///
/// # Errors
/// If the metadata is too long or the file cannot be written.
pub fn save(path: &Path, state: &Sidecar) -> Result<Digest, SidecarError> {
    let header = serde_json::to_vec(&state.header()).expect("string keys and plain values");
    if header.len() > HEADER_BYTES_MAX as usize {
        return Err(SidecarError::Metadata { path: path.to_owned(), bytes: header.len() });
    }
    let mut checksum = Digest::default();
    let write = |file: &mut io::BufWriter<File>| {
        let mut out = Hashed { inner: file, hasher: Hasher::new() };
        out.write(&MAGIC)?;
        out.write(&VERSION.to_le_bytes())?;
        out.write(&(header.len() as u32).to_le_bytes())?;
        out.write(&header)?;
        state.floats.values().try_for_each(|values| out.write_floats(values))?;
        state.bytes.values().try_for_each(|bytes| out.write(bytes))?;
        checksum = std::mem::take(&mut out.hasher).finish();
        out.inner.write_all(&checksum.0)
    };
    files::write_atomic_with(path, write)
        .map_err(|source| SidecarError::Save { path: path.to_owned(), source })?;
    Ok(checksum)
}

/// Loads what [`save`] wrote.
///
/// # Errors
/// If the file cannot be read or any byte of it differs from what was saved.
pub fn load(path: &Path) -> Result<Sidecar, SidecarError> {
    load_with_checksum(path).map(|(state, _)| state)
}

/// [`load`], and the checksum that [`save`] returned.
///
/// # Errors
/// As [`load`].
pub fn load_with_checksum(path: &Path) -> Result<(Sidecar, Digest), SidecarError> {
    let unreadable = |source| SidecarError::Load { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut input = Hashed { inner: BufReader::with_capacity(1 << 20, file), hasher: Hasher::new() };
    read(&mut input, length).map_err(|fault| match fault {
        Fault::Io(source) => unreadable(source),
        Fault::Damaged(reason) => SidecarError::Damaged { path: path.to_owned(), reason },
    })
}

enum Fault {
    Io(io::Error),
    Damaged(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("it ends too early".to_owned()),
            _ => Self::Io(error),
        }
    }
}

fn damaged(reason: impl Into<String>) -> Fault {
    Fault::Damaged(reason.into())
}

fn read<R: Read>(input: &mut Hashed<R>, length: u64) -> Result<(Sidecar, Digest), Fault> {
    let (magic, version, header_bytes) = (input.array::<8>()?, input.number()?, input.number()?);
    if (magic, version) != (MAGIC, VERSION) {
        return Err(damaged("not a node state of this version"));
    }
    if header_bytes > HEADER_BYTES_MAX {
        return Err(damaged(format!("a header of {header_bytes} bytes")));
    }
    let header = input.bytes(u64::from(header_bytes))?;
    let header: Header = serde_json::from_slice(&header).map_err(|e| damaged(format!("header: {e}")))?;
    check_lengths(&header.sections, length, header_bytes)?;
    let mut state = Sidecar { metadata: header.metadata, ..Sidecar::default() };
    for Section { name, kind, bytes } in header.sections {
        let repeated = match kind {
            Kind::F32 => state.floats.insert(name, input.floats(bytes)?).is_some(),
            Kind::U8 => state.bytes.insert(name, input.bytes(bytes)?).is_some(),
        };
        if repeated {
            return Err(damaged("a section is there twice"));
        }
    }
    let expected = std::mem::take(&mut input.hasher).finish();
    match Digest(input.array()?) {
        found if found == expected => Ok((state, found)),
        _ => Err(damaged("its checksum does not match")),
    }
}

/// Sections must fill the file exactly; checked before memory is taken for them.
fn check_lengths(sections: &[Section], length: u64, header_bytes: u32) -> Result<(), Fault> {
    let odd = sections.iter().any(|section| section.kind == Kind::F32 && section.bytes % 4 != 0);
    let fixed = PREFIX_BYTES + u64::from(header_bytes) + CHECKSUM_BYTES;
    let total = sections.iter().try_fold(fixed, |sum, section| sum.checked_add(section.bytes));
    if odd || total != Some(length) {
        return Err(damaged(format!("{length} bytes do not fit its header")));
    }
    Ok(())
}

/// A reader or writer that digests what passes.
struct Hashed<T> {
    inner: T,
    hasher: Hasher,
}

impl<W: Write> Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }

    fn write_floats(&mut self, values: &[f32]) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(4 * BUFFER_VALUES);
        for part in values.chunks(BUFFER_VALUES) {
            buffer.clear();
            buffer.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            self.write(&buffer)?;
        }
        Ok(())
    }
}

impl<R: Read> Hashed<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn bytes(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn floats(&mut self, bytes: u64) -> io::Result<Vec<f32>> {
        let mut left = usize::try_from(bytes).map_err(io::Error::other)?;
        let mut values = Vec::with_capacity(left / 4);
        let mut buffer = vec![0; left.min(4 * BUFFER_VALUES)];
        while left > 0 {
            let part = &mut buffer[..left.min(4 * BUFFER_VALUES)];
            self.fill(part)?;
            let (numbers, _) = part.as_chunks::<4>();
            values.extend(numbers.iter().map(|number| f32::from_le_bytes(*number)));
            left -= part.len();
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> Sidecar {
        let mut state = Sidecar::default();
        state.metadata.insert("window".to_owned(), 12.into());
        state.floats.insert("error".to_owned(), vec![1.5, -0.0, f32::NAN, f32::MIN_POSITIVE / 2.0]);
        state.bytes.insert("cursor".to_owned(), b"abc".to_vec());
        let first: Vec<f32> = (0..20_000).map(|i| i as f32).collect();
        state.put_optimizer(OptimizerState { step: 7, second: vec![2.0; first.len()], first });
        state
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn everything_comes_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.state");
        let saved = state();
        save(&path, &saved).unwrap();
        let mut loaded = load(&path).unwrap();
        assert_eq!(bits(&loaded.floats["error"]), bits(&saved.floats["error"]));
        assert_eq!((&loaded.bytes, &loaded.metadata), (&saved.bytes, &saved.metadata));
        let optimizer = loaded.take_optimizer().unwrap();
        assert_eq!((optimizer.step, optimizer.first[19_999]), (7, 19_999.0));
        assert!(matches!(loaded.take_optimizer(), Err(SidecarError::Missing(_))));
        save(&path, &Sidecar::default()).unwrap();
        assert_eq!(load(&path).unwrap(), Sidecar::default());
    }

    #[test]
    fn every_damage_is_noticed_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.state");
        let mut small = Sidecar::default();
        small.floats.insert("error".to_owned(), vec![1.0; 5]);
        small.metadata.insert("window".to_owned(), 3.into());
        save(&path, &small).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains("node.state\" is damaged"), "byte {index}: {error}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(load(&path), Err(SidecarError::Damaged { .. })), "{length} bytes");
        }
        std::fs::write(&path, [whole, vec![0]].concat()).unwrap();
        assert!(load(&path).is_err(), "bytes after the end");
        let missing = load(&dir.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("none\" cannot be read"), "{missing}");
    }

    #[test]
    fn a_hostile_length_takes_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.state");
        let header =
            br#"{"metadata":{},"sections":[{"name":"a","kind":"f32","bytes":18446744073709551612}]}"#;
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &(header.len() as u32).to_le_bytes()].concat();
        bytes.extend_from_slice(header);
        bytes.extend([0; 32]);
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(load(&path), Err(SidecarError::Damaged { .. })));
    }

    #[test]
    fn a_long_header_is_refused_when_saving() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = Sidecar::default();
        state.metadata.insert("log".to_owned(), "x".repeat(2 << 20).into());
        let error = save(&dir.path().join("node.state"), &state).unwrap_err();
        assert!(matches!(error, SidecarError::Metadata { .. }), "{error}");
    }
}
