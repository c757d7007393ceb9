//! `sn3 localnet`: the whole subnet in one process.
//!
//! ```text
//!  text ──► tokenizer, samples ──► run configuration ─┐
//!  devnet ──► wallets, registrations, stake ──────────┼─► nodes on a lockstep clock ──► story
//!                                                     │                                   │
//!                        checkpoint, run.json, report.html, summary ◄─────────────────────┘
//! ```

mod files;
pub mod lockstep;
mod nodes;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use sn3_chain::{BlockRef, ChainClient};
use sn3_devnet::{Devnet, DevnetConfig, Sealing};
use sn3_protocol::{BlockNumber, NetUid, Window};

use crate::args::training::StepArgs;
use crate::args::{Adversary, LocalnetArgs};
use crate::compose::{Clock, Composed, compose};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::scaffold::{Cast, Neuron, scaffold};
use crate::story::{Participant, Story, Summary};
use crate::training::step;

pub use files::Files;
pub(crate) use nodes::{HELDOUT_SAMPLES_MAX, show_miner, show_validator};

/// Blocks of a window: one epoch of the prepared subnet.
const BLOCKS_PER_WINDOW: u64 = 20;
/// Blocks after a window in which submissions may arrive.
const PUT_BLOCKS: u64 = 4;
/// Blocks after the deadline within which the record must appear.
const RECORD_BLOCKS: u64 = 8;
/// Epochs after the last weights until the chain has paid them.
const EPOCHS_TO_PAY: usize = 2;
/// Name of the run.
const RUN: &str = "localnet";
/// Name of the validator's wallet.
const VALIDATOR: &str = "validator";

/// A finished local network.
pub struct Outcome {
    /// Everything that happened.
    pub story: Story,
    /// The result in numbers.
    pub summary: Summary,
    /// Where it was written.
    pub files: Files,
}

/// Runs the network and prints the result.
pub async fn command(args: LocalnetArgs, output: &Output) -> Result<(), CliError> {
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = run(&args, output) => outcome?,
        () = crate::signals::wait_for_stop() => {
            return Err(CliError::new(Exit::Interrupted, "stopped before the end; nothing was written but the nodes' objects"));
        }
    };
    output.clear();
    output.event("summary", &outcome.summary);
    output.result(outcome.summary.text().trim_end());
    output.result(format_args!("report      {}", outcome.files.report().display()));
    output.result(format_args!("checkpoint  {}", outcome.files.checkpoint().display()));
    output.result(format_args!("run         {}", outcome.files.run_json().display()));
    output.story(format_args!("{:.0} s", started.elapsed().as_secs_f64()));
    match outcome.summary.agreed {
        true => Ok(()),
        false => Err(CliError::new(Exit::Diverged, outcome.story.diverged().join("; "))),
    }
}

/// Runs the network.
pub async fn run(args: &LocalnetArgs, output: &Output) -> Result<Outcome, CliError> {
    step::check_device(args.step.device)?;
    let files = Files::prepare(&args.out)?;
    let netuid = NetUid(args.netuid);
    let clock = Clock {
        blocks_per_window: BLOCKS_PER_WINDOW,
        put_blocks: PUT_BLOCKS,
        record_blocks: RECORD_BLOCKS,
        start: Window(0),
    };
    let mut composed = compose(RUN, netuid, &args.run, &args.data, clock, output)?;
    let devnet = Arc::new(start_devnet(args).await?);
    output.story(format_args!("chain: {}", devnet.ws_url()));
    let client = ChainClient::connect(devnet.ws_url()).await.or_exit(Exit::Network)?;
    let neurons = register(args, &files, &client, output).await?;
    // An epoch gives the validator its permit, without which it leads nothing.
    advance(devnet.advance_to_epoch(netuid).await)?;
    composed.start_after(devnet.head().number, 1, args.run.windows);
    let story = Arc::new(Mutex::new(cast(args, &neurons)));
    let last = train(args, &composed, &devnet, &client, &neurons, &files, &story, output).await?;
    let story = Story::clone(&lock(&story));
    finish(args, composed, story, last, files)
}

async fn start_devnet(args: &LocalnetArgs) -> Result<Devnet, CliError> {
    let config = DevnetConfig { port: args.port, sealing: Sealing::Instant, ..DevnetConfig::default() };
    Devnet::start(config).await.or_exit(Exit::Network)
}

async fn register(
    args: &LocalnetArgs,
    files: &Files,
    client: &ChainClient,
    output: &Output,
) -> Result<Vec<Neuron>, CliError> {
    let wallets = files.wallets();
    let miners: Vec<String> =
        roles(args).iter().enumerate().map(|(i, _)| format!("miner-{}", i + 1)).collect();
    let cast = Cast {
        netuid: NetUid(args.netuid),
        wallets: &wallets,
        validator: VALIDATOR,
        miners: &miners,
        seed: args.run.seed,
    };
    scaffold(client, &cast, output).await
}

/// `None` for each honest miner, then the dishonest ones.
fn roles(args: &LocalnetArgs) -> Vec<Option<Adversary>> {
    let honest = (0..args.miners).map(|_| None);
    honest.chain(args.adversary.iter().copied().map(Some)).collect()
}

/// The participants by slot; the validator is the first neuron.
fn cast(args: &LocalnetArgs, neurons: &[Neuron]) -> Story {
    let role = |adversary: Option<Adversary>| {
        adversary.map_or_else(|| "honest".into(), |a| format!("{a:?}").to_lowercase())
    };
    let roles = std::iter::once(VALIDATOR.to_owned()).chain(roles(args).into_iter().map(role));
    let participant = |(neuron, role): (&Neuron, String)| {
        (neuron.uid, Participant { uid: neuron.uid, hotkey: neuron.hotkey.public(), role })
    };
    Story { participants: neurons.iter().zip(roles).map(participant).collect(), ..Story::default() }
}

/// Runs all nodes to the end of the run; the final state as the validator has it.
#[expect(clippy::too_many_arguments, reason = "the pieces of a network, used once")]
async fn train(
    args: &LocalnetArgs,
    composed: &Composed,
    devnet: &Arc<Devnet>,
    client: &ChainClient,
    neurons: &[Neuron],
    files: &Files,
    story: &Arc<Mutex<Story>>,
    output: &Output,
) -> Result<Vec<f32>, CliError> {
    let head = devnet.head();
    let lockstep = lockstep::Lockstep::new(
        Box::new(Chain(devnet.clone())),
        BlockRef { number: head.number, hash: head.hash },
    );
    let network = nodes::Network {
        args,
        composed,
        client,
        lockstep: &lockstep,
        files,
        story,
        output,
        // The nodes train at once.
        step: StepArgs { threads: args.step.threads.or(Some(1)), ..args.step.clone() },
    };
    let roles = roles(args);
    let theta = network.run(&neurons[0], &neurons[1..], &roles).await?;
    for _ in 0..EPOCHS_TO_PAY {
        advance(devnet.advance_to_epoch(NetUid(args.netuid)).await)?;
    }
    let head = client.head().await.or_exit(Exit::Network)?;
    let metagraph = client.metagraph(NetUid(args.netuid), head).await.or_exit(Exit::Chain)?;
    let after = composed.config.end_window.unwrap_or_default().next();
    lock(story).chain(after, &metagraph);
    Ok(theta)
}

fn finish(
    args: &LocalnetArgs,
    composed: Composed,
    story: Story,
    theta: Vec<f32>,
    files: Files,
) -> Result<Outcome, CliError> {
    let summary = Summary::of(&story);
    files.write_checkpoint(&composed, &theta)?;
    files.write_run(args, &composed.config, &story, &summary)?;
    files.write_report(args, &composed.config, &story)?;
    Ok(Outcome { story, summary, files })
}

fn advance<T, E: std::error::Error>(result: Result<T, E>) -> Result<(), CliError> {
    result.map(drop).or_exit(Exit::Chain)
}

pub(crate) fn lock(story: &Mutex<Story>) -> std::sync::MutexGuard<'_, Story> {
    story.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The embedded chain as what the lockstep seals.
struct Chain(Arc<Devnet>);

#[async_trait]
impl lockstep::Sealer for Chain {
    async fn seal_to(&self, block: BlockNumber) -> Result<BlockRef, String> {
        let head = self.0.advance_to_block(block).await.map_err(|error| error.to_string())?;
        Ok(BlockRef { number: head.number, hash: head.hash })
    }
}
