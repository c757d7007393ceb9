//! Subscriptions that follow the chain.

use std::sync::Arc;

use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::{RegisterMethodError, SubscriptionResult},
    types::Params,
};
use serde::Serialize;

use super::Module;
use crate::node::{block::StoredBlock, chain::HeadCursor, engine::Engine};

/// A value as the body of a notification.
pub fn message(value: &impl Serialize) -> Result<SubscriptionMessage, serde_json::Error> {
    Ok(SubscriptionMessage::from(serde_json::value::to_raw_value(value)?))
}

/// Sends what `render` makes of each block, the current head first, until the client leaves or a fault drops
/// the subscription.
pub async fn follow<T: Serialize>(
    sink: SubscriptionSink,
    engine: &Engine,
    mut cursor: HeadCursor,
    mut render: impl FnMut(&StoredBlock) -> Option<T>,
) -> SubscriptionResult {
    let dropped = engine.faults.dropped();
    tokio::pin!(dropped);
    loop {
        let block = tokio::select! {
            () = sink.closed() => return Ok(()),
            () = &mut dropped => return silence(sink).await,
            block = cursor.next() => block,
        };
        let Some(block) = block else { return Ok(()) };
        if let Some(value) = render(&block)
            && sink.send(message(&value)?).await.is_err()
        {
            return Ok(());
        }
    }
}

/// Keeps the subscription open and says nothing more: how a lost one looks to its client.
async fn silence(sink: SubscriptionSink) -> SubscriptionResult {
    sink.closed().await;
    Ok(())
}

/// The three names of a subscription.
pub struct Names {
    /// The method that begins it.
    pub subscribe: &'static str,
    /// The method of its notifications.
    pub notification: &'static str,
    /// The method that ends it.
    pub unsubscribe: &'static str,
}

/// Registers a subscription to the headers of best blocks.
pub fn register(module: &mut Module, names: &Names) -> Result<(), RegisterMethodError> {
    module.register_subscription(names.subscribe, names.notification, names.unsubscribe, best)?;
    Ok(())
}

/// Registers a subscription to the headers of final blocks: the best ones, unless finality is stalled.
pub fn register_final(module: &mut Module, names: &Names) -> Result<(), RegisterMethodError> {
    module.register_subscription(names.subscribe, names.notification, names.unsubscribe, finalized)?;
    Ok(())
}

async fn best(
    _: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: jsonrpsee::Extensions,
) -> SubscriptionResult {
    let cursor = engine.chain.follow().with_current();
    let sink = pending.accept().await?;
    follow(sink, &engine, cursor, |block| Some(block.header.clone())).await
}

async fn finalized(
    _: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: jsonrpsee::Extensions,
) -> SubscriptionResult {
    let mut cursor = engine.chain.follow().starting_at(engine.finalized()?.number());
    let sink = pending.accept().await?;
    let dropped = engine.faults.dropped();
    tokio::pin!(dropped);
    loop {
        let block = tokio::select! {
            () = sink.closed() => return Ok(()),
            () = &mut dropped => return silence(sink).await,
            block = next_final(&engine, &mut cursor) => block,
        };
        let Some(block) = block else { return Ok(()) };
        if sink.send(message(&block.header)?).await.is_err() {
            return Ok(());
        }
    }
}

/// The next block once it is final; one that is replaced before is skipped.
async fn next_final(engine: &Engine, cursor: &mut HeadCursor) -> Option<Arc<StoredBlock>> {
    loop {
        let block = cursor.next().await?;
        engine.faults.until_final(block.number()).await;
        if engine.chain.hash_at(block.number()) == Some(block.hash) {
            return Some(block);
        }
    }
}
