//! JSON documents with a signature over the very bytes of their body.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sn3_protocol::{Hotkey, Signature, Signer};

use crate::error::FetchError;
use crate::key::Key;

/// `{"hotkey": …, "signature": 128 hexadecimal digits, "body": …}`. The signature is over a domain tag and the
/// body's text as it stands, so that no two readers can disagree about how a number is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    hotkey: Hotkey,
    signature: String,
    body: Box<RawValue>,
}

/// A document that was read and verified.
pub(crate) struct Opened<T> {
    pub(crate) body: T,
    pub(crate) hotkey: Hotkey,
    pub(crate) signature: Signature,
}

fn signing_bytes(domain: &str, body: &str) -> Vec<u8> {
    [domain.as_bytes(), body.as_bytes()].concat()
}

/// The document with `body` signed by `signer`.
pub(crate) fn seal<T: Serialize>(
    domain: &str,
    body: &T,
    signer: &dyn Signer,
) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_string(body)?;
    let signature = signer.sign(&signing_bytes(domain, &body));
    let envelope = Envelope {
        hotkey: signer.hotkey(),
        signature: hex::encode(signature.0),
        body: RawValue::from_string(body)?,
    };
    serde_json::to_vec(&envelope)
}

/// Reads a document and checks who signed it.
pub(crate) fn open<T: DeserializeOwned>(
    domain: &str,
    bytes: &[u8],
    author: &Hotkey,
    key: &Key,
) -> Result<Opened<T>, FetchError> {
    let malformed = |reason: String| FetchError::Malformed { key: key.to_string(), reason };
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if envelope.hotkey != *author {
        return Err(FetchError::WrongHotkey { found: envelope.hotkey, expected: *author });
    }
    let mut signature = Signature([0; 64]);
    hex::decode_to_slice(&envelope.signature, &mut signature.0)
        .map_err(|_| malformed("the signature is not 128 hexadecimal digits".into()))?;
    if !signature.verifies(author, &signing_bytes(domain, envelope.body.get())) {
        return Err(FetchError::BadSignature { key: key.to_string(), hotkey: *author });
    }
    let body = serde_json::from_str(envelope.body.get()).map_err(|error| malformed(error.to_string()))?;
    Ok(Opened { body, hotkey: envelope.hotkey, signature })
}
