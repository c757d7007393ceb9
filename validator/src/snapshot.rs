//! The node's state on disk: written whole, checked whole, replaced atomically.
//!
//! ```text
//!  "sn3/validator/v1" | length of body (u64) | body (SCALE) | BLAKE2b-256 of all before it
//! ```
//!
//! A kill at any point leaves either the old file or the new one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use codec::{DecodeAll, Encode};
use sn3_protocol::Digest;

const MAGIC: &[u8; 16] = b"sn3/validator/v1";
const DIGEST_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + 8;

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It cannot be read or written.
    #[error("state file {path}: {source}; check the disk and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what this program wrote.
    #[error(
        "state file {path} is corrupt ({detail}); restore it from a backup, or move it away to start from the published records"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: &'static str,
    },
    /// It is larger than any state of this run.
    #[error(
        "state file {path} has {bytes} bytes where at most {bytes_max} are expected; it belongs to something else"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What is expected at most.
        bytes_max: u64,
    },
}

/// Replaces the file by the encoded value, atomically and durably.
pub fn save(path: &Path, value: &impl Encode) -> Result<(), SnapshotError> {
    let failed = |source| SnapshotError::Io { path: path.to_owned(), source };
    let body = value.encode();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + DIGEST_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&body);
    let digest = Digest::of(&bytes);
    bytes.extend_from_slice(&digest.0);
    replace(path, &bytes).map_err(failed)
}

/// Reads a value back; none when there is no file.
pub fn load<T: DecodeAll>(path: &Path, bytes_max: u64) -> Result<Option<T>, SnapshotError> {
    let failed = |source| SnapshotError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > bytes_max {
        return Err(SnapshotError::TooLarge { path: path.to_owned(), bytes, bytes_max });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(bytes_max).read_to_end(&mut content).map_err(failed)?;
    let corrupt = |detail| SnapshotError::Corrupt { path: path.to_owned(), detail };
    let body = body(&content).map_err(corrupt)?;
    T::decode_all(&mut &*body).map(Some).map_err(|_| corrupt("its body is of another version"))
}

fn body(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let end = bytes.len().checked_sub(DIGEST_BYTES).ok_or("it is too short")?;
    let (signed, digest) = bytes.split_at(end);
    if !signed.starts_with(MAGIC) || signed.len() < HEADER_BYTES {
        return Err("it does not begin as a validator's state");
    }
    if Digest::of(signed).0 != *digest {
        return Err("its checksum does not match");
    }
    let (header, body) = signed.split_at(HEADER_BYTES);
    let length = (body.len() as u64).to_le_bytes();
    if header[MAGIC.len()..] == length { Ok(body) } else { Err("its length does not match") }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 1 << 20;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_and_nothing_is_none() {
        let (_folder, path) = file();
        assert_eq!(load::<Vec<u64>>(&path, BYTES_MAX).unwrap(), None);
        save(&path, &vec![1u64, 2, 3]).unwrap();
        save(&path, &vec![4u64]).unwrap();
        assert_eq!(load::<Vec<u64>>(&path, BYTES_MAX).unwrap(), Some(vec![4]));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_seen() {
        let (_folder, path) = file();
        save(&path, &vec![1u64, 2, 3]).unwrap();
        let sound = fs::read(&path).unwrap();
        for i in 0..sound.len() {
            let mut spoilt = sound.clone();
            spoilt[i] ^= 1;
            fs::write(&path, &spoilt).unwrap();
            assert!(
                matches!(load::<Vec<u64>>(&path, BYTES_MAX), Err(SnapshotError::Corrupt { .. })),
                "byte {i}"
            );
            fs::write(&path, &sound[..i]).unwrap();
            assert!(
                matches!(load::<Vec<u64>>(&path, BYTES_MAX), Err(SnapshotError::Corrupt { .. })),
                "cut {i}"
            );
        }
    }

    #[test]
    fn a_giant_is_refused_before_it_is_read() {
        let (_folder, path) = file();
        fs::write(&path, vec![0; 100]).unwrap();
        assert!(matches!(load::<Vec<u64>>(&path, 99), Err(SnapshotError::TooLarge { .. })));
    }

    #[test]
    fn a_half_written_neighbour_does_not_matter() {
        let (_folder, path) = file();
        save(&path, &7u64).unwrap();
        fs::write(path.with_extension("new"), b"half").unwrap();
        assert_eq!(load::<u64>(&path, BYTES_MAX).unwrap(), Some(7));
    }
}
