//! The ledger's one table and its statements.

use rusqlite::Connection;

/// How long a statement waits for another process that has the file open.
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// The first version of the file.
pub(super) const CREATE: &str = "
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY,
    netuid INTEGER NOT NULL,
    hotkey BLOB NOT NULL,
    weights BLOB NOT NULL,
    version_key INTEGER NOT NULL,
    salt BLOB,
    decided_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'intended',
    call TEXT,
    signed_bytes BLOB,
    nonce INTEGER,
    signed_at INTEGER,
    signed_hash BLOB,
    dies_at INTEGER,
    block_number INTEGER,
    block_hash BLOB,
    extrinsic BLOB,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS intents_by_state ON intents (netuid, hotkey, state);
";

/// What the second version added: mechanisms, ways of sending, epochs, and every step with its block.
const SECOND: &str = "
ALTER TABLE intents ADD COLUMN mechanism INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN method TEXT;
ALTER TABLE intents ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN epoch INTEGER;
ALTER TABLE intents ADD COLUMN round INTEGER;
CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    intent INTEGER NOT NULL REFERENCES intents (id),
    step TEXT NOT NULL,
    block_number INTEGER,
    block_hash BLOB,
    extrinsic BLOB,
    epoch INTEGER,
    note TEXT
);
CREATE INDEX steps_by_intent ON steps (intent);
PRAGMA user_version = 2;
";

/// The file's version that this program writes.
const VERSION: i64 = 2;

pub(super) const INTEND: &str =
    "INSERT INTO intents (netuid, hotkey, weights, version_key, salt, decided_at, mechanism, method, forced, round)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Only an intent that has not ended can be sent; a commit's second extrinsic is its reveal.
pub(super) const SENT: &str = "UPDATE intents SET
    state = CASE state WHEN 'intended' THEN 'sent' ELSE 'reveal_sent' END, call = ?2, signed_bytes = ?3, nonce = ?4,
    signed_at = ?5, signed_hash = ?6, dies_at = ?7 WHERE id = ?1 AND state IN ('intended', 'committed')";

pub(super) const SUCCEEDED: &str = "UPDATE intents SET state = ?2, block_number = ?3, block_hash = ?4,
    extrinsic = ?5 WHERE id = ?1";

pub(super) const MOVED: &str = "UPDATE intents SET state = ?2, epoch = coalesce(?3, epoch),
    reason = coalesce(?4, reason) WHERE id = ?1";

pub(super) const ENDED: &str = "UPDATE intents SET state = ?2, reason = ?3 WHERE id = ?1";

pub(super) const ROUND: &str = "UPDATE intents SET round = ?2 WHERE id = ?1";

pub(super) const STEP: &str =
    "INSERT INTO steps (intent, step, block_number, block_hash, extrinsic, epoch, note)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const STEPS: &str = "SELECT step, block_number, block_hash, extrinsic, epoch, note FROM steps
    WHERE intent = ?1 ORDER BY id";

pub(super) const SIGNED: &str =
    "SELECT call, signed_bytes, nonce, signed_at, signed_hash, dies_at FROM intents
    WHERE id = ?1 AND signed_bytes IS NOT NULL";

pub(super) const LAST_EPOCH: &str = "SELECT max(epoch) FROM intents
    WHERE netuid = ?1 AND hotkey = ?2 AND mechanism = ?3 AND epoch IS NOT NULL";

pub(super) const SELECT: &str = "SELECT id, netuid, hotkey, weights, version_key, salt, decided_at, state,
    block_number, block_hash, extrinsic, reason, mechanism, method, forced, epoch, round FROM intents";

/// Makes the table, and every commit reach the disk before the statement returns.
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.execute_batch(CREATE)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < VERSION { db.execute_batch(&format!("BEGIN IMMEDIATE; {SECOND} COMMIT;")) } else { Ok(()) }
}
