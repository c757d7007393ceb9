//! The chain client: connects, reads at a block, submits until finalized.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sn3_protocol::{BlockNumber, Digest};
use subxt::client::OnlineClientAtBlock;
use subxt::storage::Address;
use subxt::utils::{AccountId32, H256};

use crate::{BlockRef, ConnectError, ReadError};

mod admin;
mod calls;
mod commitments;
mod config;
mod economy;
mod heads;
mod metagraph;
mod outcome;
mod read;
mod session;
mod submit;
mod weights;

pub use admin::LocalAdmin;
pub use calls::AxonEndpoint;
pub(crate) use session::RECONNECT_ATTEMPTS_MAX;
pub(crate) use submit::Signed;
pub use weights::{RevealStatus, WeightsPlan};
pub(crate) use weights::{WeightsCall, commit_hash};

use config::SubtensorConfig;
use session::{REQUEST_DEADLINE_MS, Session};

/// A handle on the chain at one block.
type At = OnlineClientAtBlock<SubtensorConfig>;

/// A connection to one endpoint, shared by its clones, made again when it breaks.
///
/// Every wait has a deadline. A broken connection is noticed at the next request, which then first connects again.
#[derive(Clone)]
pub struct ChainClient {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    genesis: [u8; 32],
    config: SubtensorConfig,
    session: tokio::sync::Mutex<Session>,
    /// One lock per account, so that two extrinsics of one account never take the same nonce.
    accounts: Mutex<BTreeMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for ChainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainClient({})", self.inner.url)
    }
}

impl ChainClient {
    /// Connects to a websocket endpoint, once: an unreachable one is reported within ten seconds.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let config = SubtensorConfig::default();
        let session = Session::open(url, &config).await?;
        let inner = Inner {
            url: url.to_owned(),
            genesis: session.genesis(),
            config,
            session: tokio::sync::Mutex::new(session),
            accounts: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The endpoint.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Hash of block 0, which tells one chain from another.
    #[must_use]
    pub fn genesis_hash(&self) -> Digest {
        Digest(self.inner.genesis)
    }

    /// The connection, made again if it broke.
    async fn session(&self) -> Result<Session, ConnectError> {
        let mut session = self.inner.session.lock().await;
        if session.is_alive() {
            return Ok(session.clone());
        }
        let fresh = Session::reopen(&self.inner.url, &self.inner.config).await?;
        if fresh.genesis() != self.inner.genesis {
            let reason = "another chain answers there now (its genesis differs)".to_owned();
            return Err(ConnectError::Unreachable { url: self.inner.url.clone(), reason });
        }
        *session = fresh.clone();
        Ok(fresh)
    }

    fn account_lock(&self, account: [u8; 32]) -> Arc<tokio::sync::Mutex<()>> {
        let mut accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account).or_default().clone()
    }

    /// A handle on a block that was named by its reference.
    async fn at(&self, block: BlockRef) -> Result<At, ReadError> {
        let session = self.session().await?;
        let hash = H256(block.hash.0);
        within("the runtime's version", session.api.at_block_hash_and_number(hash, block.number.0)).await
    }
}

/// Awaits a request under the deadline and names what it was for in the error.
async fn within<T, E>(what: &str, request: impl Future<Output = Result<T, E>>) -> Result<T, ReadError>
where
    E: Into<subxt::Error>,
{
    match tokio::time::timeout(Duration::from_millis(REQUEST_DEADLINE_MS), request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(read_error(what, &error.into())),
        Err(_) => Err(ReadError::Deadline { what: what.to_owned(), waited_ms: REQUEST_DEADLINE_MS }),
    }
}

/// Tells a chain that lacks something from an endpoint that fails.
fn read_error(what: &str, error: &subxt::Error) -> ReadError {
    use subxt::error::{RuntimeApiError as A, StorageError as S};
    let (what, reason) = (what.to_owned(), error.to_string());
    match error {
        subxt::Error::StorageError(
            S::CannotFetchValue(_) | S::CannotIterateValues(_) | S::StreamFailure(_),
        )
        | subxt::Error::RuntimeApiError(A::CannotCallApi(_)) => ReadError::Endpoint { what, reason },
        subxt::Error::StorageError(_)
        | subxt::Error::StorageValueError(_)
        | subxt::Error::StorageKeyError(_)
        | subxt::Error::RuntimeApiError(_)
        | subxt::Error::ConstantError(_) => ReadError::Incompatible { what, reason },
        _ => ReadError::Endpoint { what, reason },
    }
}

/// Reads one storage value, or its default where the chain has none.
async fn fetch<A: Address>(at: &At, address: A, key: A::KeyParts) -> Result<A::Value, ReadError> {
    let what = format!("{}.{}", address.pallet_name(), address.entry_name());
    let value = within(&what, at.storage().fetch(address, key)).await?;
    value.decode().map_err(|error| read_error(&what, &error.into()))
}

/// Reads one storage value that may be absent.
async fn try_fetch<A: Address>(at: &At, address: A, key: A::KeyParts) -> Result<Option<A::Value>, ReadError> {
    let what = format!("{}.{}", address.pallet_name(), address.entry_name());
    let value = within(&what, at.storage().try_fetch(address, key)).await?;
    value.map(|value| value.decode()).transpose().map_err(|error| read_error(&what, &error.into()))
}

fn account(bytes: [u8; 32]) -> AccountId32 {
    AccountId32(bytes)
}

fn block_ref(number: u64, hash: H256) -> BlockRef {
    BlockRef { number: BlockNumber(number), hash: Digest(hash.0) }
}
