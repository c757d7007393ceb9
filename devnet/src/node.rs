//! The node around the runtime: states, blocks, pool, sealing and JSON-RPC, all in memory.
//!
//! ```text
//!   clients ──ws/http──▶ rpc ──submit──▶ pool ──selection──▶ author ──block, nodes──▶ chain
//!                         │                                    ▲                       │
//!                         └──────────── state at any block ◀───┴───────────────────────┘
//! ```

mod answers;
mod author;
mod block;
mod chain;
mod config;
mod engine;
mod faults;
mod genesis;
mod log;
mod panics;
mod pool;
mod reads;
mod rpc;
mod sealer;
mod serving;
mod shield;
mod state;
mod store;
mod sync;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sn3_protocol::{BlockNumber, Digest, NetUid, Rao};
use sp_core::crypto::Ss58Codec;
use tokio::{runtime::Runtime, sync::watch};

pub use self::{
    author::AuthorError,
    chain::{BLOCKS_KEPT, STATE_BLOCKS_KEPT, StateError},
    config::{CHAIN_BLOCK_TIME_MS, DevnetConfig, GENESIS_TIMESTAMP_MS, Sealing},
    engine::{
        ADVANCE_BLOCKS_MAX, AdvanceError, Condition, OpenError, REORG_BLOCKS_MAX, ReorgError, SnapshotError,
        SubmitError, VerifyError,
    },
    faults::{DELAY_MS_MAX, FaultError, Faults, REFUSALS_MAX, Refusal},
    genesis::GenesisError,
    log::LogError,
    pool::{POOL_BYTES_MAX, POOL_TRANSACTIONS_MAX, PoolError},
    state::CallError,
};
use self::{block::StoredBlock, engine::Engine};
use crate::runtime::accounts::DEV_ACCOUNTS;

/// Threads that serve connections. Blocks and reads run on their own threads.
const SERVING_THREADS: usize = 2;
/// Threads for blocks and state reads at the same time.
const BLOCKING_THREADS_MAX: usize = 16;
/// Deeply nested transactions are decoded recursively, in unoptimised builds with large frames.
const THREAD_STACK_BYTES: usize = 32 * 1024 * 1024;
/// How long a shutdown waits for connections to close.
const SHUTDOWN_WAIT_MS: u64 = 5_000;

/// A running development chain. Dropping it stops it; [`shutdown`](Self::shutdown) also waits until its
/// port is free. Any number can run in one process.
pub struct Devnet {
    engine: Arc<Engine>,
    address: SocketAddr,
    ws_url: String,
    /// Whether clients can connect.
    serving: watch::Receiver<bool>,
    /// Its own, so that a caller who blocks its runtime does not stop the chain.
    threads: Threads,
}

/// The node's threads. Dropping them does not wait, so it is allowed anywhere.
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(SERVING_THREADS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_stack_size(THREAD_STACK_BYTES)
            .thread_name("devnet")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is only taken when self goes")
    }

    /// Runs work that may take long on a thread of its own.
    async fn blocking<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        self.runtime().spawn_blocking(work).await.expect("runtime calls are guarded against panics")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: Digest,
}

/// A prefunded account whose key everybody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevAccount {
    /// Its name, for example `Alice`.
    pub name: String,
    /// The secret key URI that wallets accept, for example `//Alice`.
    pub uri: String,
    /// Its address as text.
    pub ss58: String,
    /// What it owned at genesis.
    pub balance: Rao,
}

/// Why a development chain did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody else listens there.
    #[error("port {port} on {} is in use; stop the program that holds it, choose another port, or use port 0 for any free one", .listen)]
    PortTaken {
        /// The address.
        listen: std::net::IpAddr,
        /// The port.
        port: u16,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The first state was refused, or the kept chain cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The chain's clock would be refused by the runtime.
    #[error(
        "chain_block_time_ms is {given_ms}, but the runtime accepts no less than {least_ms} between two blocks"
    )]
    BlockTime {
        /// The configured step.
        given_ms: u64,
        /// The runtime's minimum period.
        least_ms: u64,
    },
    /// The operating system refused threads.
    #[error("cannot start the node's threads: {0}")]
    Threads(io::Error),
}

impl Devnet {
    /// Builds genesis and starts serving.
    pub async fn start(config: DevnetConfig) -> Result<Self, StartError> {
        let least_ms = engine::minimum_period_ms();
        if config.chain_block_time_ms < least_ms {
            return Err(StartError::BlockTime { given_ms: config.chain_block_time_ms, least_ms });
        }
        let listener = listen(&config)?;
        let address = listener.local_addr().map_err(|source| unbound(&config, source))?;
        let threads = Threads::start().map_err(StartError::Threads)?;
        let engine = threads.blocking(move || Engine::open(&config)).await?;
        let server = rpc::serve(threads.runtime().handle(), listener, engine.clone())
            .map_err(|source| StartError::Listen { address, source })?;
        threads.runtime().spawn(sealer::run(engine.clone()));
        let (up, serving) = watch::channel(true);
        threads.runtime().spawn(serving::run(engine.clone(), address, server, up));
        tracing::info!(%address, "the development chain is running");
        let ws_url = format!("ws://{address}");
        Ok(Self { engine, address, ws_url, serving, threads })
    }

    /// Where clients connect, for example `ws://127.0.0.1:9944`; HTTP works on the same port.
    #[must_use]
    pub fn ws_url(&self) -> &str {
        &self.ws_url
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The newest block, which is final.
    #[must_use]
    pub fn head(&self) -> Head {
        head_of(&self.engine.chain.head())
    }

    /// The prefunded accounts, richest first.
    #[must_use]
    pub fn accounts(&self) -> Vec<DevAccount> {
        let account = |account: &crate::runtime::accounts::DevAccount| DevAccount {
            name: account.name.to_owned(),
            uri: account.uri(),
            ss58: account.account().to_ss58check(),
            balance: Rao(account.balance_rao),
        };
        DEV_ACCOUNTS.iter().map(account).collect()
    }

    /// Makes `count` blocks, empty ones when nothing waits.
    pub async fn advance_blocks(&self, count: u64) -> Result<Head, AdvanceError> {
        self.advance(move |engine| engine.advance_blocks(count)).await
    }

    /// Makes blocks until the head is at `target`.
    pub async fn advance_to_block(&self, target: BlockNumber) -> Result<Head, AdvanceError> {
        self.advance(move |engine| engine.advance_to_block(target.0)).await
    }

    /// Makes blocks up to and including the one that begins the subnet's next epoch.
    pub async fn advance_to_epoch(&self, netuid: NetUid) -> Result<Head, AdvanceError> {
        self.advance(move |engine| engine.advance_to_epoch(netuid.0)).await
    }

    /// Sends a signed transaction without a socket; answers its hash.
    pub async fn submit(&self, bytes: impl Into<Vec<u8>>) -> Result<Digest, SubmitError> {
        let (engine, bytes) = (self.engine.clone(), bytes.into());
        self.threads.blocking(move || engine.submit(&bytes)).await.map(|hash| Digest(hash.0))
    }

    /// How many transactions wait for a block.
    #[must_use]
    pub fn waiting_transactions(&self) -> usize {
        self.engine.pool.counts().0
    }

    /// The hash of the first block, which signatures name.
    #[must_use]
    pub fn genesis_hash(&self) -> Digest {
        Digest(self.engine.genesis_hash().0)
    }

    /// Changes when blocks are made.
    pub fn set_sealing(&self, sealing: Sealing) {
        self.engine.sealing.send_replace(sealing);
    }

    /// Remembers the current head for [`revert`](Self::revert).
    #[must_use]
    pub fn snapshot(&self) -> u64 {
        self.engine.snapshot()
    }

    /// Goes back to a snapshot. It stays usable; later ones end, and waiting transactions are dropped.
    pub fn revert(&self, snapshot: u64) -> Result<Head, SnapshotError> {
        self.engine.revert(snapshot).map(|block| head_of(&block))
    }

    /// Makes blocks until a condition holds, at most `blocks_max`.
    pub async fn advance_until(&self, condition: Condition, blocks_max: u64) -> Result<Head, AdvanceError> {
        self.advance(move |engine| engine.advance_until(&condition, blocks_max)).await
    }

    /// What goes wrong on purpose.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.engine.faults
    }

    /// The newest final block: the head, unless finality is stalled.
    pub fn finalized(&self) -> Result<Head, StateError> {
        self.engine.finalized().map(|block| head_of(&block))
    }

    /// Blocks after the head are not final, until [`Faults::resume_finality`].
    pub fn stall_finality(&self) {
        self.engine.faults.stall_finality(self.engine.chain.head().number());
    }

    /// Breaks all connections and returns once nobody can connect any more.
    pub async fn lose_endpoint(&self) {
        self.engine.faults.lose_endpoint(true);
        self.until_serving(false).await;
    }

    /// Takes connections again, at the same address.
    pub async fn restore_endpoint(&self) {
        self.engine.faults.lose_endpoint(false);
        self.until_serving(true).await;
    }

    async fn until_serving(&self, wanted: bool) {
        // An error means that the node is gone, and its endpoint with it.
        drop(self.serving.clone().wait_for(|up| *up == wanted).await);
    }

    /// Replaces the newest `depth` blocks by others, which is only possible while they are not final.
    pub async fn reorg(&self, depth: u64) -> Result<Head, ReorgError> {
        let engine = self.engine.clone();
        self.threads.blocking(move || engine.reorg(depth)).await.map(|block| head_of(&block))
    }

    /// Raises the version that the runtime calls itself. The transaction that does it waits for a block.
    pub async fn upgrade_runtime(&self, spec_version: u32) -> Result<(), SubmitError> {
        let engine = self.engine.clone();
        self.threads.blocking(move || engine.upgrade_runtime(spec_version)).await
    }

    /// Writes all blocks to a folder that [`DevnetConfig::load_dir`] starts from; answers how many.
    pub async fn dump(&self, dir: impl Into<PathBuf>) -> Result<u64, LogError> {
        let (engine, dir) = (self.engine.clone(), dir.into());
        self.threads.blocking(move || engine.dump(&dir)).await
    }

    /// Executes a block again on its parent's state and compares every root.
    pub async fn verify(&self, number: BlockNumber) -> Result<(), VerifyError> {
        let engine = self.engine.clone();
        self.threads.blocking(move || engine.verify(number.0)).await
    }

    /// Stops serving and waits until the port is free.
    pub async fn shutdown(self) {
        self.engine.stop();
        let wait = Duration::from_millis(SHUTDOWN_WAIT_MS);
        if tokio::time::timeout(wait, self.lose_endpoint()).await.is_err() {
            tracing::warn!(?wait, "some connections did not close in time");
        }
    }

    async fn advance(
        &self,
        work: impl FnOnce(&Engine) -> Result<Arc<StoredBlock>, AdvanceError> + Send + 'static,
    ) -> Result<Head, AdvanceError> {
        let engine = self.engine.clone();
        self.threads.blocking(move || work(&engine)).await.map(|block| head_of(&block))
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.engine.stop();
        self.engine.faults.lose_endpoint(true);
    }
}

fn head_of(block: &StoredBlock) -> Head {
    Head { number: BlockNumber(block.number()), hash: Digest(block.hash.0) }
}

fn listen(config: &DevnetConfig) -> Result<TcpListener, StartError> {
    serving::bind((config.listen, config.port)).map_err(|e| unbound(config, e))
}

fn unbound(config: &DevnetConfig, source: io::Error) -> StartError {
    let (listen, port) = (config.listen, config.port);
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { listen, port },
        _ => StartError::Listen { address: SocketAddr::new(listen, port), source },
    }
}
