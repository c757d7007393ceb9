//! The nodes of a local network: made one after the other, run together.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use indicatif::ProgressBar;
use sn3_chain::{ChainClient, ChainClock, ChainNode, Ledger, SubnetChain};
use sn3_exchange::{SignedGenesis, Store, publish_genesis, publish_tokenizer};
use sn3_miner::{Behaviour, MinerEvent, MinerNode, Options, Parts};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{NetUid, Window};
use sn3_validator::{ModelEvaluator, ValidatorEvent, ValidatorNode, ValidatorParts};

use super::lockstep::{Lockstep, LockstepClock};
use super::{Files, lock};
use crate::args::training::StepArgs;
use crate::args::{Adversary, LocalnetArgs};
use crate::compose::Composed;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::scaffold::Neuron;
use crate::story::Story;
use crate::training::step;

/// Held-out samples on which the loss is measured after every window.
pub(crate) const HELDOUT_SAMPLES_MAX: usize = 64;

/// Everything that the nodes share.
pub(super) struct Network<'a> {
    pub args: &'a LocalnetArgs,
    pub composed: &'a Composed,
    pub client: &'a ChainClient,
    pub lockstep: &'a Arc<Lockstep>,
    pub files: &'a Files,
    pub story: &'a Arc<Mutex<Story>>,
    pub output: &'a Output,
    /// How each node's steps are computed.
    pub step: StepArgs,
}

impl Network<'_> {
    /// Runs everybody to the end; the validator's final state.
    ///
    /// Nodes are started one after the other, since starting one may take a block, and join the lockstep before
    /// the first of them waits.
    pub async fn run(
        &self,
        validator: &Neuron,
        miners: &[Neuron],
        roles: &[Option<Adversary>],
    ) -> Result<Vec<f32>, CliError> {
        let genesis = self.publish(validator).await?;
        let leader_node = self.validator(validator).await?;
        let mut nodes = Vec::new();
        for (neuron, role) in miners.iter().zip(roles) {
            nodes.push(self.miner(neuron, *role, &genesis).await?);
        }
        let watcher = self.lockstep.join();
        let miners = try_join_all(nodes.into_iter().map(mine));
        let watcher = watch(watcher, self.client.clone(), self.composed.config.clone(), self.story.clone());
        // One task for all loops: what computes inside them has threads of its own.
        let (theta, _, ()) = tokio::try_join!(lead(leader_node), miners, watcher)?;
        Ok(theta)
    }

    async fn publish(&self, validator: &Neuron) -> Result<SignedGenesis, CliError> {
        let (store, config) = (self.store(&validator.name)?, &self.composed.config);
        let json = self.composed.text.tokenizer.json().to_vec().into();
        publish_tokenizer(&store, &config.run, json).await.or_exit(Exit::Network)?;
        publish_genesis(&store, config, &validator.hotkey).await.or_exit(Exit::Network)
    }

    fn store(&self, name: &str) -> Result<Store, CliError> {
        Store::open(&path_text(&self.files.store(name))?).or_exit(Exit::Network)
    }

    fn chain(&self, neuron: &Neuron) -> Result<Arc<dyn SubnetChain>, CliError> {
        let clock: Arc<dyn ChainClock> = Arc::new(self.lockstep.join());
        let (client, hotkey, netuid) = (self.client.clone(), neuron.hotkey.clone(), NetUid(self.args.netuid));
        // The whole network lives and dies with this process, so there is nothing to resume.
        let ledger = Arc::new(Ledger::in_memory().or_exit(Exit::State)?);
        Ok(Arc::new(ChainNode::new(client, hotkey, netuid, clock, ledger)))
    }

    fn trainer(&self) -> Result<Box<dyn sn3_trainer::train::Train>, CliError> {
        let eos = self.composed.text.tokenizer.eos();
        step::for_run(&self.composed.config, &self.step, eos)
    }

    async fn validator(&self, neuron: &Neuron) -> Result<ValidatorNode, CliError> {
        let chain = self.chain(neuron)?;
        chain.set_store_address(&address(neuron)?).await.or_exit(Exit::Chain)?;
        let evaluate =
            ModelEvaluator::new(self.trainer()?, self.composed.text.dataset.clone(), HELDOUT_SAMPLES_MAX);
        let parts = ValidatorParts {
            config: self.composed.config.clone(),
            chain,
            store: self.store(&neuron.name)?,
            signer: Arc::new(neuron.hotkey.clone()),
            evaluate: Box::new(evaluate),
            initial_state: self.composed.initial.clone(),
            state_dir: self.files.state(&neuron.name),
            version_key: 0,
            observer: self.validator_observer(neuron),
        };
        ValidatorNode::open(parts).map_err(|error| CliError::new(Exit::Failure, error))
    }

    async fn miner(
        &self,
        neuron: &Neuron,
        role: Option<Adversary>,
        genesis: &SignedGenesis,
    ) -> Result<MinerNode, CliError> {
        let text = &self.composed.text;
        let parts = Parts {
            chain: self.chain(neuron)?,
            store: self.store(&neuron.name)?,
            address: address(neuron)?,
            signer: Arc::new(neuron.hotkey.clone()),
            trainer: self.trainer()?,
            samples: text.dataset.clone(),
            tokenizer: text.tokenizer.digest(),
            initial: self.composed.initial.clone(),
            genesis: genesis.clone(),
        };
        let options = Options {
            state_dir: Some(self.files.state(&neuron.name)),
            behaviour: role.map_or(Behaviour::Honest, behaviour),
            observer: self.miner_observer(neuron),
            ..Options::default()
        };
        MinerNode::start(parts, options).await.map_err(|error| CliError::new(Exit::Failure, error))
    }

    fn miner_observer(&self, neuron: &Neuron) -> sn3_miner::Observer {
        let (uid, name, story, output) =
            (neuron.uid, neuron.name.clone(), self.story.clone(), self.output.clone());
        let bar = self.output.bar(&name, u64::from(self.composed.config.inner_steps));
        Arc::new(move |event| {
            lock(&story).miner(uid, event);
            show_miner(&bar, event);
            if !matches!(event, MinerEvent::InnerStep { .. }) {
                output.event("miner", &serde_json::json!({ "uid": uid, "name": name, "data": event }));
            }
        })
    }

    fn validator_observer(&self, neuron: &Neuron) -> sn3_validator::Observer {
        let (uid, story, output) = (neuron.uid, self.story.clone(), self.output.clone());
        let config = &self.composed.config;
        let windows = self.args.run.windows;
        let (bar, start) = (self.output.bar("windows", windows), config.start_window);
        Arc::new(move |event| {
            lock(&story).validator(uid, event);
            show_validator(&bar, start, windows, event, &output);
            output.event("validator", event);
        })
    }
}

/// A node's store as its neighbours see it. Relative, since what is committed on chain enters the blocks' hashes,
/// and these must not depend on where the output folder lies.
fn address(neuron: &Neuron) -> Result<StoreAddress, CliError> {
    StoreAddress::new(format!("../{}", neuron.name)).or_exit(Exit::Usage)
}

async fn mine(mut node: MinerNode) -> Result<(), CliError> {
    node.run().await.map(drop).map_err(|error| CliError::new(Exit::Failure, error))
}

async fn lead(mut node: ValidatorNode) -> Result<Vec<f32>, CliError> {
    node.run().await.map_err(|error| CliError::new(Exit::Failure, error))?;
    Ok(node.theta().to_vec())
}

/// Reads back what the chain pays, once a window.
async fn watch(
    clock: LockstepClock,
    client: ChainClient,
    config: sn3_protocol::run::RunConfig,
    story: Arc<Mutex<Story>>,
) -> Result<(), CliError> {
    let end = config.end_window.unwrap_or(config.start_window);
    for window in config.start_window.0..=end.0 {
        let block = config.first_block(Window(window).next());
        let head = clock.wait_until(block).await.or_exit(Exit::Chain)?;
        let metagraph = client.metagraph(config.netuid, head).await.or_exit(Exit::Chain)?;
        lock(&story).chain(Window(window), &metagraph);
    }
    Ok(())
}

fn path_text(path: &Path) -> Result<String, CliError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        CliError::new(Exit::Usage, format!("the path {} is not UTF-8; choose another --out", path.display()))
    })
}

fn behaviour(adversary: Adversary) -> Behaviour {
    match adversary {
        Adversary::Copycat => Behaviour::Copycat,
        Adversary::Noise => Behaviour::Noise,
        Adversary::Idle => Behaviour::Idle,
        Adversary::Scaler => Behaviour::Scaler,
        Adversary::Late => Behaviour::Late,
        Adversary::Nan => Behaviour::Nan,
    }
}

/// One bar a miner: its inner steps, and what it does besides.
pub(crate) fn show_miner(bar: &ProgressBar, event: &MinerEvent) {
    match event {
        MinerEvent::InnerStep { window, step, loss, tokens_per_s, .. } => {
            bar.set_position(u64::from(*step));
            bar.set_message(format!("window {window}  loss {loss:.3}  {tokens_per_s:.0} tokens/s"));
        }
        MinerEvent::Uploaded { window, bytes, .. } => {
            bar.set_message(format!("window {window}  uploaded {:.1} kB", *bytes as f64 / 1e3));
        }
        MinerEvent::RecordApplied { window, state, included, .. } => {
            let verdict = if *included { "aggregated" } else { "not aggregated" };
            bar.set_message(format!("window {window}  {verdict}, state {}", state.short()));
        }
        MinerEvent::Finished { .. } => bar.finish(),
        _ => {}
    }
}

/// A bar for the run, and a line of the story for what people want to know.
pub(crate) fn show_validator(
    bar: &ProgressBar,
    start: Window,
    windows: u64,
    event: &ValidatorEvent,
    output: &Output,
) {
    let number = |window: Window| window.0.saturating_sub(start.0);
    match event {
        ValidatorEvent::Heldout { window, loss } => {
            bar.set_position(number(*window));
            bar.set_message(format!("held-out loss {loss:.3}"));
            output.story(format_args!("window {:>3}/{windows}  held-out loss {loss:.4}", number(*window)));
        }
        ValidatorEvent::Recorded { aggregated, state_after, .. } => {
            let uids: Vec<String> = aggregated.iter().map(ToString::to_string).collect();
            output.story(format_args!("  aggregated uids {}, state {}", uids.join(" "), state_after.short()));
        }
        ValidatorEvent::Rejected { uid, text, .. } => output.story(format_args!("  uid {uid}: {text}")),
        ValidatorEvent::WeightsSet { receipt, .. } => {
            output.story(format_args!("  weights set in block {}", receipt.block));
        }
        ValidatorEvent::WeightsFailed { error, .. } | ValidatorEvent::Trouble { error, .. } => {
            output.story(format_args!("  {error}"));
        }
        ValidatorEvent::Finished { .. } => bar.finish(),
        _ => {}
    }
}
