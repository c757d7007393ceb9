//! Subscriptions that follow the chain.

use std::sync::Arc;

use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::{RegisterMethodError, SubscriptionResult},
};
use serde::Serialize;

use super::Module;
use crate::node::{block::StoredBlock, chain::HeadCursor, engine::Engine};

/// A value as the body of a notification.
pub fn message(value: &impl Serialize) -> Result<SubscriptionMessage, serde_json::Error> {
    Ok(SubscriptionMessage::from(serde_json::value::to_raw_value(value)?))
}

/// Sends what `render` makes of each block, the current head first, until the client leaves.
pub async fn follow<T: Serialize>(
    sink: SubscriptionSink,
    mut cursor: HeadCursor,
    mut render: impl FnMut(&StoredBlock) -> Option<T>,
) -> SubscriptionResult {
    loop {
        let block = tokio::select! {
            () = sink.closed() => return Ok(()),
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

/// The three names of a subscription.
pub struct Names {
    /// The method that begins it.
    pub subscribe: &'static str,
    /// The method of its notifications.
    pub notification: &'static str,
    /// The method that ends it.
    pub unsubscribe: &'static str,
}

/// Registers a subscription to block headers. Best and final heads are the same here.
pub fn register(module: &mut Module, names: &Names) -> Result<(), RegisterMethodError> {
    module.register_subscription(names.subscribe, names.notification, names.unsubscribe, headers)?;
    Ok(())
}

async fn headers(
    _: jsonrpsee::types::Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: jsonrpsee::Extensions,
) -> SubscriptionResult {
    let cursor = engine.chain.follow().with_current();
    let sink = pending.accept().await?;
    follow(sink, cursor, |block| Some(block.header.clone())).await
}
