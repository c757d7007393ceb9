//! The token store: one checked, memory-mapped file of samples and their ids.
//!
//! ```text
//!  128-byte header          body
//!  magic, version, counts,  train samples │ held-out samples │ ids of the train samples
//!  checksum of both         u32 each      │ u32 each         │ u64 each     (little-endian)
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest as _};
use memmap2::Mmap;
use rayon::prelude::*;
use sn3_protocol::{Digest, digest::Hasher};

use crate::files;

const MAGIC: [u8; 8] = *b"SN3TOKEN";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 128;
const CHECKSUM_AT: usize = 96;

/// What the header says; everything in the body follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) seq_len: u32,
    pub(super) vocab: u32,
    pub(super) eos: u32,
    pub(super) train: u64,
    pub(super) heldout: u64,
}

/// A store that was opened and found whole.
#[derive(Debug)]
pub(super) struct Store {
    map: Mmap,
    pub(super) shape: Shape,
    pub(super) checksum: Digest,
}

/// Why a token store is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("token store {path:?}: {source}; check the free space and the rights of its folder")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("token store {path:?} is damaged ({reason}); delete it and it is prepared again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

/// The id of a sample: the little-endian u64 of the 8-byte BLAKE2b of its tokens as little-endian u32
/// (training protocol, section 6).
#[must_use]
pub fn sample_id(tokens: &[u32]) -> u64 {
    let mut hasher = Blake2b::<U8>::new();
    hasher.update(le_bytes(tokens));
    u64::from_le_bytes(hasher.finalize().into())
}

fn le_bytes(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|t| t.to_le_bytes()).collect()
}

impl Shape {
    fn body_bytes(&self) -> Option<usize> {
        let samples = self.train.checked_add(self.heldout)?;
        let tokens = samples.checked_mul(u64::from(self.seq_len))?.checked_mul(4)?;
        usize::try_from(tokens.checked_add(self.ids_pad())?.checked_add(self.train.checked_mul(8)?)?).ok()
    }

    /// Bytes between tokens and ids, so that the ids are aligned to 8.
    fn ids_pad(&self) -> u64 {
        4 * (self.train.wrapping_add(self.heldout).wrapping_mul(u64::from(self.seq_len)) % 2)
    }

    fn header(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(MAGIC);
        for number in [VERSION, self.seq_len, self.vocab, self.eos] {
            header.extend(number.to_le_bytes());
        }
        header.extend(self.train.to_le_bytes());
        header.extend(self.heldout.to_le_bytes());
        header.resize(CHECKSUM_AT, 0);
        header
    }

    fn from_header(header: &[u8]) -> Result<Self, String> {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        if header[..8] != MAGIC || u32_at(8) != VERSION {
            return Err("not a token store of this version".to_owned());
        }
        let shape = Self {
            seq_len: u32_at(12),
            vocab: u32_at(16),
            eos: u32_at(20),
            train: u64_at(24),
            heldout: u64_at(32),
        };
        if shape.seq_len == 0 { Err("samples of length 0".to_owned()) } else { Ok(shape) }
    }
}

/// Writes samples to `path` so that they are there whole or not at all.
pub(super) fn write(path: &Path, shape: Shape, train: &[u32], heldout: &[u32]) -> Result<(), StoreError> {
    let ids: Vec<u64> = train.par_chunks_exact(shape.seq_len as usize).map(sample_id).collect();
    let mut body = [le_bytes(train), le_bytes(heldout)].concat();
    body.resize(body.len() + shape.ids_pad() as usize, 0);
    body.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    let header = shape.header();
    let checksum = checksum(&header, &body);
    let write = |file: &mut io::BufWriter<File>| {
        file.write_all(&header)?;
        file.write_all(&checksum.0)?;
        file.write_all(&body)
    };
    files::write_atomic_with(path, write).map_err(|source| StoreError::File { path: path.to_owned(), source })
}

fn checksum(header: &[u8], body: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&header[..CHECKSUM_AT]);
    hasher.update(body);
    hasher.finish()
}

impl Store {
    /// Maps the file and checks every byte of it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let at = |source| StoreError::File { path: path.to_owned(), source };
        let map = map(&File::open(path).map_err(at)?).map_err(at)?;
        let damaged = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
        if map.len() < HEADER_BYTES {
            return Err(damaged(format!("{} bytes are less than its header", map.len())));
        }
        let shape = Shape::from_header(&map).map_err(damaged)?;
        let body = &map[HEADER_BYTES..];
        if shape.body_bytes() != Some(body.len()) {
            return Err(damaged(format!("{} bytes do not fit its header", map.len())));
        }
        let sum = checksum(&map, body);
        if sum.0 != map[CHECKSUM_AT..HEADER_BYTES] {
            return Err(damaged("its checksum does not match".to_owned()));
        }
        let store = Self { shape, checksum: sum, map };
        match store.tokens().iter().find(|&&token| token >= shape.vocab) {
            Some(token) => {
                Err(damaged(format!("token {token} is outside the vocabulary of {}", shape.vocab)))
            }
            None => Ok(store),
        }
    }

    /// Sample `index`, training samples first.
    pub(super) fn sample(&self, index: u64) -> &[u32] {
        let length = self.shape.seq_len as usize;
        &self.tokens()[index as usize * length..][..length]
    }

    /// Id of training sample `index`.
    pub(super) fn id(&self, index: u64) -> u64 {
        let ids = &self.map[self.map.len() - 8 * self.shape.train as usize..];
        u64::from_le_bytes(std::array::from_fn(|i| ids[8 * index as usize + i]))
    }

    fn tokens(&self) -> &[u32] {
        let bytes = 4 * self.shape.seq_len as usize * (self.shape.train + self.shape.heldout) as usize;
        bytemuck::cast_slice(&self.map[HEADER_BYTES..HEADER_BYTES + bytes])
    }
}

#[cfg(target_endian = "big")]
compile_error!("token stores are mapped as little-endian u32; this machine is big-endian");

/// Maps a token store for reading.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a store is written under another name and renamed, and never changed afterwards; nothing in
    // this process writes to a mapped file. Another program that truncates it ends this process with SIGBUS,
    // as for every mapped file; no value read from it is trusted before the checks of `Store::open`.
    #[allow(unsafe_code)]
    unsafe {
        Mmap::map(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { seq_len: 3, vocab: 50, eos: 0, train: 2, heldout: 1 };

    fn written() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.sn3");
        write(&path, SHAPE, &[1, 2, 3, 4, 5, 6], &[7, 8, 9]).unwrap();
        (dir, path)
    }

    #[test]
    fn samples_and_ids_come_back() {
        let (_dir, path) = written();
        let store = Store::open(&path).unwrap();
        assert_eq!(store.shape, SHAPE);
        assert_eq!((store.sample(1), store.sample(2)), (&[4, 5, 6][..], &[7, 8, 9][..]));
        assert_eq!(store.id(1), sample_id(&[4, 5, 6]));
    }

    #[test]
    fn a_sample_id_is_the_eight_byte_blake2b_of_its_bytes() {
        // Python: int.from_bytes(hashlib.blake2b(np.arange(4, dtype='<u4').tobytes(), digest_size=8).digest(), 'little')
        assert_eq!(sample_id(&[0, 1, 2, 3]), 18_058_939_085_400_907_254);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (_dir, path) = written();
        let whole = std::fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let error = Store::open(&path).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "byte {index}: {error}");
        }
        for length in [0, 5, HEADER_BYTES, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(Store::open(&path).is_err(), "{length}");
        }
    }

    #[test]
    fn hostile_counts_are_refused_before_memory_is_taken() {
        let (_dir, path) = written();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })));
    }
}
