//! `transactionWatch_v1_*`, and what both ways of watching a transaction share.

use std::sync::Arc;

use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::SubscriptionResult,
    types::{ErrorObjectOwned, Params},
};
use serde_json::{Value, json};
use sp_core::Bytes;
use tokio::sync::mpsc;

use super::{Module, Registered, errors, errors::bad_parameter, heads::message};
use crate::node::{engine::Engine, pool::TxStatus};

/// Registers the subscription.
pub fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "transactionWatch_v1_submitAndWatch",
        "transactionWatch_v1_watchEvent",
        "transactionWatch_v1_unwatch",
        submit_and_watch,
    )?;
    Ok(())
}

async fn submit_and_watch(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: Extensions,
) -> SubscriptionResult {
    submit(&params, pending, engine, event).await
}

fn event(status: TxStatus) -> Option<Value> {
    let block = |hash, index| json!({ "hash": hash, "index": index });
    Some(match status {
        TxStatus::Future => return None,
        TxStatus::Ready => json!({ "event": "validated" }),
        TxStatus::InBlock(hash, i) => json!({ "event": "bestChainBlockIncluded", "block": block(hash, i) }),
        TxStatus::Finalized(hash, index) => json!({ "event": "finalized", "block": block(hash, index) }),
        TxStatus::Retracted(_) => json!({ "event": "bestChainBlockIncluded", "block": null }),
        TxStatus::Usurped(by) => {
            json!({ "event": "invalid", "error": format!("replaced by transaction {by:?}") })
        }
        TxStatus::Dropped(reason) => json!({ "event": "dropped", "error": reason }),
        TxStatus::Invalid(reason) => json!({ "event": "invalid", "error": reason }),
    })
}

/// Submits the transaction in the first parameter and reports its statuses as `render` writes them. The
/// subscription ends with the last status.
pub async fn submit(
    params: &Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    render: impl Fn(TxStatus) -> Option<Value>,
) -> SubscriptionResult {
    let mut statuses = match accepted(params, engine.clone()).await {
        Ok(statuses) => statuses,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let sink = pending.accept().await?;
    let dropped = engine.faults.dropped();
    tokio::pin!(dropped);
    loop {
        let status = tokio::select! {
            () = sink.closed() => return Ok(()),
            () = &mut dropped => {
                sink.closed().await;
                return Ok(());
            }
            status = next_status(&engine, &mut statuses) => status,
        };
        let Some(status) = status else { return Ok(()) };
        if let Some(value) = render(status) {
            sink.send(message(&value)?).await?;
        }
    }
}

/// The next status. That a transaction is final is held back while finality is stalled.
async fn next_status(engine: &Engine, statuses: &mut mpsc::Receiver<TxStatus>) -> Option<TxStatus> {
    let status = statuses.recv().await?;
    let TxStatus::Finalized(hash, index) = status else { return Some(status) };
    let Some(block) = engine.chain.block(&hash) else { return Some(TxStatus::Retracted(hash)) };
    engine.faults.until_final(block.number()).await;
    Some(match engine.chain.hash_at(block.number()) == Some(hash) {
        true => TxStatus::Finalized(hash, index),
        false => TxStatus::Retracted(hash),
    })
}

async fn accepted(
    params: &Params<'static>,
    engine: Arc<Engine>,
) -> Result<mpsc::Receiver<TxStatus>, ErrorObjectOwned> {
    let bytes: Bytes = params.sequence().next()?;
    let outcome = tokio::task::spawn_blocking(move || engine.submit_watched(&bytes)).await;
    outcome
        .map_err(|e| bad_parameter(format!("the transaction could not be checked: {e}")))?
        .map_err(errors::submit)
}
