//! Round records, and the payloads that they aggregate.

use bytes::Bytes;
use codec::{DecodeAll, Encode};
use sn3_protocol::{Digest, Hotkey, PROTOCOL_VERSION, RecordEntry, RoundRecord, RunId, SignedRecord, Window};

use crate::error::{FetchError, PublishError};
use crate::key::Key;
use crate::store::Store;
use crate::submission::fetch_content;

/// Publishes a round: first a copy of every aggregated payload, named by its content, then the record.
///
/// `payloads` are in the order of the record's entries. The copies are what keeps the run alive when an author
/// withdraws or swaps its payload after the deadline. Publishing the same again changes nothing.
///
/// # Errors
/// If record, signature and payloads do not belong together, or the store fails.
pub async fn publish_record(
    store: &Store,
    signed: &SignedRecord,
    payloads: &[Bytes],
) -> Result<(), PublishError> {
    let record = &signed.record;
    check_payloads(record, payloads)?;
    if !signed.signature.verifies(&record.leader, &record.signing_bytes()) {
        return Err(PublishError::NotSigned(record.leader));
    }
    let (run, window, leader) = (&record.run, record.window, &record.leader);
    for (entry, payload) in record.aggregated.iter().zip(payloads) {
        store.put(&Key::mirror(run, window, leader, &entry.payload), payload.clone()).await?;
    }
    Ok(store.put(&Key::record(run, window, leader), signed.encode().into()).await?)
}

fn check_payloads(record: &RoundRecord, payloads: &[Bytes]) -> Result<(), PublishError> {
    let (entries, count) = (record.aggregated.len(), payloads.len());
    if entries != count {
        return Err(PublishError::PayloadsMissing { entries, payloads: count });
    }
    for (entry, payload) in record.aggregated.iter().zip(payloads) {
        let found = Digest::of(payload);
        if found != entry.payload || payload.len() as u64 != entry.payload_bytes {
            return Err(PublishError::NotDescribed { expected: entry.payload, found });
        }
    }
    Ok(())
}

/// Fetches the record of a window from its leader's store, and checks signature, leader, run, window and form.
///
/// Whether `leader` may lead, the link to the previous record and the states are the caller's to check.
///
/// # Errors
/// If there is none, or it is not what was asked for.
pub async fn fetch_record(
    store: &Store,
    run: &RunId,
    window: Window,
    leader: &Hotkey,
) -> Result<SignedRecord, FetchError> {
    let key = Key::record(run, window, leader);
    let malformed = |reason: String| FetchError::Malformed { key: key.to_string(), reason };
    let bytes = store.get_bounded(&key, RoundRecord::BYTES_MAX as u64).await?;
    let signed = SignedRecord::decode_all(&mut &bytes[..]).map_err(|error| malformed(error.to_string()))?;
    let record = &signed.record;
    if record.protocol_version != PROTOCOL_VERSION {
        return Err(FetchError::WrongVersion { found: record.protocol_version, expected: PROTOCOL_VERSION });
    }
    if record.leader != *leader {
        return Err(FetchError::WrongHotkey { found: record.leader, expected: *leader });
    }
    if !signed.signature.verifies(leader, &record.signing_bytes()) {
        return Err(FetchError::BadSignature { key: key.to_string(), hotkey: *leader });
    }
    if record.run != *run {
        return Err(FetchError::WrongRun { found: record.run.clone(), expected: run.clone() });
    }
    if record.window != window {
        return Err(FetchError::WrongWindow { found: record.window, expected: window });
    }
    form_fault(record).map_or(Ok(()), |reason| Err(malformed(reason)))?;
    Ok(signed)
}

/// What is wrong with the form of a record, if anything.
fn form_fault(record: &RoundRecord) -> Option<String> {
    let entries = &record.aggregated;
    if entries.len() > RoundRecord::ENTRIES_MAX {
        return Some(format!("{} entries, at most {} are allowed", entries.len(), RoundRecord::ENTRIES_MAX));
    }
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].uid >= pair[1].uid) {
        return Some(format!("uid {} stands after uid {}", pair[1].uid, pair[0].uid));
    }
    if !record.outer_lr.is_finite() || record.outer_lr < 0.0 {
        return Some(format!("an outer learning rate of {}", record.outer_lr));
    }
    None
}

/// Fetches an aggregated payload by its digest: from the leader's mirror, else from its author.
///
/// `bytes_max` is the largest payload that the layout allows. The error is the last source's, unless an earlier
/// one failed for a reason that may pass.
///
/// # Errors
/// If no source has the very bytes that the record names.
pub async fn fetch_aggregated(
    leader_store: &Store,
    author_store: Option<&Store>,
    record: &RoundRecord,
    entry: &RecordEntry,
    bytes_max: u64,
) -> Result<Bytes, FetchError> {
    let mirror = Key::mirror(&record.run, record.window, &record.leader, &entry.payload);
    if entry.payload_bytes > bytes_max {
        let (size, max) = (entry.payload_bytes, bytes_max);
        return Err(FetchError::TooLarge { key: mirror.to_string(), size, max });
    }
    let first = match fetch_content(leader_store, &mirror, &entry.payload, entry.payload_bytes).await {
        Ok(payload) => return Ok(payload),
        Err(error) => error,
    };
    let Some(author_store) = author_store else { return Err(first) };
    tracing::debug!(error = %first, "no mirror, asking the author");
    let own = Key::payload(&record.run, record.window, &entry.hotkey);
    let second = fetch_content(author_store, &own, &entry.payload, entry.payload_bytes).await;
    second.map_err(|error| if first.retry() { first } else { error })
}
