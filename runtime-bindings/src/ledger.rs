//! The local, durable record of weights that were meant to be set and of what became of them.

use std::path::PathBuf;

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
