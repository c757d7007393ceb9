//! The loop that executes what the state machine wants.

mod follow;
mod peers;
mod publish;
mod train;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sn3_chain::{BlockRef, SubnetChain};
use sn3_exchange::{SignedGenesis, Store};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::run::RunConfig;
use sn3_protocol::{ChunkRule, Digest, Hotkey, Layout, Signer, Uid, Window};
use sn3_trainer::train::Train;

use crate::adversary::Behaviour;
use crate::disk::{Disk, DiskError, Saved, Worker};
use crate::error::MinerError;
use crate::events::{MinerEvent, Observer, ignore};
use crate::samples::Samples;
use crate::state::{self, Effect, Event, Failure, MinerState, Outcome, Rules, WINDOWS_WITHOUT_RECORD_MAX};

/// What a miner is made of.
pub struct Parts {
    /// The subnet, as the miner's hotkey sees it.
    pub chain: Arc<dyn SubnetChain>,
    /// The miner's own store.
    pub store: Store,
    /// How others reach that store; committed on chain.
    pub address: StoreAddress,
    /// The hotkey.
    pub signer: Arc<dyn Signer>,
    /// A trainer of the run's model.
    pub trainer: Box<dyn Train>,
    /// The run's samples.
    pub samples: Arc<dyn Samples>,
    /// Digest of the tokenizer that made them.
    pub tokenizer: Digest,
    /// The run's initial state, flat in the layout's order.
    pub initial: Vec<f32>,
    /// The run.
    pub genesis: SignedGenesis,
}

/// How a miner works.
pub struct Options {
    /// Where its state is kept; without it, a new process begins at the run's first record.
    pub state_dir: Option<PathBuf>,
    /// Forget the state on disk and rebuild the model from the published records.
    pub resync: bool,
    /// Honest, unless a test of the judgement wants otherwise.
    pub behaviour: Behaviour,
    /// Where the leader's store is, while the leader has committed no address on chain.
    pub leader_store: Option<StoreAddress>,
    /// Who is told what happens.
    pub observer: Observer,
    /// Asked at every checkpoint whether to stop.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            state_dir: None,
            resync: false,
            behaviour: Behaviour::Honest,
            leader_store: None,
            observer: ignore(),
            stop: Arc::new(|_| false),
        }
    }
}

/// Answers whether to stop. A node that is stopped, like one that is killed, continues where it was.
pub type Stop = Arc<dyn Fn(Checkpoint) -> bool + Send + Sync>;

/// A point at which a node may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checkpoint {
    /// Before a wait, an inner loop, an upload or a record.
    Action(Window),
    /// After an inner step, counted from 1.
    InnerStep(Window, u32),
    /// The payload is made and nothing is kept yet.
    Compressed(Window),
    /// Payload and manifest are uploaded and nothing is kept yet.
    Uploaded(Window),
    /// The outer step is done and nothing is kept yet.
    Applied(Window),
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(window) => write!(f, "in window {window}"),
            Self::InnerStep(window, step) => write!(f, "after inner step {step} of window {window}"),
            Self::Compressed(window) => write!(f, "after compressing window {window}"),
            Self::Uploaded(window) => write!(f, "after uploading window {window}"),
            Self::Applied(window) => write!(f, "after applying the record of window {window}"),
        }
    }
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The node's slot.
    pub uid: Uid,
    /// The last window whose record was applied.
    pub window: Option<Window>,
    /// Digest of the final state.
    pub state: Digest,
}

/// What does not change while a node runs; shared with its blocking threads.
struct Context {
    chain: Arc<dyn SubnetChain>,
    store: Store,
    signer: Arc<dyn Signer>,
    samples: Arc<dyn Samples>,
    config: RunConfig,
    layout: Layout,
    rules: Rules,
    author: Hotkey,
    leader_store: Option<StoreAddress>,
    behaviour: Behaviour,
    observer: Observer,
    stop: Stop,
}

impl Context {
    fn emit(&self, event: &MinerEvent) {
        (self.observer)(event);
    }

    fn checkpoint(&self, at: Checkpoint) -> Result<(), MinerError> {
        if (self.stop)(at) { Err(MinerError::Stopped(at)) } else { Ok(()) }
    }

    fn top_k(&self) -> u32 {
        self.config.sparse.top_k
    }

    fn payload_bytes_max(&self) -> u64 {
        sn3_protocol::wire::bytes_max(&self.layout, self.top_k())
    }

    async fn head(&self) -> Result<BlockRef, MinerError> {
        Ok(self.chain.clock().head().await?)
    }
}

/// A running miner.
pub struct MinerNode {
    context: Arc<Context>,
    trainer: Option<Box<dyn Train>>,
    state: MinerState,
    theta: Arc<Vec<f32>>,
    initial: Arc<Vec<f32>>,
    error: Vec<f32>,
    payload: Option<Bytes>,
    disk: Option<Disk>,
    uid: Uid,
}

impl MinerNode {
    /// Checks that everything belongs to the run, takes up what an earlier process left, and commits the storage
    /// address where it is not on chain.
    ///
    /// # Errors
    /// If an input is not the run's, the hotkey is not registered, or chain or disk fail.
    pub async fn start(parts: Parts, options: Options) -> Result<Self, MinerError> {
        let layout = check_inputs(&parts)?;
        let Parts { chain, store, address, signer, trainer, samples, initial, genesis, .. } = parts;
        let config = genesis.config;
        let context = Context {
            rules: rules(&config, options.behaviour),
            chain,
            store,
            signer,
            samples,
            config,
            layout,
            author: genesis.hotkey,
            leader_store: options.leader_store,
            behaviour: options.behaviour,
            observer: options.observer,
            stop: options.stop,
        };
        let uid = context.own_uid().await?;
        context.commit_address(&address).await?;
        let mut disk = options.state_dir.as_deref().map(Disk::open).transpose()?;
        let saved = load(&context, disk.as_mut(), options.resync)?;
        let resumed = saved.is_some();
        let node = Self::assemble(context, trainer, initial, disk, saved, uid)?;
        node.announce(resumed);
        Ok(node)
    }

    fn assemble(
        context: Context,
        mut trainer: Box<dyn Train>,
        initial: Vec<f32>,
        disk: Option<Disk>,
        saved: Option<Saved>,
        uid: Uid,
    ) -> Result<Self, MinerError> {
        let genesis = context.config.digest();
        let fresh = || MinerState::new(&context.rules, genesis, context.config.initial_state);
        let (state, theta, worker, payload) = match saved {
            Some(saved) => (saved.state, saved.theta, saved.worker, saved.payload),
            None => (fresh(), None, None, None),
        };
        let initial = Arc::new(initial);
        let theta = theta.map_or_else(|| initial.clone(), Arc::new);
        let Worker { optimizer, error } = worker.unwrap_or_default();
        trainer.set_optimizer(optimizer)?;
        let parameters = context.layout.parameters();
        let error = if error.is_empty() { vec![0.0; parameters] } else { error };
        let context = Arc::new(context);
        Ok(Self { context, trainer: Some(trainer), state, theta, initial, error, payload, disk, uid })
    }

    fn announce(&self, resumed: bool) {
        self.context.emit(&MinerEvent::Started {
            run: self.context.config.run.clone(),
            uid: self.uid,
            hotkey: self.context.signer.hotkey(),
            window: self.state.window,
            resumed,
            state: self.state.tip.state,
        });
    }

    /// The model state that the last applied record led to.
    #[must_use]
    pub fn theta(&self) -> &[f32] {
        &self.theta
    }

    /// Where the node stands.
    #[must_use]
    pub fn state(&self) -> &MinerState {
        &self.state
    }

    /// Works until the run ends.
    ///
    /// # Errors
    /// If the node cannot go on; see [`MinerError`]. A new node with the same state folder continues.
    pub async fn run(&mut self) -> Result<Summary, MinerError> {
        let mut outcome = Outcome::Woke;
        loop {
            let event = Event { head: self.context.head().await?.number, outcome };
            let (next, effects) = state::step(self.state.clone(), event, &self.context.rules);
            self.state = next;
            let mut result = None;
            for effect in effects {
                result = self.execute(effect).await?;
            }
            match result {
                Some(next) => outcome = next,
                None => return Ok(self.finish()),
            }
        }
    }

    fn finish(&self) -> Summary {
        let tip = self.state.tip;
        self.context.emit(&MinerEvent::Finished { state: tip.state });
        Summary { uid: self.uid, window: tip.window, state: tip.state }
    }

    /// Executes one effect. An outcome is what the next event says; the end of a run has none.
    async fn execute(&mut self, effect: Effect) -> Result<Option<Outcome>, MinerError> {
        self.context.checkpoint(Checkpoint::Action(self.state.window))?;
        match effect {
            Effect::Emit(event) => self.context.emit(&event),
            Effect::Reset => self.set_theta(self.initial.clone()).await?,
            Effect::Save => self.save().await?,
            Effect::Wait(block) => {
                self.context.chain.clock().wait_until(block).await?;
                return Ok(Some(Outcome::Woke));
            }
            Effect::Train(window) => return self.train(window).await.map(Some),
            Effect::Publish(window, uid) => return self.publish(window, uid).await.map(Some),
            Effect::Follow(window) => return self.follow(window).await.map(Some),
            Effect::Finish => (),
            Effect::Fail(failure) => return Err(ended(failure)),
        }
        Ok(None)
    }

    /// Replaces the model state; optimizer and error feedback stay.
    async fn set_theta(&mut self, theta: Arc<Vec<f32>>) -> Result<(), MinerError> {
        self.theta = theta.clone();
        self.on_disk(move |disk| disk.keep_theta(&theta)).await
    }

    async fn save(&mut self) -> Result<(), MinerError> {
        let state = self.state.clone();
        self.on_disk(move |disk| disk.save(&state)).await
    }

    /// Works on the state folder, if there is one, in a thread that may block.
    async fn on_disk(
        &mut self,
        work: impl FnOnce(&mut Disk) -> Result<(), DiskError> + Send + 'static,
    ) -> Result<(), MinerError> {
        let Some(mut disk) = self.disk.take() else { return Ok(()) };
        let done = tokio::task::spawn_blocking(move || (work(&mut disk), disk));
        let (result, disk) = done.await.map_err(|_| MinerError::Panicked("the state folder"))?;
        self.disk = Some(disk);
        Ok(result?)
    }
}

/// What an earlier process left, unless it is to be forgotten.
fn load(context: &Context, disk: Option<&mut Disk>, resync: bool) -> Result<Option<Saved>, MinerError> {
    match disk {
        None => Ok(None),
        Some(disk) if resync => {
            disk.wipe()?;
            Ok(None)
        }
        Some(disk) => {
            let parameters = context.layout.parameters();
            Ok(disk.load(context.config.digest(), parameters, context.payload_bytes_max())?)
        }
    }
}

fn rules(config: &RunConfig, behaviour: Behaviour) -> Rules {
    Rules {
        start: config.start_window,
        end: config.end_window,
        blocks_per_window: config.blocks_per_window,
        put_blocks: config.put_blocks,
        record_blocks: config.record_blocks,
        upload: behaviour.upload_rule(),
    }
}

/// Whether everything is the run's; its layout.
fn check_inputs(parts: &Parts) -> Result<Layout, MinerError> {
    let config = &parts.genesis.config;
    if config.netuid != parts.chain.netuid() {
        return Err(MinerError::WrongSubnet { run: config.netuid, connected: parts.chain.netuid() });
    }
    let layout =
        config.model.layout(ChunkRule::default()).map_err(|error| MinerError::Model(error.to_string()))?;
    let data = "use the same --data and the run's tokenizer";
    let model = "build the trainer from the run's configuration";
    let length_fits = parts.initial.len() == layout.parameters();
    let initial = if length_fits { layout.state_digest(&parts.initial) } else { Digest::default() };
    let checks = [
        ("the data", parts.samples.digest(), config.dataset, data),
        ("the tokenizer", parts.tokenizer, config.tokenizer, data),
        ("the trainer's model", parts.trainer.layout().digest(), layout.digest(), model),
        ("the initial state", initial, config.initial_state, model),
    ];
    for (what, found, expected, remedy) in checks {
        if found != expected {
            return Err(MinerError::WrongInput { what, found, expected, remedy });
        }
    }
    Ok(layout)
}

fn ended(failure: Failure) -> MinerError {
    match failure {
        Failure::NoRecords { window } => {
            MinerError::NoRecords { window, windows: WINDOWS_WITHOUT_RECORD_MAX }
        }
        Failure::Unreachable { window, detail } => MinerError::Unreachable { window, detail },
    }
}
