//! Scorecards as a validator publishes them.

use sn3_protocol::score::ScorecardSet;
use sn3_protocol::{Hotkey, RunId, Signer, Window};

use crate::error::{FetchError, PublishError};
use crate::key::Key;
use crate::signed;
use crate::store::Store;

const DOMAIN: &str = "sn3/scorecards/v1";

/// Longest document in bytes: 256 uids with 64 KiB each.
const SCORECARDS_BYTES_MAX: u64 = 16 << 20;

/// Publishes a window's scorecards, signed by the validator that they name.
///
/// # Errors
/// If another key signs, the document is longer than readers accept, or the store fails.
pub async fn publish_scorecards(
    store: &Store,
    set: &ScorecardSet,
    signer: &dyn Signer,
) -> Result<(), PublishError> {
    let what = "the scorecards";
    if signer.hotkey() != set.validator {
        return Err(PublishError::NotSigned(set.validator));
    }
    let document = signed::seal(DOMAIN, set, signer)
        .map_err(|error| PublishError::NotStable { what, reason: error.to_string() })?;
    let size = document.len() as u64;
    if size > SCORECARDS_BYTES_MAX {
        return Err(PublishError::TooLong { what, size, max: SCORECARDS_BYTES_MAX });
    }
    let key = Key::scorecards(&set.run, set.window, &set.validator);
    Ok(store.put(&key, document.into()).await?)
}

/// Fetches a window's scorecards of `validator` and checks signature, run and window.
///
/// # Errors
/// If there are none, or they are not what was asked for.
pub async fn fetch_scorecards(
    store: &Store,
    run: &RunId,
    window: Window,
    validator: &Hotkey,
) -> Result<ScorecardSet, FetchError> {
    let key = Key::scorecards(run, window, validator);
    let document = store.get_bounded(&key, SCORECARDS_BYTES_MAX).await?;
    let set = signed::open::<ScorecardSet>(DOMAIN, &document, validator, &key)?.body;
    if set.run != *run {
        return Err(FetchError::WrongRun { found: set.run, expected: run.clone() });
    }
    if set.window != window {
        return Err(FetchError::WrongWindow { found: set.window, expected: window });
    }
    if set.validator != *validator {
        return Err(FetchError::WrongHotkey { found: set.validator, expected: *validator });
    }
    Ok(set)
}
