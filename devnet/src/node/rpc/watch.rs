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
    let mut statuses = match accepted(params, engine).await {
        Ok(statuses) => statuses,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let sink = pending.accept().await?;
    loop {
        let status = tokio::select! {
            () = sink.closed() => return Ok(()),
            status = statuses.recv() => status,
        };
        let Some(status) = status else { return Ok(()) };
        if let Some(value) = render(status) {
            sink.send(message(&value)?).await?;
        }
    }
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
