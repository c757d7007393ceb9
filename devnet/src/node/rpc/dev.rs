//! `dev_*` and `engine_*`: the controls of a development chain.

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::{Value, json};
use sp_core::H256;

use super::{
    Module, Registered,
    errors::{self, bad_parameter},
};
use crate::node::{block::StoredBlock, config::Sealing, engine::Engine};

type Answer = Result<Value, ErrorObjectOwned>;

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_blocking_method("dev_advanceBlocks", |p, e, _| advance_blocks(&p, &e))?;
    module.register_blocking_method("dev_advanceToBlock", |p, e, _| advance_to_block(&p, &e))?;
    module.register_blocking_method("dev_advanceToEpoch", |p, e, _| advance_to_epoch(&p, &e))?;
    module.register_blocking_method("dev_setSealing", |p, e, _| set_sealing(&p, &e))?;
    module.register_blocking_method("dev_snapshot", |_, e, _| e.snapshot())?;
    module.register_blocking_method("dev_revert", |p, e, _| revert(&p, &e))?;
    module.register_blocking_method("engine_createBlock", |p, e, _| create_block(&p, &e))?;
    module.register_blocking_method("engine_finalizeBlock", |p, e, _| finalize_block(&p, &e))?;
    Ok(())
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
