//! Listening for clients, and not listening while the endpoint is lost.

use std::{net::SocketAddr, net::TcpListener, sync::Arc, time::Duration};

use jsonrpsee::server::ServerHandle;
use tokio::sync::watch;

use super::{engine::Engine, rpc};

/// How often a lost address is asked for again.
const BIND_TRIES_MAX: usize = 40;
/// How long lies between two tries.
const BIND_PAUSE_MS: u64 = 50;

/// Keeps the endpoint as `engine.faults` wants it; `up` tells how it is. Ends when the node stops.
pub async fn run(engine: Arc<Engine>, address: SocketAddr, first: ServerHandle, up: watch::Sender<bool>) {
    let mut wanted = engine.faults.endpoint();
    let mut server = Some(first);
    loop {
        let wants_up = *wanted.borrow_and_update();
        match (wants_up, server.take()) {
            (false, Some(running)) => {
                close(running).await;
                up.send_replace(false);
            }
            (true, None) => {
                server = open(&engine, address).await;
                up.send_replace(server.is_some());
            }
            (_, unchanged) => server = unchanged,
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

async fn close(server: ServerHandle) {
    let asked = server.stop();
    tracing::debug!(already = asked.is_err(), "the endpoint closes");
    server.stopped().await;
}

async fn open(engine: &Arc<Engine>, address: SocketAddr) -> Option<ServerHandle> {
    for _ in 0..BIND_TRIES_MAX {
        match bind(address)
            .and_then(|listener| rpc::serve(&tokio::runtime::Handle::current(), listener, engine.clone()))
        {
            Ok(server) => return Some(server),
            Err(error) => tracing::debug!(%address, %error, "the address is not free yet"),
        }
        tokio::time::sleep(Duration::from_millis(BIND_PAUSE_MS)).await;
    }
    tracing::error!(%address, "the address was taken while the endpoint was lost");
    None
}

/// A listener that does not block.
pub fn bind(address: impl std::net::ToSocketAddrs) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
