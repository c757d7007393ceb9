//! One connection, and how it is made again when it breaks.

use std::sync::Arc;
use std::time::Duration;

use subxt::OnlineClient;
use subxt::backend::LegacyBackend;
use subxt::config::RpcConfigFor;
use subxt::ext::jsonrpsee::client_transport::ws::{Url, WsTransportClientBuilder};
use subxt::ext::jsonrpsee::core::client::Client;
use subxt::rpcs::RpcClient;
use subxt::rpcs::methods::legacy::LegacyRpcMethods;
use subxt::utils::H256;

use super::At;
use super::budget::Budgeted;
use super::config::SubtensorConfig;
use crate::ConnectError;

/// How long making a connection may take.
const CONNECT_DEADLINE_MS: u64 = 10_000;
/// How long any single request may take.
pub(crate) const REQUEST_DEADLINE_MS: u64 = 30_000;
/// How often a broken connection is made again before giving up.
pub(crate) const RECONNECT_ATTEMPTS_MAX: u32 = 6;
/// The first pause between two attempts; each later one is twice as long.
const BACKOFF_FIRST_MS: u64 = 250;
/// The longest pause between two attempts.
const BACKOFF_MAX_MS: u64 = 4_000;
/// Notifications of one subscription that may wait to be read.
const SUBSCRIPTION_BUFFER: usize = 4_096;

/// A live connection.
#[derive(Clone)]
pub(crate) struct Session {
    socket: Arc<Client>,
    pub(crate) api: OnlineClient<SubtensorConfig>,
    pub(crate) rpc: LegacyRpcMethods<RpcConfigFor<SubtensorConfig>>,
    backend: Arc<LegacyBackend<SubtensorConfig>>,
    config: SubtensorConfig,
    /// The block that was looked at last, with its runtime; shared by clones, and gone with the connection.
    pub(super) last: Arc<tokio::sync::Mutex<Option<(H256, At)>>>,
}

impl Session {
    /// Connects once.
    pub(crate) async fn open(url: &str, config: &SubtensorConfig) -> Result<Self, ConnectError> {
        let parsed = parse(url)?;
        let deadline = Duration::from_millis(CONNECT_DEADLINE_MS);
        let attempt = tokio::time::timeout(deadline, Self::attempt(parsed, config)).await;
        let reason = match attempt {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer within {CONNECT_DEADLINE_MS} ms"),
        };
        Err(ConnectError::Unreachable { url: url.to_owned(), reason })
    }

    /// Connects again, with growing pauses.
    pub(crate) async fn reopen(url: &str, config: &SubtensorConfig) -> Result<Self, ConnectError> {
        let mut pause_ms = BACKOFF_FIRST_MS;
        let mut attempt = 1;
        loop {
            match Self::open(url, config).await {
                Err(error) if attempt < RECONNECT_ATTEMPTS_MAX => {
                    tracing::warn!(%error, attempt, pause_ms, "connection lost, trying again");
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
                result => return result,
            }
            attempt += 1;
            pause_ms = (pause_ms * 2).min(BACKOFF_MAX_MS);
        }
    }

    async fn attempt(url: Url, config: &SubtensorConfig) -> Result<Self, String> {
        let is_local = url.host_str().is_some_and(is_loopback);
        let transport = WsTransportClientBuilder::default().build(url).await;
        let (sender, receiver) = transport.map_err(|error| chain_of(&error))?;
        let socket = Client::builder()
            .request_timeout(Duration::from_millis(REQUEST_DEADLINE_MS))
            .max_buffer_capacity_per_subscription(SUBSCRIPTION_BUFFER)
            .build_with_tokio(sender, receiver);
        let socket = Arc::new(socket);
        let client = RpcClient::new(Budgeted::new(socket.clone(), is_local));
        let backend = Arc::new(LegacyBackend::<SubtensorConfig>::builder().build(client.clone()));
        let api = OnlineClient::from_backend_with_config(config.clone(), backend.clone()).await;
        let api = api.map_err(|error| format!("it does not answer as a Substrate chain does ({error})"))?;
        let (rpc, config) = (LegacyRpcMethods::new(client), config.clone());
        Ok(Self { socket, api, rpc, backend, config, last: Arc::default() })
    }

    /// A handle on a block whose runtime is taken to be that of another block. Asks for nothing.
    pub(super) async fn assuming(&self, known: &At, hash: H256, number: u64) -> Option<At> {
        let versions = (known.spec_version(), known.transaction_version());
        let config = self.config.assuming(self.api.genesis_hash(), versions);
        let api = OnlineClient::from_backend_with_config(config, self.backend.clone()).await.ok()?;
        api.at_block_hash_and_number(hash, number).await.ok()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.socket.is_connected()
    }

    pub(crate) fn genesis(&self) -> [u8; 32] {
        self.api.genesis_hash().0
    }
}

/// Only websockets: the client needs subscriptions.
fn parse(url: &str) -> Result<Url, ConnectError> {
    let bad = |reason: String| ConnectError::BadUrl { url: url.to_owned(), reason };
    let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
    match (parsed.scheme(), parsed.host_str()) {
        ("wss", Some(_)) => Ok(parsed),
        ("ws", Some(host)) => {
            if !is_loopback(host) {
                tracing::warn!(
                    url,
                    "this endpoint is not encrypted: whoever is between can change what it says"
                );
            }
            Ok(parsed)
        }
        (scheme, _) => Err(bad(format!("{scheme}: is not ws: or wss:"))),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An error with its causes, which transport errors keep to themselves.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_that_is_none_is_named() {
        for url in ["", "nonsense", "http://127.0.0.1:1", "wss://"] {
            let error = Session::open(url, &SubtensorConfig::default()).await.err().unwrap();
            assert!(matches!(&error, ConnectError::BadUrl { url: named, .. } if named == url), "{error}");
        }
    }

    #[tokio::test]
    async fn an_unreachable_endpoint_is_named_with_what_to_do() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("ws://{free}");
        let error = Session::open(&url, &SubtensorConfig::default()).await.err().unwrap().to_string();
        assert!(error.contains(&url) && error.contains("sn3 devnet"), "{error}");
        assert!(error.contains("refused"), "{error}");
    }
}
