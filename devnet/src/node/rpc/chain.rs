//! `chain_*`: blocks and headers.

use std::sync::Arc;

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde::Deserialize;
use serde_json::{Value, json};
use sp_core::{Bytes, H256};

use super::{
    Module, Registered,
    errors::{self, bad_parameter},
    heads,
    heads::Names,
};
use crate::{
    node::{block::StoredBlock, engine::Engine},
    runtime::Header,
};

/// How many heights one request may name.
const HEIGHTS_MAX: usize = 1_000;

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module
        .register_blocking_method("chain_getBlockHash", |params, engine, _| block_hash(&params, &engine))?;
    module.register_alias("chain_getHead", "chain_getBlockHash")?;
    module.register_blocking_method("chain_getFinalizedHead", |_, engine, _| finalized_head(&engine))?;
    module.register_alias("chain_getFinalisedHead", "chain_getFinalizedHead")?;
    module.register_blocking_method("chain_getHeader", |params, engine, _| header(&params, &engine))?;
    module.register_blocking_method("chain_getBlock", |params, engine, _| block(&params, &engine))?;
    register_heads(module)
}

fn register_heads(module: &mut Module) -> Registered {
    let names = |subscribe, notification, unsubscribe| Names { subscribe, notification, unsubscribe };
    heads::register(module, &names("chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"))?;
    heads::register_final(
        module,
        &names("chain_subscribeFinalizedHeads", "chain_finalizedHead", "chain_unsubscribeFinalizedHeads"),
    )?;
    heads::register(module, &names("chain_subscribeAllHeads", "chain_allHead", "chain_unsubscribeAllHeads"))?;
    for (alias, method) in [
        ("chain_subscribeNewHead", "chain_subscribeNewHeads"),
        ("chain_unsubscribeNewHead", "chain_unsubscribeNewHeads"),
        ("chain_subscribeFinalisedHeads", "chain_subscribeFinalizedHeads"),
        ("chain_unsubscribeFinalisedHeads", "chain_unsubscribeFinalizedHeads"),
    ] {
        module.register_alias(alias, method)?;
    }
    Ok(())
}

/// A height as clients write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Height {
    Number(u64),
    Hex(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Heights {
    One(Height),
    Many(Vec<Height>),
}

impl Height {
    fn value(&self) -> Result<u64, ErrorObjectOwned> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Hex(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16)
                .map_err(|_| bad_parameter(format!("{text:?} is no block number; write it as 7 or \"0x7\""))),
        }
    }
}

/// The head without a parameter; `null` for a height that does not exist.
fn block_hash(params: &Params<'_>, engine: &Engine) -> Result<Value, ErrorObjectOwned> {
    match params.sequence().optional_next::<Heights>()? {
        None => Ok(json!(engine.chain.head().hash)),
        Some(Heights::One(height)) => Ok(json!(engine.chain.hash_at(height.value()?))),
        Some(Heights::Many(heights)) if heights.len() > HEIGHTS_MAX => {
            Err(bad_parameter(format!("{} heights are more than {HEIGHTS_MAX}", heights.len())))
        }
        Some(Heights::Many(heights)) => {
            let hashes: Result<Vec<_>, _> =
                heights.iter().map(|height| height.value().map(|n| engine.chain.hash_at(n))).collect();
            Ok(json!(hashes?))
        }
    }
}

fn finalized_head(engine: &Engine) -> Result<H256, ErrorObjectOwned> {
    engine.finalized().map(|block| block.hash).map_err(errors::state)
}

fn header(params: &Params<'_>, engine: &Engine) -> Result<Option<Header>, ErrorObjectOwned> {
    Ok(named_block(params, engine)?.map(|block| block.header.clone()))
}

fn block(params: &Params<'_>, engine: &Engine) -> Result<Option<Value>, ErrorObjectOwned> {
    Ok(named_block(params, engine)?.map(|block| {
        let extrinsics: Vec<Bytes> = block.extrinsics.iter().map(|e| Bytes(e.to_vec())).collect();
        json!({ "block": { "header": block.header, "extrinsics": extrinsics }, "justifications": null })
    }))
}

/// The block whose hash is the first parameter, or the head.
fn named_block(params: &Params<'_>, engine: &Engine) -> Result<Option<Arc<StoredBlock>>, ErrorObjectOwned> {
    Ok(match params.sequence().optional_next::<H256>()? {
        None => Some(engine.chain.head()),
        Some(hash) => engine.chain.block(&hash),
    })
}
