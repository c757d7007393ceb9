//! The validator's ledger: every record that it followed and every weight setting that landed, in SQLite.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use sn3_chain::Receipt;
use sn3_protocol::{Digest, Hotkey, Uid, Window};

/// How long a writer waits for another process's lock, in milliseconds.
const BUSY_TIMEOUT_MS: u64 = 5_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS rounds (
        window INTEGER PRIMARY KEY,
        record TEXT NOT NULL,
        leader TEXT NOT NULL,
        aggregated TEXT NOT NULL,
        state_before TEXT NOT NULL,
        state_after TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS weights (
        window INTEGER PRIMARY KEY,
        weights TEXT NOT NULL,
        block INTEGER NOT NULL,
        block_hash TEXT NOT NULL,
        extrinsic TEXT NOT NULL
    );";

/// Why the ledger cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("ledger {path}: {source}; check the disk, or move the file away to start a new one")]
pub struct LedgerError {
    path: PathBuf,
    source: rusqlite::Error,
}

/// One round as it was followed.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRow {
    /// The window.
    pub window: Window,
    /// Digest of the record.
    pub record: Digest,
    /// Who wrote it.
    pub leader: Hotkey,
    /// Who was aggregated.
    pub aggregated: Vec<Uid>,
    /// State before.
    pub state_before: Digest,
    /// State after.
    pub state_after: Digest,
}

/// One weight setting with its proof.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsRow {
    /// The window whose scores it pays.
    pub window: Window,
    /// The weights as they were set.
    pub weights: Vec<(Uid, u16)>,
    /// The block that contains it.
    pub receipt: Receipt,
}

/// The open ledger.
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens or creates a ledger.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS)).map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Writes a round; the same one again changes nothing.
    pub fn add_round(&self, row: &RoundRow) -> Result<(), LedgerError> {
        let uids: Vec<u16> = row.aggregated.iter().map(|uid| uid.0).collect();
        let values = params![
            row.window.0 as i64,
            row.record.to_string(),
            row.leader.to_string(),
            serde_json::to_string(&uids).expect("numbers are JSON"),
            row.state_before.to_string(),
            row.state_after.to_string(),
        ];
        let sql = "INSERT OR IGNORE INTO rounds VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.connection().execute(sql, values).map(drop).map_err(|source| self.failed(source))
    }

    /// Writes a weight setting.
    pub fn add_weights(&self, row: &WeightsRow) -> Result<(), LedgerError> {
        let values = params![
            row.window.0 as i64,
            serde_json::to_string(&row.weights).expect("numbers are JSON"),
            row.receipt.block.number.0 as i64,
            row.receipt.block.hash.to_string(),
            row.receipt.extrinsic.to_string(),
        ];
        let sql = "INSERT OR REPLACE INTO weights VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection().execute(sql, values).map(drop).map_err(|source| self.failed(source))
    }

    /// Whether the weights of a window have landed.
    pub fn has_weights(&self, window: Window) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM weights WHERE window = ?1";
        let found = self.connection().query_row(sql, [window.0 as i64], |_| Ok(())).optional();
        found.map(|row| row.is_some()).map_err(|source| self.failed(source))
    }

    /// How many rounds and weight settings the ledger holds.
    pub fn counts(&self) -> Result<(u64, u64), LedgerError> {
        let count = |table: &str| {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            self.connection().query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        let both = count("rounds").and_then(|rounds| Ok((rounds as u64, count("weights")? as u64)));
        both.map_err(|source| self.failed(source))
    }

    /// A panic elsewhere leaves no half statement behind, so a poisoned lock is as good as any.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> LedgerError {
        LedgerError { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sn3_chain::BlockRef;
    use sn3_protocol::BlockNumber;

    #[test]
    fn rows_survive_closing_and_are_not_doubled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let round = RoundRow {
            window: Window(4),
            record: Digest::of(b"record"),
            leader: Hotkey([1; 32]),
            aggregated: vec![Uid(0), Uid(2)],
            state_before: Digest::of(b"before"),
            state_after: Digest::of(b"after"),
        };
        let block = BlockRef { number: BlockNumber(90), hash: Digest::of(b"block") };
        let receipt = Receipt { block, extrinsic: Digest::of(b"extrinsic") };
        for _ in 0..2 {
            let ledger = Ledger::open(&path).unwrap();
            ledger.add_round(&round).unwrap();
            let weights = WeightsRow { window: Window(4), weights: vec![(Uid(0), 65535)], receipt };
            ledger.add_weights(&weights).unwrap();
        }
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.counts().unwrap(), (1, 1));
        assert!(ledger.has_weights(Window(4)).unwrap() && !ledger.has_weights(Window(5)).unwrap());
    }
}
