//! The beginning of a run: its signed configuration, and the tokenizer that it names.

use bytes::Bytes;
use sn3_protocol::run::RunConfig;
use sn3_protocol::{Digest, Hotkey, RunId, Signature, Signer};

use crate::error::{FetchError, PublishError};
use crate::key::Key;
use crate::signed;
use crate::store::Store;

const DOMAIN: &str = "sn3/genesis/v1";

/// Longest document: the longest configuration, and room for the signature, in bytes.
const GENESIS_BYTES_MAX: u64 = RunConfig::BYTES_MAX as u64 + 1024;

/// Longest `tokenizer.json` in bytes; the largest vocabularies in use need some 40 MB.
const TOKENIZER_BYTES_MAX: u64 = 128 << 20;

/// A run's configuration with the signature of who started it.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedGenesis {
    /// The numbers of the run; checked.
    pub config: RunConfig,
    /// Who started it.
    pub hotkey: Hotkey,
    /// Over a domain tag and the configuration's JSON text.
    pub signature: Signature,
}

/// Publishes the configuration of a new run, signed. Publishing it again changes nothing.
///
/// # Errors
/// If the configuration does not survive JSON bit for bit, or the store fails.
pub async fn publish_genesis(
    store: &Store,
    config: &RunConfig,
    signer: &dyn Signer,
) -> Result<SignedGenesis, PublishError> {
    let unstable = |reason: String| PublishError::NotStable { what: "the run configuration", reason };
    let key = Key::genesis(&config.run);
    let document = signed::seal(DOMAIN, config, signer).map_err(|error| unstable(error.to_string()))?;
    let genesis =
        read(&document, &config.run, &signer.hotkey(), &key).map_err(|error| unstable(error.to_string()))?;
    if genesis.config.digest() != config.digest() {
        return Err(unstable("it has another digest after it was written and read".into()));
    }
    store.put(&key, document.into()).await?;
    Ok(genesis)
}

/// Fetches the configuration of a run that `author` started, and checks signature, run and all numbers.
///
/// # Errors
/// If there is none, it is not `author`'s, or a number is out of range.
pub async fn fetch_genesis(store: &Store, run: &RunId, author: &Hotkey) -> Result<SignedGenesis, FetchError> {
    let key = Key::genesis(run);
    let document = store.get_bounded(&key, GENESIS_BYTES_MAX).await?;
    read(&document, run, author, &key)
}

fn read(document: &[u8], run: &RunId, author: &Hotkey, key: &Key) -> Result<SignedGenesis, FetchError> {
    let opened = signed::open::<RunConfig>(DOMAIN, document, author, key)?;
    let config = opened.body;
    if config.run != *run {
        return Err(FetchError::WrongRun { found: config.run, expected: run.clone() });
    }
    let malformed = |reason: String| FetchError::Malformed { key: key.to_string(), reason };
    config.check().map_err(|error| malformed(error.to_string()))?;
    Ok(SignedGenesis { config, hotkey: opened.hotkey, signature: opened.signature })
}

/// Publishes the `tokenizer.json` of a run.
///
/// # Errors
/// If it is longer than readers accept, or the store fails.
pub async fn publish_tokenizer(store: &Store, run: &RunId, json: Bytes) -> Result<(), PublishError> {
    let size = json.len() as u64;
    if size > TOKENIZER_BYTES_MAX {
        return Err(PublishError::TooLong { what: "tokenizer.json", size, max: TOKENIZER_BYTES_MAX });
    }
    Ok(store.put(&Key::tokenizer(run), json).await?)
}

/// Fetches the `tokenizer.json` whose digest the run's configuration names.
///
/// # Errors
/// If there is none, or its digest is another.
pub async fn fetch_tokenizer(store: &Store, run: &RunId, expected: &Digest) -> Result<Bytes, FetchError> {
    let key = Key::tokenizer(run);
    let json = store.get_bounded(&key, TOKENIZER_BYTES_MAX).await?;
    match Digest::of(&json) {
        found if found == *expected => Ok(json),
        found => Err(FetchError::HashMismatch { key: key.to_string(), expected: *expected, found }),
    }
}
