//! `author_*`: sending transactions.

use std::sync::Arc;

use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::SubscriptionResult,
    types::{ErrorObjectOwned, Params},
};
use serde_json::{Value, json};
use sp_core::{Bytes, H256};

use super::{Module, Registered, errors, watch};
use crate::node::{engine::Engine, pool::TxStatus};

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_blocking_method("author_submitExtrinsic", |p, e, _| submit(&p, &e))?;
    module.register_blocking_method("author_pendingExtrinsics", |_, e, _| pending(&e))?;
    module.register_subscription(
        "author_submitAndWatchExtrinsic",
        "author_extrinsicUpdate",
        "author_unwatchExtrinsic",
        submit_and_watch,
    )?;
    Ok(())
}

fn submit(params: &Params<'_>, engine: &Engine) -> Result<H256, ErrorObjectOwned> {
    let bytes: Bytes = params.sequence().next()?;
    engine.submit(&bytes).map_err(errors::submit)
}

fn pending(engine: &Engine) -> Vec<Bytes> {
    engine.pool.pending().iter().map(|bytes| Bytes(bytes.to_vec())).collect()
}

async fn submit_and_watch(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: Extensions,
) -> SubscriptionResult {
    watch::submit(&params, pending, engine, |status| Some(update(status))).await
}

/// The names that clients know the statuses by.
fn update(status: TxStatus) -> Value {
    match status {
        TxStatus::Future => json!("future"),
        TxStatus::Ready => json!("ready"),
        TxStatus::InBlock(block, _) => json!({ "inBlock": block }),
        TxStatus::Finalized(block, _) => json!({ "finalized": block }),
        TxStatus::Retracted(block) => json!({ "retracted": block }),
        TxStatus::Usurped(by) => json!({ "usurped": by }),
        TxStatus::Dropped(_) => json!("dropped"),
        TxStatus::Invalid(_) => json!("invalid"),
    }
}
