//! Controls a development chain in another process, over its JSON-RPC.
//!
//! ```no_run
//! use sn3_devnet::Remote;
//! use sn3_protocol::NetUid;
//! # async fn run() -> Result<(), sn3_devnet::RemoteError> {
//! let chain = Remote::connect("ws://127.0.0.1:9944").await?;
//! let snapshot = chain.snapshot().await?;
//! let head = chain.advance_to_epoch(NetUid(3)).await?;
//! assert!(head.number.0 > 0);
//! chain.revert(snapshot).await?;
//! # Ok(())
//! # }
//! ```

use std::{path::Path, time::Duration};

use jsonrpsee::{
    core::{
        client::{ClientT, Error},
        params::ArrayParams,
    },
    ws_client::{WsClient, WsClientBuilder},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sn3_protocol::{BlockNumber, Digest, NetUid};
use sp_core::H256;

use crate::{Condition, Head, Refusal, Sealing};

/// How long a connection may take.
const CONNECT_MS: u64 = 10_000;
/// How long the chain may take to answer: making many blocks takes its time.
const ANSWER_MS: u64 = 600_000;
/// What a method that a node does not have is answered with.
const METHOD_NOT_FOUND: i32 = -32601;

/// A connection to a running development chain.
pub struct Remote {
    client: WsClient,
    endpoint: String,
}

/// Why a running chain did not do what it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody answers there.
    #[error("no chain answers at {endpoint}: {reason}; start one with `sn3 devnet` or name another endpoint")]
    Connect {
        /// Where.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// A node without the controls of a development chain.
    #[error("{endpoint} is no development chain: it has no method {method}")]
    NoDevnet {
        /// Where.
        endpoint: String,
        /// The method asked for.
        method: &'static str,
    },
    /// The chain says no.
    #[error("the chain refused {method}: {message}")]
    Refused {
        /// The method called.
        method: &'static str,
        /// What the chain said.
        message: String,
    },
    /// The connection broke, or the answer is none.
    #[error("{endpoint} did not answer {method}: {reason}")]
    Lost {
        /// Where.
        endpoint: String,
        /// The method called.
        method: &'static str,
        /// Why.
        reason: String,
    },
}

/// How a chain is at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The newest block.
    pub head: WireHead,
    /// The newest final block.
    pub finalized: WireHead,
    /// The newest block's clock, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// When blocks are made.
    pub sealing: Sealing,
    /// How many transactions wait.
    pub waiting_transactions: usize,
    /// How much later answers come, in milliseconds.
    pub delay_ms: u64,
    /// How many of the next transactions are refused.
    pub waiting_refusals: usize,
}

/// A block as JSON names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireHead {
    /// The height.
    pub number: u64,
    /// The hash.
    pub hash: H256,
}

impl From<WireHead> for Head {
    fn from(wire: WireHead) -> Self {
        Self { number: BlockNumber(wire.number), hash: Digest(wire.hash.0) }
    }
}

impl Remote {
    /// Connects to `endpoint`, for example `ws://127.0.0.1:9944`.
    pub async fn connect(endpoint: &str) -> Result<Self, RemoteError> {
        let client = WsClientBuilder::default()
            .connection_timeout(Duration::from_millis(CONNECT_MS))
            .request_timeout(Duration::from_millis(ANSWER_MS))
            .build(endpoint)
            .await
            .map_err(|e| RemoteError::Connect { endpoint: endpoint.to_owned(), reason: e.to_string() })?;
        Ok(Self { client, endpoint: endpoint.to_owned() })
    }

    async fn call<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<R, RemoteError> {
        let mut list = ArrayParams::new();
        list.insert(params).expect("what this module sends has a JSON form");
        self.send(method, list).await
    }

    async fn call_with_two<R: DeserializeOwned>(
        &self,
        method: &'static str,
        first: impl Serialize,
        second: impl Serialize,
    ) -> Result<R, RemoteError> {
        let mut list = ArrayParams::new();
        list.insert(first).expect("what this module sends has a JSON form");
        list.insert(second).expect("what this module sends has a JSON form");
        self.send(method, list).await
    }

    async fn send<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: ArrayParams,
    ) -> Result<R, RemoteError> {
        self.client.request(method, params).await.map_err(|error| self.failed(method, error))
    }

    fn failed(&self, method: &'static str, error: Error) -> RemoteError {
        let endpoint = self.endpoint.clone();
        match error {
            Error::Call(refusal) if refusal.code() == METHOD_NOT_FOUND => {
                RemoteError::NoDevnet { endpoint, method }
            }
            Error::Call(refusal) => RemoteError::Refused { method, message: refusal.message().to_owned() },
            other => RemoteError::Lost { endpoint, method, reason: other.to_string() },
        }
    }

    /// How the chain is.
    pub async fn status(&self) -> Result<Status, RemoteError> {
        self.send("dev_status", ArrayParams::new()).await
    }

    /// Makes `count` blocks.
    pub async fn advance_blocks(&self, count: u64) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_advanceBlocks", count).await.map(Head::from)
    }

    /// Makes blocks until the head is at `target`.
    pub async fn advance_to_block(&self, target: BlockNumber) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_advanceToBlock", target.0).await.map(Head::from)
    }

    /// Makes blocks up to and including the one that begins the subnet's next epoch.
    pub async fn advance_to_epoch(&self, netuid: NetUid) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_advanceToEpoch", netuid.0).await.map(Head::from)
    }

    /// Makes blocks until a condition holds, at most `blocks_max`.
    pub async fn advance_until(&self, condition: &Condition, blocks_max: u64) -> Result<Head, RemoteError> {
        self.call_with_two::<WireHead>("dev_advanceUntil", condition, blocks_max).await.map(Head::from)
    }

    /// Remembers the current head for [`revert`](Self::revert).
    pub async fn snapshot(&self) -> Result<u64, RemoteError> {
        self.send("dev_snapshot", ArrayParams::new()).await
    }

    /// Goes back to a snapshot.
    pub async fn revert(&self, snapshot: u64) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_revert", snapshot).await.map(Head::from)
    }

    /// Writes all blocks to a folder on the chain's machine; answers how many.
    pub async fn dump(&self, dir: &Path) -> Result<u64, RemoteError> {
        self.call("dev_dump", dir).await
    }

    /// Changes when blocks are made.
    pub async fn set_sealing(&self, sealing: Sealing) -> Result<Sealing, RemoteError> {
        self.call("dev_setSealing", sealing).await
    }

    /// Blocks after the head are not final; answers the head's height.
    pub async fn stall_finality(&self) -> Result<u64, RemoteError> {
        self.send("dev_stallFinality", ArrayParams::new()).await
    }

    /// All blocks are final again.
    pub async fn resume_finality(&self) -> Result<(), RemoteError> {
        self.send("dev_resumeFinality", ArrayParams::new()).await
    }

    /// Ends all subscriptions silently.
    pub async fn drop_subscriptions(&self) -> Result<(), RemoteError> {
        self.send("dev_dropSubscriptions", ArrayParams::new()).await
    }

    /// Lets every answer come this much later; 0 for at once.
    pub async fn delay_responses(&self, delay_ms: u64) -> Result<(), RemoteError> {
        self.call("dev_delayResponses", delay_ms).await
    }

    /// Refuses the next transaction that is sent.
    pub async fn reject_next(&self, refusal: &Refusal) -> Result<(), RemoteError> {
        self.call_with_two("dev_rejectNext", refusal.code, &refusal.data).await
    }

    /// Breaks all connections, this one too, for so many milliseconds.
    pub async fn lose_endpoint(&self, lost_ms: u64) -> Result<(), RemoteError> {
        self.call("dev_loseEndpoint", lost_ms).await
    }

    /// Replaces the newest `depth` blocks by others, which is only possible while they are not final.
    pub async fn reorg(&self, depth: u64) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_reorg", depth).await.map(Head::from)
    }

    /// Raises the version that the runtime calls itself, in a block of its own.
    pub async fn upgrade_runtime(&self, spec_version: u32) -> Result<Head, RemoteError> {
        self.call::<WireHead>("dev_upgradeRuntime", spec_version).await.map(Head::from)
    }
}
