//! The validator's loop: collect, judge, record, evaluate, pay; one window after the other on the block clock.
//!
//! ```text
//!  end of window w        deadline D             D+1
//!  ──┬─ note who is there ──┬─ fetch, judge ──────┬─ evaluate w ── scorecards ── weights ──► w+1
//!    │  (first seen, by     │  leader: record     │
//!    │   block)             │  others: wait for it│
//! ```
//!
//! After every step the state is on disk. A killed node goes on in the same window: it fetches the same bytes
//! again, and a record that it has already published is used as it is, never replaced by another.

mod collect;
mod disk;
mod judge;
mod pay;
pub mod record;
mod stores;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sn3_chain::{ClockError, ReadError, SubnetChain};
use sn3_exchange::{FetchError, PublishError, Store};
use sn3_protocol::layout::ChunkRule;
use sn3_protocol::run::{RunConfig, RunConfigError};
use sn3_protocol::{Digest, Hotkey, Layout, Signer, Uid, Window};

use crate::evaluate::{Evaluate, EvaluateError};
use crate::events::{Observer, ValidatorEvent};
use crate::gauntlet::Gauntlet;
use crate::ledger::{Ledger, LedgerError};
use crate::snapshot::SnapshotError;
use disk::{Disk, NodeState, Phase};
use stores::Stores;

/// What a validator needs.
pub struct ValidatorParts {
    /// The run, as its genesis says.
    pub config: RunConfig,
    /// The chain, as this validator's hotkey.
    pub chain: Arc<dyn SubnetChain>,
    /// Where this validator publishes.
    pub store: Store,
    /// Signs records and scorecards.
    pub signer: Arc<dyn Signer>,
    /// Computes losses.
    pub evaluate: Box<dyn Evaluate>,
    /// The state before the first window.
    pub initial_state: Vec<f32>,
    /// Folder of this node's own files.
    pub state_dir: PathBuf,
    /// Version key of its weights.
    pub version_key: u64,
    /// Is told what happens.
    pub observer: Observer,
}

/// How a run ended for this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The last window.
    pub window: Window,
    /// Digest of the final state.
    pub state: Digest,
    /// Digest of the last record.
    pub record: Digest,
}

/// Why a validator stops. Nothing that a peer does is among them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The run's configuration is unusable.
    #[error(transparent)]
    Config(#[from] RunConfigError),
    /// The model's configuration gives no layout.
    #[error("the run's model has no layout: {0}")]
    Model(String),
    /// The initial state is not that of the run.
    #[error("the initial state has digest {}, the run begins with {}; prepare it from the run's seed again", .found.short(), .expected.short())]
    InitialState {
        /// Of the given state.
        found: Digest,
        /// Of the run.
        expected: Digest,
    },
    /// The files in the state folder belong to another run.
    #[error("the state folder {path} belongs to another run ({}); give every run its own folder", .found.short())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// Digest of that run's configuration.
        found: Digest,
    },
    /// The node's own files.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Reading the chain.
    #[error(transparent)]
    Chain(#[from] ReadError),
    /// Losses cannot be computed even without any update.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The evaluation's thread ended.
    #[error(
        "the evaluation of window {0} ended without an answer; this is a bug, start the node again to repeat it"
    )]
    EvaluationLost(Window),
    /// Publishing failed after all retries.
    #[error("{what} of window {window} cannot be published: {source}")]
    Publish {
        /// What.
        what: &'static str,
        /// The window.
        window: Window,
        /// Why.
        source: PublishError,
    },
    /// There is no leader.
    #[error(
        "no neuron of the subnet may lead at block {0}; a validator must be registered, staked and permitted"
    )]
    NoLeader(sn3_chain::BlockRef),
    /// The leader has published no record in time.
    #[error(
        "leader {leader} published no record of window {window} within {blocks} blocks ({last}); start the node again once it does"
    )]
    NoRecord {
        /// The window.
        window: Window,
        /// The leader.
        leader: Hotkey,
        /// Blocks waited.
        blocks: u64,
        /// The last answer.
        last: FetchError,
    },
    /// A record contradicts what this node knows.
    #[error(
        "the record of window {window} by {leader} does not fit: {detail}; the leader or this node must resync"
    )]
    Record {
        /// The window.
        window: Window,
        /// Who wrote it.
        leader: Hotkey,
        /// What does not fit.
        detail: String,
    },
    /// An aggregated payload cannot be had.
    #[error("the payload of uid {uid} in the record of window {window} cannot be used: {detail}")]
    Payload {
        /// The window.
        window: Window,
        /// Whose payload.
        uid: Uid,
        /// Why.
        detail: String,
    },
}

/// A validator of one run.
pub struct ValidatorNode {
    config: RunConfig,
    layout: Arc<Layout>,
    chain: Arc<dyn SubnetChain>,
    stores: Stores,
    signer: Arc<dyn Signer>,
    evaluate: Mutex<Option<Box<dyn Evaluate>>>,
    gauntlet: Gauntlet,
    disk: Disk,
    ledger: Ledger,
    state: NodeState,
    theta: Vec<f32>,
    resumed: bool,
    version_key: u64,
    observer: Observer,
}

impl ValidatorNode {
    /// Opens the node's files, or begins them.
    pub fn open(parts: ValidatorParts) -> Result<Self, NodeError> {
        let ValidatorParts { config, chain, store, signer, evaluate, initial_state, .. } = parts;
        config.check()?;
        let layout = config.model.layout(ChunkRule::Padded).map_err(|e| NodeError::Model(e.to_string()))?;
        let disk = Disk::new(parts.state_dir, &layout);
        let kept = disk.load(&layout)?;
        let resumed = kept.is_some();
        let (state, theta) = match kept {
            Some((state, theta)) => (state, theta),
            None => begin(&config, &layout, initial_state)?,
        };
        if state.run != config.digest() {
            return Err(NodeError::OtherRun { path: disk.folder().to_owned(), found: state.run });
        }
        disk.save(&state, &theta)?;
        let ledger = Ledger::open(&disk.folder().join("ledger.sqlite"))?;
        Ok(Self {
            gauntlet: Gauntlet::of_run(&config),
            layout: Arc::new(layout),
            chain,
            stores: Stores::new(store),
            signer,
            evaluate: Mutex::new(Some(evaluate)),
            disk,
            ledger,
            state,
            theta,
            resumed,
            version_key: parts.version_key,
            observer: parts.observer,
            config,
        })
    }

    /// Works until the run's last window is done. Without one, until an error.
    pub async fn run(&mut self) -> Result<RunSummary, NodeError> {
        let (window, state) = (self.state.window, self.state.theta);
        self.tell(ValidatorEvent::Started { window, resumed: self.resumed, state });
        self.first_heldout().await?;
        self.pay(false).await?;
        while self.config.contains(self.state.window) {
            self.window().await?;
        }
        self.pay(true).await?;
        let window = self.state.window.saturating_sub(1);
        let summary = RunSummary { window, state: self.state.theta, record: self.state.previous };
        self.tell(ValidatorEvent::Finished { window, state: summary.state });
        Ok(summary)
    }

    /// One window, from wherever an earlier process left it.
    async fn window(&mut self) -> Result<(), NodeError> {
        let deadline = self.collect().await?;
        let round = self.close(deadline).await?;
        let round = self.record(round).await?;
        self.evaluate(round).await?;
        let last = !self.config.contains(self.state.window);
        if !last { self.pay(false).await } else { Ok(()) }
    }

    /// Digest of the model state that the node is in.
    #[must_use]
    pub fn state_digest(&self) -> Digest {
        self.state.theta
    }

    /// The model state that the node is in.
    #[must_use]
    pub fn theta(&self) -> &[f32] {
        &self.theta
    }

    /// The window that the node works on next.
    #[must_use]
    pub fn next_window(&self) -> Window {
        self.state.window
    }

    fn tell(&self, event: ValidatorEvent) {
        tracing::debug!(?event, "validator");
        (self.observer)(&event);
    }

    fn trouble(&self, error: impl std::fmt::Display) {
        let error = error.to_string();
        tracing::warn!(window = %self.state.window, error, "goes on after trouble");
        self.tell(ValidatorEvent::Trouble { window: self.state.window, error });
    }

    /// The evaluator; empty while it is lent to the evaluation's thread.
    fn evaluator(&self) -> MutexGuard<'_, Option<Box<dyn Evaluate>>> {
        self.evaluate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> Result<(), NodeError> {
        Ok(self.disk.save(&self.state, &self.theta)?)
    }
}

fn begin(config: &RunConfig, layout: &Layout, theta: Vec<f32>) -> Result<(NodeState, Vec<f32>), NodeError> {
    let expected = config.initial_state;
    if theta.len() != layout.parameters() {
        return Err(NodeError::InitialState { found: Digest::default(), expected });
    }
    let found = layout.state_digest(&theta);
    if found != expected {
        return Err(NodeError::InitialState { found, expected });
    }
    let state = NodeState {
        run: config.digest(),
        window: config.start_window,
        phase: Phase::Collecting,
        previous: config.digest(),
        theta: found,
        ..NodeState::default()
    };
    Ok((state, theta))
}
