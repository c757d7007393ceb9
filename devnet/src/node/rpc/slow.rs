//! Lets answers wait, when a fault says so.

use std::{future::Future, sync::Arc};

use jsonrpsee::{
    core::middleware::{Batch, Notification, RpcServiceT},
    types::Request,
};

use crate::node::engine::Engine;

/// A service whose answers come later.
#[derive(Clone)]
pub struct Slow<S> {
    inner: S,
    engine: Arc<Engine>,
}

impl<S> Slow<S> {
    /// Around another service.
    pub fn new(inner: S, engine: Arc<Engine>) -> Self {
        Self { inner, engine }
    }
}

/// The delay as it is when the request arrives. Controls of the chain are never delayed, so that a delay can
/// be taken back.
async fn pause(engine: &Engine, method: &str) {
    let delay = engine.faults.delay();
    if !delay.is_zero() && !method.starts_with("dev_") {
        tokio::time::sleep(delay).await;
    }
}

impl<S> RpcServiceT for Slow<S>
where
    S: RpcServiceT + Clone + Send + Sync + 'static,
{
    type MethodResponse = S::MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        let (inner, engine) = (self.inner.clone(), self.engine.clone());
        async move {
            pause(&engine, request.method_name()).await;
            inner.call(request).await
        }
    }

    fn batch<'a>(&self, requests: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        let (inner, engine) = (self.inner.clone(), self.engine.clone());
        async move {
            pause(&engine, "").await;
            inner.batch(requests).await
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}
