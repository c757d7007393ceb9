//! Submissions: a signed manifest and the payload that it binds.

use bytes::Bytes;
use codec::{DecodeAll, Encode};
use sn3_protocol::{Digest, Hotkey, Manifest, PROTOCOL_VERSION, RunId, SignedManifest, Uid, Window};

use crate::error::{FetchError, PublishError};
use crate::key::Key;
use crate::store::Store;

/// What a submission must be to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The run.
    pub run: RunId,
    /// The window.
    pub window: Window,
    /// The author's slot in the metagraph.
    pub uid: Uid,
    /// The author.
    pub hotkey: Hotkey,
    /// Digest of the run's layout.
    pub layout: Digest,
    /// Digest of the state at the start of the window.
    pub base_state: Digest,
    /// Largest payload that the layout allows, in bytes.
    pub payload_bytes_max: u64,
}

/// A submission whose manifest and payload bytes were checked. What the payload *says* was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The description.
    pub manifest: SignedManifest,
    /// The bytes that it binds.
    pub payload: Bytes,
}

/// Uploads a payload, then its manifest. Publishing the same again changes nothing.
///
/// # Errors
/// If manifest, signature and payload do not belong together, or the store fails.
pub async fn publish_submission(
    store: &Store,
    signed: &SignedManifest,
    payload: &Bytes,
) -> Result<(), PublishError> {
    let manifest = &signed.manifest;
    let found = Digest::of(payload);
    if found != manifest.payload || payload.len() as u64 != manifest.payload_bytes {
        return Err(PublishError::NotDescribed { expected: manifest.payload, found });
    }
    if !signed.signature.verifies(&manifest.hotkey, &manifest.signing_bytes()) {
        return Err(PublishError::NotSigned(manifest.hotkey));
    }
    let (run, window, author) = (&manifest.run, manifest.window, &manifest.hotkey);
    store.put(&Key::payload(run, window, author), payload.clone()).await?;
    Ok(store.put(&Key::manifest(run, window, author), signed.encode().into()).await?)
}

/// Fetches a submission: manifest first, and the payload only if everything that the manifest says is right.
///
/// # Errors
/// One for each way in which an author can be wrong.
pub async fn fetch_submission(store: &Store, expected: &Expected) -> Result<Submission, FetchError> {
    let manifest = fetch_manifest(store, expected).await?;
    let payload = fetch_payload(store, &manifest.manifest).await?;
    Ok(Submission { manifest, payload })
}

/// Fetches and checks the manifest alone.
///
/// # Errors
/// One for each way in which an author can be wrong.
pub async fn fetch_manifest(store: &Store, expected: &Expected) -> Result<SignedManifest, FetchError> {
    let key = Key::manifest(&expected.run, expected.window, &expected.hotkey);
    let bytes = store.get_bounded(&key, Manifest::BYTES_MAX as u64).await?;
    let signed = SignedManifest::decode_all(&mut &bytes[..])
        .map_err(|error| FetchError::Malformed { key: key.to_string(), reason: error.to_string() })?;
    check_identity(&signed, expected, &key)?;
    check_content(&signed.manifest, expected)?;
    Ok(signed)
}

/// Fetches the payload that a checked manifest binds, from its author.
///
/// # Errors
/// If it is missing, has another length or other bytes.
pub async fn fetch_payload(store: &Store, manifest: &Manifest) -> Result<Bytes, FetchError> {
    let key = Key::payload(&manifest.run, manifest.window, &manifest.hotkey);
    fetch_content(store, &key, &manifest.payload, manifest.payload_bytes).await
}

/// Fetches an object of exactly `size` bytes with digest `expected`.
pub(crate) async fn fetch_content(
    store: &Store,
    key: &Key,
    expected: &Digest,
    size: u64,
) -> Result<Bytes, FetchError> {
    let bytes = store.get_bounded(key, size).await?;
    if (bytes.len() as u64) < size {
        return Err(FetchError::Truncated {
            key: key.to_string(),
            expected: size,
            found: bytes.len() as u64,
        });
    }
    match Digest::of(&bytes) {
        found if found == *expected => Ok(bytes),
        found => Err(FetchError::HashMismatch { key: key.to_string(), expected: *expected, found }),
    }
}

/// Who says it: the cheap comparisons first, then the signature.
fn check_identity(signed: &SignedManifest, expected: &Expected, key: &Key) -> Result<(), FetchError> {
    let manifest = &signed.manifest;
    if manifest.protocol_version != PROTOCOL_VERSION {
        return Err(FetchError::WrongVersion {
            found: manifest.protocol_version,
            expected: PROTOCOL_VERSION,
        });
    }
    if manifest.hotkey != expected.hotkey {
        return Err(FetchError::WrongHotkey { found: manifest.hotkey, expected: expected.hotkey });
    }
    if !signed.signature.verifies(&manifest.hotkey, &manifest.signing_bytes()) {
        return Err(FetchError::BadSignature { key: key.to_string(), hotkey: manifest.hotkey });
    }
    Ok(())
}

/// What it says.
fn check_content(manifest: &Manifest, expected: &Expected) -> Result<(), FetchError> {
    if manifest.run != expected.run {
        return Err(FetchError::WrongRun { found: manifest.run.clone(), expected: expected.run.clone() });
    }
    if manifest.window != expected.window {
        return Err(FetchError::WrongWindow { found: manifest.window, expected: expected.window });
    }
    if manifest.uid != expected.uid {
        return Err(FetchError::WrongUid { found: manifest.uid, expected: expected.uid });
    }
    if manifest.layout != expected.layout {
        return Err(FetchError::WrongLayout { found: manifest.layout, expected: expected.layout });
    }
    if manifest.base_state != expected.base_state {
        return Err(FetchError::WrongBaseState { found: manifest.base_state, expected: expected.base_state });
    }
    if manifest.payload_bytes > expected.payload_bytes_max {
        let key = Key::payload(&manifest.run, manifest.window, &manifest.hotkey).to_string();
        return Err(FetchError::TooLarge {
            key,
            size: manifest.payload_bytes,
            max: expected.payload_bytes_max,
        });
    }
    Ok(())
}
