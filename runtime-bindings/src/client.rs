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
mod budget;
mod calls;
mod commitments;
mod config;
mod economy;
mod heads;
mod metagraph;
mod outcome;
mod read;
mod session;
mod stakes;
mod submit;
mod weights;

pub use admin::LocalAdmin;
pub use calls::AxonEndpoint;
pub(crate) use session::RECONNECT_ATTEMPTS_MAX;
pub use stakes::{RAO_PER_WHOLE, StakePosition, SubnetSummary, SwapPreview};
pub(crate) use submit::Signed;
pub use weights::WeightsPlan;
pub(crate) use weights::{WeightsCall, commit_hash};

pub(crate) use config::SubtensorConfig;
use session::{REQUEST_DEADLINE_MS, Session};

/// The pause after every endpoint has failed once.
const ROUND_PAUSE_MS: u64 = 500;

/// A handle on the chain at one block.
pub(crate) type At = OnlineClientAtBlock<SubtensorConfig>;

/// A connection to one endpoint, shared by its clones, made again when it breaks.
///
/// Every wait has a deadline. A broken connection is noticed at the next request, which then first connects again.
#[derive(Clone)]
pub struct ChainClient {
    inner: Arc<Inner>,
}

struct Inner {
    /// At least one; the rest serve when it fails.
    urls: Vec<String>,
    /// Which of them is in use.
    current: std::sync::atomic::AtomicUsize,
    genesis: [u8; 32],
    config: SubtensorConfig,
    session: tokio::sync::Mutex<Session>,
    /// One lock per account, so that two extrinsics of one account never take the same nonce.
    accounts: Mutex<BTreeMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for ChainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainClient({})", self.url())
    }
}

impl ChainClient {
    /// Connects to a websocket endpoint, once: an unreachable one is reported within ten seconds.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_in_order(vec![url.to_owned()]).await
    }

    /// Connects to the first of several endpoints of one chain; the others serve when it fails.
    pub(crate) async fn connect_in_order(urls: Vec<String>) -> Result<Self, ConnectError> {
        let config = SubtensorConfig::default();
        let nothing = ConnectError::BadUrl { url: String::new(), reason: "no endpoint was named".into() };
        let session = Session::open(urls.first().ok_or(nothing)?, &config).await?;
        let inner = Inner {
            urls,
            current: std::sync::atomic::AtomicUsize::new(0),
            genesis: session.genesis(),
            config,
            session: tokio::sync::Mutex::new(session),
            accounts: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The endpoint in use.
    #[must_use]
    pub fn url(&self) -> &str {
        let current = self.inner.current.load(std::sync::atomic::Ordering::Relaxed);
        &self.inner.urls[current % self.inner.urls.len()]
    }

    /// Whether there are others to go to.
    #[must_use]
    pub fn has_alternatives(&self) -> bool {
        self.inner.urls.len() > 1
    }

    /// Hash of block 0, which tells one chain from another.
    #[must_use]
    pub fn genesis_hash(&self) -> Digest {
        Digest(self.inner.genesis)
    }

    /// The connection, made again if it broke: to the same endpoint, or to the next one that answers.
    pub(crate) async fn session(&self) -> Result<Session, ConnectError> {
        let mut session = self.inner.session.lock().await;
        if session.is_alive() {
            return Ok(session.clone());
        }
        let fresh = if self.has_alternatives() {
            self.open_next().await?
        } else {
            Session::reopen(self.url(), &self.inner.config).await?
        };
        *session = self.same_chain(fresh)?;
        Ok(session.clone())
    }

    /// Goes to the next endpoint that answers, because the one in use does not do its work.
    pub(crate) async fn fail_over(&self, reason: &str) -> Result<(), ConnectError> {
        if !self.has_alternatives() {
            return Ok(());
        }
        tracing::warn!(url = self.url(), reason, "leaving this endpoint");
        let mut session = self.inner.session.lock().await;
        let fresh = self.open_next().await?;
        *session = self.same_chain(fresh)?;
        Ok(())
    }

    /// Tries the other endpoints in turn, the one in use last, a bounded number of rounds.
    async fn open_next(&self) -> Result<Session, ConnectError> {
        let count = self.inner.urls.len();
        let start = self.inner.current.load(std::sync::atomic::Ordering::Relaxed);
        let mut last = None;
        for attempt in 1..=count * RECONNECT_ATTEMPTS_MAX as usize {
            let index = (start + attempt) % count;
            match Session::open(&self.inner.urls[index], &self.inner.config).await {
                Ok(session) if session.genesis() == self.inner.genesis => {
                    self.inner.current.store(index, std::sync::atomic::Ordering::Relaxed);
                    tracing::info!(url = self.inner.urls[index], "using this endpoint");
                    return Ok(session);
                }
                Ok(_) => tracing::warn!(url = self.inner.urls[index], "another chain answers there"),
                Err(error) => last = Some(error),
            }
            if attempt % count == 0 {
                tokio::time::sleep(Duration::from_millis(ROUND_PAUSE_MS)).await;
            }
        }
        let reason = "none of the endpoints serves this chain".to_owned();
        Err(last.unwrap_or(ConnectError::Unreachable { url: self.inner.urls.join(", "), reason }))
    }

    fn same_chain(&self, session: Session) -> Result<Session, ConnectError> {
        if session.genesis() == self.inner.genesis {
            return Ok(session);
        }
        let reason = "another chain answers there now (its genesis differs)".to_owned();
        Err(ConnectError::Unreachable { url: self.url().to_owned(), reason })
    }

    fn account_lock(&self, account: [u8; 32]) -> Arc<tokio::sync::Mutex<()>> {
        let mut accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account).or_default().clone()
    }

    /// A handle on a block that was named by its reference.
    ///
    /// The last one is kept. Whoever asks meanwhile waits, so that a runtime's metadata is fetched and decoded once.
    pub(crate) async fn at(&self, block: BlockRef) -> Result<At, ReadError> {
        let session = self.session().await?;
        let hash = H256(block.hash.0);
        let mut last = session.last.lock().await;
        if let Some((_, at)) = last.as_ref().filter(|(known, _)| *known == hash) {
            return Ok(at.clone());
        }
        let what = "the runtime's version";
        let at = within(what, session.api.at_block_hash_and_number(hash, block.number.0)).await?;
        *last = Some((hash, at.clone()));
        Ok(at)
    }

    /// Reads at a block in one round trip: the block's runtime is taken to be that of the block that was looked at
    /// last, and asked for at the same time. Where it is another one, the read is made again.
    pub(crate) async fn read_at<T, R>(&self, block: BlockRef, read: impl Fn(At) -> R) -> Result<T, ReadError>
    where
        R: Future<Output = Result<T, ReadError>>,
    {
        let Some(assumed) = self.assumed(block).await? else { return read(self.at(block).await?).await };
        let version = assumed.spec_version();
        let (found, at) = futures::join!(read(assumed), self.at(block));
        let at = at?;
        if at.spec_version() == version { found } else { read(at).await }
    }

    /// A handle that takes the runtime to be unchanged; none where the block is known, or nothing is.
    async fn assumed(&self, block: BlockRef) -> Result<Option<At>, ReadError> {
        let session = self.session().await?;
        let hash = H256(block.hash.0);
        let last = session.last.lock().await.clone();
        match last {
            Some((known, at)) if known != hash => Ok(session.assuming(&at, hash, block.number.0).await),
            _ => Ok(None),
        }
    }
}

/// Awaits a request under the deadline and names what it was for in the error.
pub(crate) async fn within<T, E>(
    what: &str,
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, ReadError>
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
pub(crate) async fn fetch<A: Address>(at: &At, address: A, key: A::KeyParts) -> Result<A::Value, ReadError> {
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

pub(crate) fn account(bytes: [u8; 32]) -> AccountId32 {
    AccountId32(bytes)
}

fn block_ref(number: u64, hash: H256) -> BlockRef {
    BlockRef { number: BlockNumber(number), hash: Digest(hash.0) }
}
