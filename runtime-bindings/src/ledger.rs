//! The local, durable record of weights that were meant to be set and of what became of them.
//!
//! ```text
//!  intended ──► sent ──► landed ──────────────────────────────► counted, superseded   plain weights
//!      │         │  └──► committed ──► reveal_sent ─► revealed ─► counted, superseded   salted
//!      │         │           └──────────────────────► revealed ─► counted, superseded   timelocked
//!      └─────────┴─────► abandoned    refused, expired, never sent        missed: not revealed, not counted
//! ```
//!
//! An intent is written before anything is sent, and the signed bytes before they leave the machine. After a crash
//! the same bytes are sent again, which the chain executes at most once.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use codec::{Decode, Encode};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

use crate::client::Signed;
use crate::weights::Method;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// A commit whose reveal was handed to a node; the outcome is not known.
    RevealSent,
    /// A commit whose reveal is on chain.
    Revealed,
    /// An epoch has counted the weights.
    Counted,
    /// Later weights of ours replaced them before an epoch could count them.
    Superseded,
    /// A commit that was not revealed in its epoch, or weights that an epoch did not count.
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
    /// The mechanism of the subnet; 0 is the only one of most subnets.
    pub mechanism: u8,
    /// How they are sent.
    pub method: Method,
    /// Whether the caller chose how, against or with the subnet's settings.
    pub forced: bool,
    /// The epoch index in which the weights or their commit landed.
    pub epoch: Option<u64>,
    /// The beacon's round that a timelocked commit is sealed to.
    pub round: Option<u64>,
}

/// One step of an intent, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state that it led to, or `signed`, `reveal_signed`, `reveal_again`.
    pub name: String,
    /// The finalized block that proves it.
    pub block: Option<BlockRef>,
    /// The extrinsic of it.
    pub extrinsic: Option<Digest>,
    /// The epoch index of that block.
    pub epoch: Option<u64>,
    /// What else is to be said.
    pub note: Option<String>,
}

/// What is to be written before weights are sent.
pub(crate) struct NewIntent<'a> {
    pub(crate) netuid: NetUid,
    pub(crate) hotkey: Hotkey,
    pub(crate) weights: &'a [(Uid, u16)],
    pub(crate) version_key: u64,
    pub(crate) salt: Option<&'a [u16]>,
    pub(crate) decided_at: BlockNumber,
    pub(crate) mechanism: u8,
    pub(crate) method: Method,
    pub(crate) forced: bool,
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

    /// One intent.
    pub fn intent(&self, id: i64) -> Result<Option<Intent>, LedgerError> {
        Ok(self.select("id = ?1", params![id])?.pop())
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
            new.mechanism,
            method_code(new.method),
            new.forced,
            None::<i64>,
        ];
        let db = self.lock();
        db.execute(schema::INTEND, values).map_err(|error| storage(&self.path, &error))?;
        Ok(db.last_insert_rowid())
    }

    /// Notes the beacon's round that a commit is sealed to.
    pub(crate) fn sealed_to(&self, id: i64, round: u64) -> Result<(), LedgerError> {
        self.execute(schema::ROUND, params![id, round as i64])
    }

    /// Moves an intent to another state and writes the step down, in one transaction.
    pub(crate) fn step(&self, id: i64, to: Option<IntentState>, step: &Step) -> Result<(), LedgerError> {
        let mut db = self.lock();
        let write = |db: &mut Connection| -> rusqlite::Result<()> {
            let all = db.transaction()?;
            if let Some(state) = to {
                let lands = matches!(state, IntentState::Landed | IntentState::Committed);
                let epoch = step.epoch.filter(|_| lands).map(|epoch| epoch as i64);
                all.execute(schema::MOVED, params![id, code(state), epoch, step.note])?;
            }
            if let (Some(state), Some(block), Some(extrinsic)) = (to, step.block, step.extrinsic) {
                let (hash, extrinsic) = (block.hash.0.as_slice(), extrinsic.0.as_slice());
                let number = block.number.0 as i64;
                all.execute(schema::SUCCEEDED, params![id, code(state), number, hash, extrinsic])?;
            }
            write_step(&all, id, step)?;
            all.commit()
        };
        write(&mut db).map_err(|error| storage(&self.path, &error))
    }

    /// The steps of an intent, oldest first.
    pub fn steps(&self, intent: i64) -> Result<Vec<Step>, LedgerError> {
        let failed = |error: rusqlite::Error| storage(&self.path, &error);
        let db = self.lock();
        let mut query = db.prepare(schema::STEPS).map_err(failed)?;
        let rows = query.query_map(params![intent], read_step).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The newest epoch index in which an intent of this hotkey landed.
    pub(crate) fn last_epoch(
        &self,
        netuid: NetUid,
        hotkey: &Hotkey,
        mechanism: u8,
    ) -> Result<Option<u64>, LedgerError> {
        let values = params![netuid.0, hotkey.0.as_slice(), mechanism];
        let read = self.lock().query_row(schema::LAST_EPOCH, values, |row| row.get::<_, Option<i64>>(0));
        let epoch = read.map_err(|error| storage(&self.path, &error))?;
        Ok(epoch.map(|epoch| epoch as u64))
    }

    /// Intents of a hotkey on one mechanism that have not ended, oldest first.
    pub(crate) fn open_intents(
        &self,
        netuid: NetUid,
        hotkey: &Hotkey,
        mechanism: u8,
    ) -> Result<Vec<Intent>, LedgerError> {
        let open = "state IN ('intended', 'sent', 'landed', 'committed', 'reveal_sent', 'revealed')";
        let values = params![netuid.0, hotkey.0.as_slice(), mechanism];
        self.select(&format!("netuid = ?1 AND hotkey = ?2 AND mechanism = ?3 AND {open} ORDER BY id"), values)
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
        let (block, extrinsic) = (Some(block), Some(signed.hash));
        let step =
            Step { name: "signed".into(), block, extrinsic, epoch: None, note: Some(signed.call.clone()) };
        let mut db = self.lock();
        let write = |db: &mut Connection| -> rusqlite::Result<()> {
            let all = db.transaction()?;
            if all.execute(schema::SENT, values)? > 0 {
                write_step(&all, id, &step)?;
            }
            all.commit()
        };
        write(&mut db).map_err(|error| storage(&self.path, &error))
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

const METHODS: [(Method, &str); 3] =
    [(Method::Plain, "plain"), (Method::Salted, "salted"), (Method::Timelocked, "timelocked")];

fn method_code(method: Method) -> &'static str {
    METHODS.iter().find(|(known, _)| *known == method).expect("every method has a code").1
}

/// Files of the first version name no method: it follows from the salt.
fn read_method(row: &Row<'_>, salted: bool) -> Result<Method, String> {
    let Some(text) = get::<Option<String>>(row, "method")? else {
        return Ok(if salted { Method::Salted } else { Method::Plain });
    };
    METHODS.iter().find(|(_, code)| *code == text).map(|found| found.0).ok_or("its method is unknown".into())
}

fn write_step(db: &Connection, intent: i64, step: &Step) -> rusqlite::Result<()> {
    let number = step.block.map(|block| block.number.0 as i64);
    let hash = step.block.map(|block| block.hash.0);
    let extrinsic = step.extrinsic.map(|extrinsic| extrinsic.0);
    let epoch = step.epoch.map(|epoch| epoch as i64);
    db.execute(schema::STEP, params![intent, step.name, number, hash, extrinsic, epoch, step.note]).map(drop)
}

fn read_step(row: &Row<'_>) -> rusqlite::Result<Step> {
    let number: Option<i64> = row.get("block_number")?;
    let hash: Option<[u8; 32]> = row.get("block_hash")?;
    let block = number.zip(hash);
    Ok(Step {
        name: row.get("step")?,
        block: block.map(|(n, hash)| BlockRef { number: BlockNumber(n as u64), hash: Digest(hash) }),
        extrinsic: row.get::<_, Option<[u8; 32]>>("extrinsic")?.map(Digest),
        epoch: row.get::<_, Option<i64>>("epoch")?.map(|epoch| epoch as u64),
        note: row.get("note")?,
    })
}

const STATES: [(IntentState, &str); 10] = [
    (IntentState::Intended, "intended"),
    (IntentState::Sent, "sent"),
    (IntentState::Landed, "landed"),
    (IntentState::Committed, "committed"),
    (IntentState::RevealSent, "reveal_sent"),
    (IntentState::Revealed, "revealed"),
    (IntentState::Counted, "counted"),
    (IntentState::Superseded, "superseded"),
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
    let method = read_method(row, matches!(salt, Ok(Some(_))))?;
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
        mechanism: get(row, "mechanism")?,
        method,
        forced: get(row, "forced")?,
        epoch: get::<Option<i64>>(row, "epoch")?.map(|epoch| epoch as u64),
        round: get::<Option<i64>>(row, "round")?.map(|round| round as u64),
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
mod tests;
