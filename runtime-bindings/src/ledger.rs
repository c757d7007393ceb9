//! The local, durable record of weights that were meant to be set and of what became of them.
//!
//! ```text
//!  intended ──► sent ──► landed                      plain weights
//!      │         │  └──► committed ──► revealed      commit and reveal; or ──► missed
//!      └─────────┴─────► abandoned                   refused, expired, or never sent
//! ```
//!
//! An intent is written before anything is sent, and the signed bytes before they leave the machine. After a crash
//! the same bytes are sent again, which the chain executes at most once.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use codec::{Decode, Encode};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

use crate::client::Signed;
use crate::{BlockRef, Receipt};

mod schema;

/// Why the ledger cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file cannot be opened, read or written.
    #[error("weights ledger {path}: {reason}; check the disk, or move the file away to start a new one")]
    Storage {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A row is not what this program wrote.
    #[error("weights ledger {path}, intent {intent}: {reason}; move the file away to start a new one")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The row.
        intent: i64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntentState {
    /// Written down, not sent.
    Intended,
    /// Handed to a node; the outcome is not known.
    Sent,
    /// Plain weights that are on chain.
    Landed,
    /// A commit that is on chain and waits for its reveal.
    Committed,
    /// A commit whose reveal is on chain.
    Revealed,
    /// A commit whose reveal the chain no longer takes.
    Missed,
    /// Refused by the chain, expired, or never sent.
    Abandoned,
}

/// Weights that were meant to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Number in this ledger.
    pub id: i64,
    /// The subnet.
    pub netuid: NetUid,
    /// Whose weights.
    pub hotkey: Hotkey,
    /// The weights as sent: ascending uids, no zeros.
    pub weights: Vec<(Uid, u16)>,
    /// The version key sent with them.
    pub version_key: u64,
    /// The salt, when they are committed first. Secret until the reveal.
    pub salt: Option<Vec<u16>>,
    /// The finalized head when they were meant to be set.
    pub decided_at: BlockNumber,
    /// Where it stands.
    pub state: IntentState,
    /// The block and extrinsic of the last step that succeeded.
    pub receipt: Option<Receipt>,
    /// Why it was abandoned or missed.
    pub reason: Option<String>,
}

/// What is to be written before weights are sent.
pub(crate) struct NewIntent<'a> {
    pub(crate) netuid: NetUid,
    pub(crate) hotkey: Hotkey,
    pub(crate) weights: &'a [(Uid, u16)],
    pub(crate) version_key: u64,
    pub(crate) salt: Option<&'a [u16]>,
    pub(crate) decided_at: BlockNumber,
}

/// A SQLite file that survives a crash at any point: every step is one synchronous transaction.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    db: Mutex<Connection>,
}

impl Ledger {
    /// Opens a ledger, or starts one.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        let db = Connection::open(&path).map_err(|error| storage(&path, &error))?;
        Self::prepare(path, db)
    }

    /// A ledger that is gone with the process: for tests and local networks.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from(":memory:");
        let db = Connection::open_in_memory().map_err(|error| storage(&path, &error))?;
        Self::prepare(path, db)
    }

    fn prepare(path: PathBuf, db: Connection) -> Result<Self, LedgerError> {
        schema::prepare(&db).map_err(|error| storage(&path, &error))?;
        Ok(Self { path, db: Mutex::new(db) })
    }

    /// The newest intents first, at most `count_max` of them.
    pub fn history(&self, count_max: u32) -> Result<Vec<Intent>, LedgerError> {
        self.select("1 = 1 ORDER BY id DESC LIMIT ?1", params![count_max])
    }

    /// Writes an intent down and returns its number.
    pub(crate) fn intend(&self, new: &NewIntent<'_>) -> Result<i64, LedgerError> {
        let values = params![
            new.netuid.0,
            new.hotkey.0.as_slice(),
            weights_bytes(new.weights),
            new.version_key as i64,
            new.salt.map(|salt| salt.encode()),
            new.decided_at.0 as i64,
        ];
        let db = self.lock();
        db.execute(schema::INTEND, values).map_err(|error| storage(&self.path, &error))?;
        Ok(db.last_insert_rowid())
    }

    /// Keeps the signed bytes, before they are sent.
    pub(crate) fn sent(&self, id: i64, signed: &Signed) -> Result<(), LedgerError> {
        let block = signed.signed_at;
        let values = params![
            id,
            signed.call,
            signed.bytes,
            signed.nonce as i64,
            block.number.0 as i64,
            block.hash.0.as_slice(),
            signed.dies_at.0 as i64,
        ];
        self.execute(schema::SENT, values)
    }

    /// Notes the block of a step that succeeded.
    pub(crate) fn succeeded(
        &self,
        id: i64,
        state: IntentState,
        receipt: &Receipt,
    ) -> Result<(), LedgerError> {
        let (block, extrinsic) = (receipt.block, receipt.extrinsic);
        let (hash, extrinsic) = (block.hash.0.as_slice(), extrinsic.0.as_slice());
        let number = block.number.0 as i64;
        self.execute(schema::SUCCEEDED, params![id, code(state), number, hash, extrinsic])
    }

    /// Notes why nothing more will happen.
    pub(crate) fn ended(&self, id: i64, state: IntentState, reason: &str) -> Result<(), LedgerError> {
        self.execute(schema::ENDED, params![id, code(state), reason])
    }

    /// Intents of a hotkey in one state, oldest first.
    pub(crate) fn in_state(
        &self,
        netuid: NetUid,
        hotkey: &Hotkey,
        state: IntentState,
    ) -> Result<Vec<Intent>, LedgerError> {
        let values = params![netuid.0, hotkey.0.as_slice(), code(state)];
        self.select("netuid = ?1 AND hotkey = ?2 AND state = ?3 ORDER BY id", values)
    }

    /// The signed bytes of an intent that was sent.
    pub(crate) fn signed(&self, id: i64) -> Result<Option<Signed>, LedgerError> {
        let db = self.lock();
        let row = db.query_row(schema::SIGNED, params![id], read_signed).optional();
        row.map_err(|error| storage(&self.path, &error))
    }

    fn execute(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), LedgerError> {
        self.lock().execute(sql, values).map_err(|error| storage(&self.path, &error)).map(drop)
    }

    fn select(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Intent>, LedgerError> {
        let failed = |error: rusqlite::Error| storage(&self.path, &error);
        let db = self.lock();
        let mut query = db.prepare(&format!("{} WHERE {rest}", schema::SELECT)).map_err(failed)?;
        let rows = query.query_map(values, |row| Ok(read_intent(row))).map_err(failed)?;
        rows.map(|row| row.map_err(failed)?.map_err(|(intent, reason)| self.corrupt(intent, reason)))
            .collect()
    }

    fn corrupt(&self, intent: i64, reason: String) -> LedgerError {
        LedgerError::Corrupt { path: self.path.clone(), intent, reason }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn storage(path: &Path, error: &rusqlite::Error) -> LedgerError {
    LedgerError::Storage { path: path.to_path_buf(), reason: error.to_string() }
}

const STATES: [(IntentState, &str); 7] = [
    (IntentState::Intended, "intended"),
    (IntentState::Sent, "sent"),
    (IntentState::Landed, "landed"),
    (IntentState::Committed, "committed"),
    (IntentState::Revealed, "revealed"),
    (IntentState::Missed, "missed"),
    (IntentState::Abandoned, "abandoned"),
];

fn code(state: IntentState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).expect("every state has a code").1
}

fn weights_bytes(weights: &[(Uid, u16)]) -> Vec<u8> {
    weights.to_vec().encode()
}

/// Reads a row of [`schema::SELECT`]; the error carries the row's number.
fn read_intent(row: &Row<'_>) -> Result<Intent, (i64, String)> {
    let id: i64 = row.get("id").map_err(|error| (0, error.to_string()))?;
    read_fields(id, row).map_err(|reason| (id, reason))
}

fn read_fields(id: i64, row: &Row<'_>) -> Result<Intent, String> {
    let weights: Vec<u8> = get(row, "weights")?;
    let salt: Option<Vec<u8>> = get(row, "salt")?;
    let state: String = get(row, "state")?;
    let state = STATES.iter().find(|(_, code)| *code == state).ok_or("its state is unknown")?.0;
    let salt = salt.map(|salt| Vec::<u16>::decode(&mut salt.as_slice())).transpose();
    Ok(Intent {
        id,
        netuid: NetUid(get(row, "netuid")?),
        hotkey: Hotkey(bytes(row, "hotkey")?),
        weights: Vec::decode(&mut weights.as_slice()).map_err(|_| "its weights are damaged")?,
        version_key: get::<i64>(row, "version_key")? as u64,
        salt: salt.map_err(|_| "its salt is damaged")?,
        decided_at: BlockNumber(get::<i64>(row, "decided_at")? as u64),
        state,
        receipt: read_receipt(row)?,
        reason: get(row, "reason")?,
    })
}

fn read_receipt(row: &Row<'_>) -> Result<Option<Receipt>, String> {
    let Some(number) = get::<Option<i64>>(row, "block_number")? else { return Ok(None) };
    let hash = Digest(bytes(row, "block_hash")?);
    let block = BlockRef { number: BlockNumber(number as u64), hash };
    Ok(Some(Receipt { block, extrinsic: Digest(bytes(row, "extrinsic")?) }))
}

fn read_signed(row: &Row<'_>) -> rusqlite::Result<Signed> {
    let encoded: Vec<u8> = row.get("signed_bytes")?;
    let hash: [u8; 32] = row.get("signed_hash")?;
    let number: i64 = row.get("signed_at")?;
    Ok(Signed {
        call: row.get("call")?,
        hash: Digest::of(&encoded),
        bytes: encoded,
        nonce: row.get::<_, i64>("nonce")? as u64,
        signed_at: BlockRef { number: BlockNumber(number as u64), hash: Digest(hash) },
        dies_at: BlockNumber(row.get::<_, i64>("dies_at")? as u64),
    })
}

fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: &str) -> Result<T, String> {
    row.get(column).map_err(|error| error.to_string())
}

fn bytes(row: &Row<'_>, column: &str) -> Result<[u8; 32], String> {
    get(row, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETUID: NetUid = NetUid(3);
    const HOTKEY: Hotkey = Hotkey([7; 32]);

    fn intend(ledger: &Ledger, salt: Option<&[u16]>) -> i64 {
        let weights = [(Uid(1), 65535), (Uid(4), 9)];
        let new = NewIntent {
            netuid: NETUID,
            hotkey: HOTKEY,
            weights: &weights,
            version_key: u64::MAX,
            salt,
            decided_at: BlockNumber(100),
        };
        ledger.intend(&new).unwrap()
    }

    fn block(number: u64) -> BlockRef {
        BlockRef { number: BlockNumber(number), hash: Digest([3; 32]) }
    }

    fn signed() -> Signed {
        Signed {
            call: "SubtensorModule.set_weights".into(),
            bytes: vec![1, 2, 3],
            hash: Digest::of(&[1, 2, 3]),
            nonce: 5,
            signed_at: block(100),
            dies_at: BlockNumber(164),
        }
    }

    #[test]
    fn every_step_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.sqlite");
        let id = intend(&Ledger::open(&path).unwrap(), Some(&[1, 2, 3]));
        // Each step is written by another opening, as after a kill between two steps.
        Ledger::open(&path).unwrap().sent(id, &signed()).unwrap();
        assert_eq!(Ledger::open(&path).unwrap().signed(id).unwrap(), Some(signed()));
        let receipt = Receipt { block: block(101), extrinsic: signed().hash };
        Ledger::open(&path).unwrap().succeeded(id, IntentState::Committed, &receipt).unwrap();

        let ledger = Ledger::open(&path).unwrap();
        let open = ledger.in_state(NETUID, &HOTKEY, IntentState::Committed).unwrap();
        let expected = Intent {
            id,
            netuid: NETUID,
            hotkey: HOTKEY,
            weights: vec![(Uid(1), 65535), (Uid(4), 9)],
            version_key: u64::MAX,
            salt: Some(vec![1, 2, 3]),
            decided_at: BlockNumber(100),
            state: IntentState::Committed,
            receipt: Some(receipt),
            reason: None,
        };
        assert_eq!(open, [expected]);
        assert!(ledger.in_state(NETUID, &HOTKEY, IntentState::Sent).unwrap().is_empty());
    }

    #[test]
    fn an_intent_that_was_never_sent_has_no_bytes() {
        let ledger = Ledger::in_memory().unwrap();
        let id = intend(&ledger, None);
        assert_eq!(ledger.signed(id).unwrap(), None);
        ledger.ended(id, IntentState::Abandoned, "the process ended before it was sent").unwrap();
        let history = ledger.history(10).unwrap();
        assert_eq!(history[0].state, IntentState::Abandoned);
        assert_eq!(history[0].reason.as_deref(), Some("the process ended before it was sent"));
    }

    #[test]
    fn a_step_back_is_refused() {
        let ledger = Ledger::in_memory().unwrap();
        let id = intend(&ledger, None);
        ledger.ended(id, IntentState::Abandoned, "refused").unwrap();
        assert!(ledger.sent(id, &signed()).is_ok());
        assert_eq!(ledger.history(1).unwrap()[0].state, IntentState::Abandoned);
    }

    #[test]
    fn a_file_that_is_no_ledger_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.sqlite");
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        let error = Ledger::open(&path).unwrap_err().to_string();
        assert!(error.contains("weights.sqlite"), "{error}");
    }
}
