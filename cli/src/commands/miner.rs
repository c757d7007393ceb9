//! `sn3 miner run`.

use std::sync::Arc;

use sn3_exchange::fetch_tokenizer;
use sn3_miner::{Discovery, MinerError, MinerEvent, MinerNode, Options, Parts, discover};
use sn3_trainer::init;
use sn3_trainer::tokenizer::Tokenizer;

use crate::args::MinerArgs;
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::localnet::show_miner;
use crate::node::{Connected, connect};
use crate::output::Output;
use crate::text;
use crate::training::step;

/// Blocks to wait for the genesis of the run.
const GENESIS_BLOCKS_MAX: u64 = 7_200;

/// Mines until the run ends or somebody stops it; in both cases nothing is lost.
pub async fn run(args: MinerArgs, output: &Output) -> Result<(), CliError> {
    step::check_device(args.node.step.device)?;
    let node = connect(&args.node).await?;
    let (parts, options) = tokio::select! {
        prepared = prepare(&args, node, output) => prepared?,
        () = crate::signals::wait_for_stop() => return interrupted(),
    };
    let mut miner = MinerNode::start(parts, options).await.map_err(|error| classed(&error))?;
    tokio::select! {
        ended = miner.run() => {
            let summary = ended.map_err(|error| classed(&error))?;
            output.clear();
            output.event("finished", &serde_json::json!({ "uid": summary.uid, "state": summary.state }));
            output.result(format_args!("finished: uid {}, state {}", summary.uid, summary.state));
            Ok(())
        }
        () = crate::signals::wait_for_stop() => interrupted(),
    }
}

async fn prepare(args: &MinerArgs, node: Connected, output: &Output) -> Result<(Parts, Options), CliError> {
    let Connected { chain, hotkey, store, address, run } = node;
    let wanted = Discovery { run: run.clone(), author: None, store: None, blocks_max: GENESIS_BLOCKS_MAX };
    output.story(format_args!("looking for the genesis of run {run}"));
    let genesis = discover(chain.as_ref(), &store, &wanted).await.or_exit(Exit::Network)?;
    let config = &genesis.config;
    let leader = chain
        .store_addresses(chain.clock().head().await.or_exit(Exit::Network)?)
        .await
        .or_exit(Exit::Chain)?;
    let leader = leader.get(&genesis.hotkey).cloned();
    let leader_store = leader
        .as_ref()
        .map_or_else(|| Ok(store.clone()), |address| store.peer(address))
        .or_exit(Exit::Network)?;
    let json = fetch_tokenizer(&leader_store, &run, &config.tokenizer).await.or_exit(Exit::Network)?;
    let tokenizer = Tokenizer::from_json(json.to_vec()).or_exit(Exit::Data)?;
    let corpus = text::read(&args.node.data, output)?;
    let text = text::prepare(&args.node.data, &corpus, tokenizer, config.model.context, config.seed, output)?;
    let parts = Parts {
        chain,
        store,
        address,
        signer: Arc::new(hotkey),
        trainer: step::for_run(config, &args.node.step, text.tokenizer.eos())?,
        samples: text.dataset.clone(),
        tokenizer: text.tokenizer.digest(),
        initial: init::initial_state(&config.model, config.seed).or_exit(Exit::Usage)?,
        genesis: genesis.clone(),
    };
    let options = Options {
        state_dir: Some(args.node.state.clone()),
        resync: args.resync,
        leader_store: leader,
        observer: observer(config.inner_steps, output),
        ..Options::default()
    };
    Ok((parts, options))
}

fn observer(inner_steps: u32, output: &Output) -> sn3_miner::Observer {
    let (bar, output) = (output.bar("training", u64::from(inner_steps)), output.clone());
    Arc::new(move |event| {
        show_miner(&bar, event);
        output.event("miner", event);
        if let Some(line) = line(event) {
            output.story(line);
        }
    })
}

/// What an operator wants to read of an event.
fn line(event: &MinerEvent) -> Option<String> {
    Some(match event {
        MinerEvent::Started { uid, window, resumed, state, .. } => {
            let how = if *resumed { "resumed" } else { "started" };
            format!("{how} as uid {uid} in window {window}, state {}", state.short())
        }
        MinerEvent::AddressCommitted { url, block } => {
            format!("store address {url} committed in block {block}")
        }
        MinerEvent::WindowStarted { window, deadline, .. } => {
            format!("window {window}: training, deadline block {deadline}")
        }
        MinerEvent::Uploaded { window, bytes, block } => {
            format!("window {window}: uploaded {bytes} bytes at block {block}")
        }
        MinerEvent::RecordApplied { window, included, state, .. } => {
            format!(
                "window {window}: {}, state {state}",
                if *included { "aggregated" } else { "not aggregated" }
            )
        }
        MinerEvent::Scored { window, card, reasons } => {
            format!(
                "window {window}: final score {:.4}, weight {:.4} {}",
                card.final_score,
                card.weight,
                reasons.join("; ")
            )
        }
        MinerEvent::Skipped { window, .. } => format!("window {window}: its deadline has passed, skipped"),
        MinerEvent::TooLate { window, .. } => format!("window {window}: too late to upload"),
        MinerEvent::RecordMissing { window, waited_blocks, .. } => {
            format!("window {window}: no record after {waited_blocks} blocks")
        }
        MinerEvent::Desync { window, detail, remedy } => format!("window {window}: {detail}; {remedy}"),
        MinerEvent::Trouble { window, error } => format!("window {window}: {error}"),
        _ => return None,
    })
}

fn interrupted() -> Result<(), CliError> {
    Err(CliError::new(Exit::Interrupted, "stopped; start again with the same --state to go on"))
}

fn classed(error: &MinerError) -> CliError {
    let exit = match error {
        MinerError::Disk(_) => Exit::State,
        MinerError::NotRegistered { .. } | MinerError::WrongSubnet { .. } | MinerError::Commit(_) => {
            Exit::Chain
        }
        MinerError::WrongInput { .. } | MinerError::Assignment(_) => Exit::Data,
        MinerError::Clock(_) | MinerError::Read(_) => Exit::Network,
        MinerError::Unreachable { .. } => Exit::Diverged,
        _ => Exit::Failure,
    };
    CliError::new(exit, chain_of_causes(error))
}
