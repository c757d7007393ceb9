//! The chain on disk: every block appended to one file before anybody hears of it.
//!
//! A start replays the file through the runtime, so there is no second copy of the state that could
//! disagree. A record torn by a crash is cut off; it belonged to a block that was never announced.
//!
//! ```text
//!   file   = magic (8 bytes) ++ genesis hash (32) ++ record*
//!   record = kind (1) ++ length of body (4, little endian) ++ body ++ checksum (8)
//!   body   = block: clock in ms (8) ++ header ++ transactions    revert: height (8)
//! ```

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use codec::{Decode, DecodeAll, Encode};
use sp_core::H256;
use sp_io::hashing::blake2_256;

use super::block::StoredBlock;
use crate::runtime::Header;

const FILE_NAME: &str = "blocks.log";
const MAGIC: &[u8; 8] = b"sn3dev01";
const PREAMBLE_BYTES: u64 = 40;
const BLOCK: u8 = 1;
const REVERT: u8 = 2;
const KIND_AND_LENGTH_BYTES: usize = 5;
const CHECKSUM_BYTES: usize = 8;
/// A block is at most 10 MiB long; anything longer is no record.
const BODY_BYTES_MAX: u32 = 32 * 1024 * 1024;
/// A record survives the death of the process at once, and that of the machine when it is reported: a block
/// alone when it is made, one of many when the last of them is, or after this many records.
const RECORDS_PER_SYNC: u32 = 256;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A block's transactions are not kept any more.
    #[error(
        "block {number} has been forgotten, so the chain cannot be written; write it earlier, or keep it in a state folder"
    )]
    Forgotten {
        /// The height.
        number: u64,
    },
    /// The operating system refused.
    #[error("cannot use {}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another node writes to it.
    #[error("{} is in use by another development chain; stop it or choose another state_dir", .0.display())]
    InUse(PathBuf),
    /// It belongs to another chain.
    #[error(
        "{} was written by a chain with another genesis (another build or configuration); choose another \
         state_dir, or delete the file to begin anew",
        .0.display()
    )]
    OtherChain(PathBuf),
}

/// What happened to the chain.
#[derive(Debug)]
pub enum Record {
    /// A block was appended.
    Block(StoredBlock),
    /// The chain went back to this height.
    Revert(u64),
}

/// The open file, positioned behind its last record.
pub struct BlockLog {
    file: File,
    path: PathBuf,
    /// Where the next record goes.
    end: u64,
    unsynced: u32,
}

impl BlockLog {
    /// Opens or creates the file in `dir` and hands all its records to `replay`, in order. When `replay`
    /// refuses one, that one and all after it are cut off.
    pub fn open(dir: &Path, genesis: H256, mut replay: impl FnMut(Record) -> bool) -> Result<Self, LogError> {
        let path = dir.join(FILE_NAME);
        let fail = |source| LogError::File { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(fail)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(fail)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse(path)),
            Err(TryLockError::Error(source)) => return Err(fail(source)),
            Ok(()) => {}
        }
        let mut log = Self { file, path: path.clone(), end: PREAMBLE_BYTES, unsynced: 0 };
        log.check_preamble(genesis)?;
        log.replay(&mut replay).map_err(fail)?;
        Ok(log)
    }

    fn check_preamble(&mut self, genesis: H256) -> Result<(), LogError> {
        let expected = [MAGIC.as_slice(), genesis.as_bytes()].concat();
        let mut found = Vec::new();
        let read = (&self.file).take(PREAMBLE_BYTES).read_to_end(&mut found);
        read.map_err(|source| self.failed(source))?;
        if found == expected {
            return Ok(());
        }
        // A crash while the file was created may have left a part of the preamble.
        if !expected.starts_with(&found) {
            return Err(LogError::OtherChain(self.path.clone()));
        }
        self.write_at(0, &expected).map_err(|source| self.failed(source))
    }

    fn replay(&mut self, replay: &mut impl FnMut(Record) -> bool) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut reader = BufReader::new(&self.file);
        while let Some((record, bytes)) = read_record(&mut reader)? {
            if !replay(record) {
                tracing::warn!(path = %self.path.display(), "a block does not execute; the chain ends before it");
                break;
            }
            self.end += bytes;
        }
        self.file.set_len(self.end)
    }

    /// Appends a block. When this returns, the block survives the death of this process.
    pub fn append(&mut self, block: &StoredBlock) -> Result<(), LogError> {
        self.write(BLOCK, (block.timestamp_ms, &block.header, opaque(block)).encode())
    }

    /// Appends that the chain went back to `height`.
    pub fn append_revert(&mut self, height: u64) -> Result<(), LogError> {
        self.write(REVERT, height.encode())
    }

    /// The end only moves once everything is written, so what a failed write left behind is overwritten.
    fn write(&mut self, kind: u8, body: Vec<u8>) -> Result<(), LogError> {
        let length = u32::try_from(body.len()).expect("a block is smaller than 4 GiB");
        let mut record = [&[kind], length.to_le_bytes().as_slice(), &body].concat();
        record.extend_from_slice(&checksum(&record));
        self.write_at(self.end, &record).map_err(|source| self.failed(source))?;
        self.end += record.len() as u64;
        self.unsynced += 1;
        if self.unsynced >= RECORDS_PER_SYNC {
            self.sync();
        }
        Ok(())
    }

    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(place))?;
        self.file.write_all(bytes)
    }

    /// Forces what was appended to disk. A disk that refuses is reported, and the chain goes on.
    pub fn sync(&mut self) {
        if self.unsynced == 0 {
            return;
        }
        self.unsynced = 0;
        if let Err(error) = self.file.sync_data() {
            tracing::error!(path = %self.path.display(), %error, "the chain could not be forced to disk");
        }
    }

    fn failed(&self, source: io::Error) -> LogError {
        LogError::File { path: self.path.clone(), source }
    }
}

impl Drop for BlockLog {
    fn drop(&mut self) {
        self.sync();
    }
}

fn opaque(block: &StoredBlock) -> Vec<Vec<u8>> {
    block.extrinsics.iter().map(|bytes| bytes.to_vec()).collect()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake2_256(bytes);
    std::array::from_fn(|i| hash[i])
}

/// The next record and its length in the file; `None` at the end, and at anything that is no record.
fn read_record(reader: &mut impl Read) -> io::Result<Option<(Record, u64)>> {
    let Some(mut bytes) = read_exactly(reader, KIND_AND_LENGTH_BYTES)? else { return Ok(None) };
    let kind = bytes[0];
    let length = u32::from_le_bytes(std::array::from_fn(|i| bytes[i + 1]));
    if length > BODY_BYTES_MAX {
        return Ok(None);
    }
    let Some(body) = read_exactly(reader, length as usize)? else { return Ok(None) };
    let Some(sum) = read_exactly(reader, CHECKSUM_BYTES)? else { return Ok(None) };
    bytes.extend_from_slice(&body);
    if sum != checksum(&bytes) {
        return Ok(None);
    }
    let total = (bytes.len() + sum.len()) as u64;
    Ok(decode(kind, &body).map(|record| (record, total)))
}

fn decode(kind: u8, body: &[u8]) -> Option<Record> {
    match kind {
        BLOCK => {
            let input = &mut &body[..];
            let (timestamp_ms, header) = <(u64, Header)>::decode(input).ok()?;
            let extrinsics = Vec::<Vec<u8>>::decode_all(input).ok()?;
            let extrinsics = extrinsics.into_iter().map(Into::into).collect();
            Some(Record::Block(StoredBlock::new(header, extrinsics, timestamp_ms)))
        }
        REVERT => u64::decode_all(&mut &body[..]).ok().map(Record::Revert),
        _ => None,
    }
}

fn read_exactly(reader: &mut impl Read, count: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = reader.take(count as u64).read_to_end(&mut bytes)?;
    Ok((read == count).then_some(bytes))
}
