//! `dev_*` and `engine_*`: the controls of a development chain.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::{Value, json};
use sp_core::H256;

use super::{
    Module, Registered,
    errors::{self, bad_parameter},
};
use crate::node::{
    block::StoredBlock,
    config::Sealing,
    engine::{Condition, Engine},
    faults::Refusal,
};

/// How long a lost endpoint still has to answer who asked for it.
const ANSWER_MS: u64 = 20;

type Answer = Result<Value, ErrorObjectOwned>;

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_blocking_method("dev_status", |_, e, _| status(&e))?;
    module.register_blocking_method("dev_advanceBlocks", |p, e, _| advance_blocks(&p, &e))?;
    module.register_blocking_method("dev_advanceToBlock", |p, e, _| advance_to_block(&p, &e))?;
    module.register_blocking_method("dev_advanceToEpoch", |p, e, _| advance_to_epoch(&p, &e))?;
    module.register_blocking_method("dev_setSealing", |p, e, _| set_sealing(&p, &e))?;
    module.register_blocking_method("dev_snapshot", |_, e, _| e.snapshot())?;
    module.register_blocking_method("dev_revert", |p, e, _| revert(&p, &e))?;
    module.register_blocking_method("dev_advanceUntil", |p, e, _| advance_until(&p, &e))?;
    module.register_blocking_method("dev_dump", |p, e, _| dump(&p, &e))?;
    register_faults(module)?;
    module.register_blocking_method("engine_createBlock", |p, e, _| create_block(&p, &e))?;
    module.register_blocking_method("engine_finalizeBlock", |p, e, _| finalize_block(&p, &e))?;
    Ok(())
}

fn register_faults(module: &mut Module) -> Registered {
    module.register_method("dev_stallFinality", |_, e, _| stall_finality(e))?;
    module.register_method("dev_resumeFinality", |_, e, _| e.faults.resume_finality())?;
    module.register_method("dev_dropSubscriptions", |_, e, _| e.faults.drop_subscriptions())?;
    module.register_method("dev_delayResponses", |p, e, _| delay_responses(&p, e))?;
    module.register_method("dev_rejectNext", |p, e, _| reject_next(&p, e))?;
    module.register_async_method("dev_loseEndpoint", |p, e, _| async move { lose_endpoint(&p, e) })?;
    module.register_blocking_method("dev_reorg", |p, e, _| reorg(&p, &e))?;
    module.register_blocking_method("dev_upgradeRuntime", |p, e, _| upgrade_runtime(&p, &e))?;
    Ok(())
}

/// Head, clock, sealing, and what waits or goes wrong on purpose.
fn status(engine: &Engine) -> Answer {
    let block = engine.chain.head();
    let finalized = engine.finalized().map_err(errors::state)?;
    Ok(json!({
        "head": head(&block),
        "finalized": head(&finalized),
        "timestampMs": block.timestamp_ms,
        "sealing": *engine.sealing.borrow(),
        "waitingTransactions": engine.pool.counts().0,
        "delayMs": engine.faults.delay().as_millis() as u64,
        "waitingRefusals": engine.faults.waiting_refusals(),
    }))
}

/// Blocks after the head are not final from now on; answers the head's height.
fn stall_finality(engine: &Engine) -> u64 {
    let head = engine.chain.head().number();
    engine.faults.stall_finality(head);
    head
}

fn delay_responses(params: &Params<'_>, engine: &Engine) -> Result<(), ErrorObjectOwned> {
    engine.faults.delay_ms(params.sequence().next()?).map_err(errors::fault)
}

/// (code, data)
fn reject_next(params: &Params<'_>, engine: &Engine) -> Result<(), ErrorObjectOwned> {
    let mut params = params.sequence();
    let (code, data) = (params.next()?, params.optional_next()?);
    engine.faults.refuse_next(Refusal { code, data }).map_err(errors::fault)
}

/// Breaks all connections a moment later, this one too, and takes them again after so many milliseconds.
fn lose_endpoint(params: &Params<'_>, engine: Arc<Engine>) -> Result<(), ErrorObjectOwned> {
    let lost_ms: u64 = params.sequence().next()?;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ANSWER_MS)).await;
        engine.faults.lose_endpoint(true);
        tokio::time::sleep(Duration::from_millis(lost_ms)).await;
        engine.faults.lose_endpoint(false);
    });
    Ok(())
}

fn reorg(params: &Params<'_>, engine: &Engine) -> Answer {
    let depth = params.sequence().next()?;
    engine.reorg(depth).map(|block| head(&block)).map_err(errors::reorg)
}

/// Sends the upgrade and makes its block.
fn upgrade_runtime(params: &Params<'_>, engine: &Engine) -> Answer {
    engine.upgrade_runtime(params.sequence().next()?).map_err(errors::submit)?;
    engine.seal().map(|block| head(&block)).map_err(errors::advance)
}

/// (condition, most blocks)
fn advance_until(params: &Params<'_>, engine: &Engine) -> Answer {
    let mut params = params.sequence();
    let (condition, blocks_max): (Condition, u64) = (params.next()?, params.next()?);
    engine.advance_until(&condition, blocks_max).map(|block| head(&block)).map_err(errors::advance)
}

/// Writes the chain to a folder on the node's machine; answers how many blocks it holds.
fn dump(params: &Params<'_>, engine: &Engine) -> Result<u64, ErrorObjectOwned> {
    let dir: PathBuf = params.sequence().next()?;
    engine.dump(&dir).map_err(errors::dump)
}

fn head(block: &StoredBlock) -> Value {
    json!({ "number": block.number(), "hash": block.hash })
}

fn advance_blocks(params: &Params<'_>, engine: &Engine) -> Answer {
    let count = params.sequence().next()?;
    engine.advance_blocks(count).map(|block| head(&block)).map_err(errors::advance)
}

fn advance_to_block(params: &Params<'_>, engine: &Engine) -> Answer {
    let target = params.sequence().next()?;
    engine.advance_to_block(target).map(|block| head(&block)).map_err(errors::advance)
}

fn advance_to_epoch(params: &Params<'_>, engine: &Engine) -> Answer {
    let netuid = params.sequence().next()?;
    engine.advance_to_epoch(netuid).map(|block| head(&block)).map_err(errors::advance)
}

fn set_sealing(params: &Params<'_>, engine: &Engine) -> Answer {
    let sealing: Sealing = params.sequence().next()?;
    engine.sealing.send_replace(sealing);
    Ok(json!(sealing))
}

fn revert(params: &Params<'_>, engine: &Engine) -> Answer {
    let id = params.sequence().next()?;
    engine.revert(id).map(|block| head(&block)).map_err(errors::snapshot)
}

/// The manual-seal method of the official node: (create_empty, finalize, parent_hash). Blocks here are
/// always final and on the head, so a `parent_hash` must be the head's.
fn create_block(params: &Params<'_>, engine: &Engine) -> Answer {
    let mut params = params.sequence();
    let create_empty: bool = params.next()?;
    let _finalize: Option<bool> = params.optional_next()?;
    let parent: Option<H256> = params.optional_next()?;
    if parent.is_some_and(|parent| parent != engine.chain.head().hash) {
        return Err(bad_parameter("a block can only be made on the head"));
    }
    if !create_empty && engine.pool.counts().1 == 0 {
        return Err(bad_parameter("no transaction waits, and create_empty is false"));
    }
    let block = engine.seal().map_err(errors::advance)?;
    let aux = json!({ "header_only": false, "clear_justification_requests": false, "needs_justification": false,
        "bad_justification": false, "is_new_best": true });
    Ok(json!({ "hash": block.hash, "aux": aux }))
}

fn finalize_block(params: &Params<'_>, engine: &Engine) -> Result<bool, ErrorObjectOwned> {
    let hash: H256 = params.sequence().next()?;
    match engine.chain.block(&hash) {
        Some(_) => Ok(true),
        None => Err(bad_parameter(format!("block {hash:?} is unknown"))),
    }
}
