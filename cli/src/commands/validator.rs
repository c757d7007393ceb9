//! `sn3 validator run`.

use std::sync::{Arc, Mutex};

use sn3_exchange::{
    SignedGenesis, Store, fetch_genesis, fetch_tokenizer, publish_genesis, publish_tokenizer,
};
use sn3_miner::{Discovery, discover};
use sn3_protocol::{Signer, Window};
use sn3_trainer::tokenizer::Tokenizer;
use sn3_trainer::{checkpoint, init};
use sn3_validator::{ModelEvaluator, NodeError, ValidatorEvent, ValidatorNode, ValidatorParts};

use crate::args::ValidatorArgs;
use crate::compose::{Clock, compose};
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::localnet::{HELDOUT_SAMPLES_MAX, lock, show_validator};
use crate::node::{Connected, connect};
use crate::output::Output;
use crate::story::{Participant, Story, page};
use crate::text;
use crate::text::Text;
use crate::training::step;

/// Blocks to wait for the genesis of a run that another validator starts.
const GENESIS_BLOCKS_MAX: u64 = 7_200;
/// A new run begins so many windows after its genesis was published, so that miners find it in time.
const WINDOWS_BEFORE_START: u64 = 2;

/// Validates until the run ends or somebody stops it; in both cases nothing is lost.
pub async fn run(args: ValidatorArgs, output: &Output) -> Result<(), CliError> {
    step::check_device(args.node.step.device)?;
    let node = connect(&args.node).await?;
    let story = Arc::new(Mutex::new(Story::default()));
    let mut validator = tokio::select! {
        prepared = prepare(&args, node, &story, output) => prepared?,
        () = crate::signals::wait_for_stop() => return interrupted(),
    };
    let summary = tokio::select! {
        ended = validator.node.run() => ended.map_err(|error| classed(&error))?,
        () = crate::signals::wait_for_stop() => return interrupted(),
    };
    output.clear();
    output.event(
        "finished",
        &serde_json::json!({ "window": summary.window, "state": summary.state, "record": summary.record }),
    );
    output.result(format_args!("finished: window {}, state {}", summary.window, summary.state));
    write_out(&args, &validator, &lock(&story), output)
}

struct Validator {
    node: ValidatorNode,
    genesis: SignedGenesis,
    text: Text,
}

async fn prepare(
    args: &ValidatorArgs,
    node: Connected,
    story: &Arc<Mutex<Story>>,
    output: &Output,
) -> Result<Validator, CliError> {
    commit_address(&node).await?;
    let (genesis, text) = genesis(args, &node, output).await?;
    let config = &genesis.config;
    let trainer = step::for_run(config, &args.node.step, text.tokenizer.eos())?;
    let head = node.chain.clock().head().await.or_exit(Exit::Network)?;
    let metagraph = node.chain.metagraph(head).await.or_exit(Exit::Chain)?;
    for neuron in &metagraph.neurons {
        let role = if neuron.validator_permit { "validator" } else { "miner" };
        let participant = Participant { uid: neuron.uid, hotkey: neuron.hotkey, role: role.into() };
        lock(story).participants.insert(neuron.uid, participant);
    }
    let uid = metagraph.by_hotkey(&node.hotkey.public()).map(|neuron| neuron.uid).unwrap_or_default();
    let parts = ValidatorParts {
        config: config.clone(),
        chain: node.chain,
        store: node.store,
        signer: Arc::new(node.hotkey),
        evaluate: Box::new(ModelEvaluator::new(trainer, text.dataset.clone(), HELDOUT_SAMPLES_MAX)),
        initial_state: init::initial_state(&config.model, config.seed).or_exit(Exit::Usage)?,
        state_dir: args.node.state.clone(),
        version_key: 0,
        observer: observer(uid, config.start_window, args.run.windows, story, output),
    };
    let node = ValidatorNode::open(parts).map_err(|error| classed(&error))?;
    Ok(Validator { node, genesis, text })
}

async fn commit_address(node: &Connected) -> Result<(), CliError> {
    let head = node.chain.clock().head().await.or_exit(Exit::Network)?;
    let known = node.chain.store_addresses(head).await.or_exit(Exit::Chain)?;
    if known.get(&node.hotkey.hotkey()) != Some(&node.address) {
        node.chain.set_store_address(&node.address).await.or_exit(Exit::Chain)?;
    }
    Ok(())
}

/// The genesis of the run: the own one where there is one, a new one with `--start-run`, else the leader's.
async fn genesis(
    args: &ValidatorArgs,
    node: &Connected,
    output: &Output,
) -> Result<(SignedGenesis, Text), CliError> {
    match fetch_genesis(&node.store, &node.run, &node.hotkey.hotkey()).await {
        Ok(genesis) => join(args, genesis, &node.store, output).await,
        Err(error) if !error.is_missing() => Err(CliError::new(Exit::Network, chain_of_causes(&error))),
        Err(_) if args.start_run => start(args, node, output).await,
        Err(_) => {
            let wanted = Discovery {
                run: node.run.clone(),
                author: None,
                store: None,
                blocks_max: GENESIS_BLOCKS_MAX,
            };
            let genesis = discover(node.chain.as_ref(), &node.store, &wanted).await.or_exit(Exit::Network)?;
            let head = node.chain.clock().head().await.or_exit(Exit::Network)?;
            let addresses = node.chain.store_addresses(head).await.or_exit(Exit::Chain)?;
            let address = addresses.get(&genesis.hotkey).ok_or_else(|| {
                CliError::new(Exit::Chain, format!("{} has committed no storage address", genesis.hotkey))
            })?;
            let store = node.store.peer(address).or_exit(Exit::Network)?;
            join(args, genesis, &store, output).await
        }
    }
}

async fn join(
    args: &ValidatorArgs,
    genesis: SignedGenesis,
    store: &Store,
    output: &Output,
) -> Result<(SignedGenesis, Text), CliError> {
    let config = &genesis.config;
    let json = fetch_tokenizer(store, &config.run, &config.tokenizer).await.or_exit(Exit::Network)?;
    let tokenizer = Tokenizer::from_json(json.to_vec()).or_exit(Exit::Data)?;
    let corpus = text::read(&args.node.data, output)?;
    let text = text::prepare(&args.node.data, &corpus, tokenizer, config.model.context, config.seed, output)?;
    if text.dataset.digest() != config.dataset {
        let message = format!(
            "the prepared data has digest {}, the run needs {}; use the same --data as the run's author",
            text.dataset.digest().short(),
            config.dataset.short()
        );
        return Err(CliError::new(Exit::Data, message));
    }
    Ok((genesis, text))
}

async fn start(
    args: &ValidatorArgs,
    node: &Connected,
    output: &Output,
) -> Result<(SignedGenesis, Text), CliError> {
    let put_blocks = (args.blocks_per_window / 5).max(1);
    let clock = Clock {
        blocks_per_window: args.blocks_per_window,
        put_blocks,
        record_blocks: (args.blocks_per_window - put_blocks).max(1),
        start: Window(0),
    };
    let mut composed =
        compose(node.run.as_str(), node.chain.netuid(), &args.run, &args.node.data, clock, output)?;
    let head = node.chain.clock().head().await.or_exit(Exit::Network)?;
    composed.start_after(head.number, WINDOWS_BEFORE_START, args.run.windows);
    let json = composed.text.tokenizer.json().to_vec().into();
    publish_tokenizer(&node.store, &node.run, json).await.or_exit(Exit::Network)?;
    let genesis =
        publish_genesis(&node.store, &composed.config, &node.hotkey).await.or_exit(Exit::Network)?;
    output.story(format_args!("run {} starts in window {}", node.run, composed.config.start_window));
    Ok((genesis, composed.text))
}

fn observer(
    uid: sn3_protocol::Uid,
    start: Window,
    windows: u64,
    story: &Arc<Mutex<Story>>,
    output: &Output,
) -> sn3_validator::Observer {
    let (bar, story, output) = (output.bar("windows", windows), story.clone(), output.clone());
    Arc::new(move |event: &ValidatorEvent| {
        lock(&story).validator(uid, event);
        show_validator(&bar, start, windows, event, &output);
        output.event("validator", event);
    })
}

fn write_out(
    args: &ValidatorArgs,
    validator: &Validator,
    story: &Story,
    output: &Output,
) -> Result<(), CliError> {
    let Some(out) = &args.out else { return Ok(()) };
    let fail = |error: std::io::Error| {
        CliError::new(Exit::Failure, format!("cannot write {}: {error}; choose another --out", out.display()))
    };
    std::fs::create_dir_all(out).map_err(fail)?;
    let (config, theta) = (&validator.genesis.config, validator.node.theta());
    checkpoint::export_hf(&out.join("checkpoint"), &config.model, theta, Some(&validator.text.tokenizer))
        .or_exit(Exit::Failure)?;
    let lead = format!(
        "Run {} on netuid {}, as this validator saw it since it was started.",
        config.run, config.netuid
    );
    page("sn3 validator", &lead, story).write_atomic(&out.join("report.html")).or_exit(Exit::Failure)?;
    let json = serde_json::to_vec_pretty(&serde_json::json!({ "v": 1, "config": config, "story": story }))
        .or_exit(Exit::Failure)?;
    std::fs::write(out.join("run.json"), json).map_err(fail)?;
    output.result(format_args!("written to {}", out.display()));
    Ok(())
}

fn interrupted() -> Result<(), CliError> {
    Err(CliError::new(Exit::Interrupted, "stopped; start again with the same --state to go on"))
}

fn classed(error: &NodeError) -> CliError {
    let exit = match error {
        NodeError::Snapshot(_) | NodeError::Ledger(_) | NodeError::OtherRun { .. } => Exit::State,
        NodeError::Clock(_) | NodeError::Publish { .. } => Exit::Network,
        NodeError::Chain(_) | NodeError::NoLeader(_) => Exit::Chain,
        NodeError::Record { .. } | NodeError::Payload { .. } | NodeError::InitialState { .. } => {
            Exit::Diverged
        }
        _ => Exit::Failure,
    };
    CliError::new(exit, chain_of_causes(error))
}
