//! The ledger's one table and its statements.

use rusqlite::Connection;

/// How long a statement waits for another process that has the file open.
const BUSY_TIMEOUT_MS: u64 = 5_000;

const CREATE: &str = "
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

pub(super) const INTEND: &str = "INSERT INTO intents (netuid, hotkey, weights, version_key, salt, decided_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Only an intent that has not ended can be sent.
pub(super) const SENT: &str = "UPDATE intents SET state = 'sent', call = ?2, signed_bytes = ?3, nonce = ?4,
    signed_at = ?5, signed_hash = ?6, dies_at = ?7 WHERE id = ?1 AND state = 'intended'";

pub(super) const SUCCEEDED: &str = "UPDATE intents SET state = ?2, block_number = ?3, block_hash = ?4,
    extrinsic = ?5 WHERE id = ?1";

pub(super) const ENDED: &str = "UPDATE intents SET state = ?2, reason = ?3 WHERE id = ?1";

pub(super) const SIGNED: &str =
    "SELECT call, signed_bytes, nonce, signed_at, signed_hash, dies_at FROM intents
    WHERE id = ?1 AND signed_bytes IS NOT NULL";

pub(super) const SELECT: &str = "SELECT id, netuid, hotkey, weights, version_key, salt, decided_at, state,
    block_number, block_hash, extrinsic, reason FROM intents";

/// Makes the table, and every commit reach the disk before the statement returns.
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.execute_batch(CREATE)
}
