//! Error codes and texts that clients match on (chain interface, section 7.5).

use jsonrpsee::types::ErrorObjectOwned;
use sp_runtime::transaction_validity::TransactionValidityError;

use crate::node::{
    author::refusal_text,
    chain::StateError,
    engine::{AdvanceError, ReorgError, SnapshotError, SubmitError},
    faults::FaultError,
    log::LogError,
    pool::PoolError,
    state::CallError,
};

const BAD_FORMAT: i32 = 1001;
const INVALID_TRANSACTION: i32 = 1010;
const UNKNOWN_VALIDITY: i32 = 1011;
const ALREADY_IMPORTED: i32 = 1013;
const PRIORITY_TOO_LOW: i32 = 1014;
const IMMEDIATELY_DROPPED: i32 = 1016;
const TOO_MANY_KEYS: i32 = 4002;
const CLIENT: i32 = 4003;
const DEV: i32 = 5001;
const INVALID_PARAMS: i32 = -32602;

/// An error without further data.
fn plain(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message.into(), None::<()>)
}

/// A parameter that cannot be used.
pub fn bad_parameter(message: impl Into<String>) -> ErrorObjectOwned {
    plain(INVALID_PARAMS, message)
}

/// More keys asked for than one answer may hold.
pub fn too_many_keys(asked: u64, max: usize) -> ErrorObjectOwned {
    plain(TOO_MANY_KEYS, format!("count exceeds maximum value. value: {asked}, max: {max}"))
}

/// A state that cannot be had.
pub fn state(error: StateError) -> ErrorObjectOwned {
    plain(CLIENT, format!("Client error: {error}"))
}

/// A failed runtime call.
pub fn call(error: CallError) -> ErrorObjectOwned {
    let text = match &error {
        CallError::UnknownMethod(_) => format!("Client error: Execution failed: Other: {error}"),
        CallError::Stopped { .. } => format!("Client error: Execution failed: {error}"),
        CallError::Discarded(_) => format!("Client error: {error}"),
    };
    plain(CLIENT, text)
}

/// A block that could not be made.
pub fn advance(error: AdvanceError) -> ErrorObjectOwned {
    plain(DEV, error.to_string())
}

/// Blocks that could not be replaced.
pub fn reorg(error: ReorgError) -> ErrorObjectOwned {
    plain(DEV, error.to_string())
}

/// A fault that cannot be.
pub fn fault(error: FaultError) -> ErrorObjectOwned {
    plain(DEV, error.to_string())
}

/// A chain that was not written.
pub fn dump(error: LogError) -> ErrorObjectOwned {
    plain(DEV, error.to_string())
}

/// A snapshot that cannot be returned to.
pub fn snapshot(error: SnapshotError) -> ErrorObjectOwned {
    plain(DEV, error.to_string())
}

/// A transaction that was not taken.
pub fn submit(error: SubmitError) -> ErrorObjectOwned {
    match error {
        SubmitError::Malformed(_) => plain(BAD_FORMAT, format!("Extrinsic has invalid format: {error}")),
        SubmitError::Refused(refusal) => refused(&refusal),
        SubmitError::Injected(refusal) => {
            ErrorObjectOwned::owned(refusal.code, refusal.message(), refusal.data)
        }
        SubmitError::Pool(error) => pool(&error),
        SubmitError::State(error) => state(error),
        SubmitError::Call(error) => call(error),
    }
}

fn refused(refusal: &TransactionValidityError) -> ErrorObjectOwned {
    let (code, message) = match refusal {
        TransactionValidityError::Invalid(_) => (INVALID_TRANSACTION, "Invalid Transaction"),
        TransactionValidityError::Unknown(_) => (UNKNOWN_VALIDITY, "Unknown Transaction Validity"),
    };
    ErrorObjectOwned::owned(code, message, Some(refusal_text(refusal)))
}

fn pool(error: &PoolError) -> ErrorObjectOwned {
    match error {
        PoolError::AlreadyImported(hash) => ErrorObjectOwned::owned(
            ALREADY_IMPORTED,
            "Transaction Already Imported",
            Some(format!("{hash:?}")),
        ),
        PoolError::PriorityTooLow { old, new } => ErrorObjectOwned::owned(
            PRIORITY_TOO_LOW,
            format!("Priority is too low: ({old} vs {new})"),
            Some(error.to_string()),
        ),
        PoolError::Full => {
            ErrorObjectOwned::owned(IMMEDIATELY_DROPPED, "Immediately Dropped", Some(error.to_string()))
        }
    }
}
