//! JSON-RPC over WebSocket and HTTP, as the ecosystem's clients expect it (chain interface, section 7).
//!
//! Everything that touches a state runs on a blocking thread; subscriptions are tasks that follow the
//! chain at their client's pace.

mod archive;
mod author;
mod chain;
mod dev;
mod errors;
mod heads;
mod payment;
mod slow;
mod state;
mod storage_watch;
mod system;
mod watch;

use std::{net::TcpListener, sync::Arc};

use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder},
    server::{BatchRequestConfig, RandomStringIdProvider, Server, ServerConfig, ServerHandle},
};
use serde_json::json;
use tokio::runtime::Handle;

use self::slow::Slow;
use super::engine::Engine;

/// How many clients may be connected.
pub const CONNECTIONS_MAX: u32 = 512;
/// How many subscriptions one connection may hold.
pub const SUBSCRIPTIONS_PER_CONNECTION_MAX: u32 = 1_024;
/// The largest request.
pub const REQUEST_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// The largest response.
pub const RESPONSE_BYTES_MAX: u32 = 128 * 1024 * 1024;
/// How many requests one batch may hold.
pub const BATCH_REQUESTS_MAX: u32 = 1_000;
/// How many messages may wait for a slow client before its subscriptions pause.
pub const MESSAGES_QUEUED_MAX: u32 = 1_024;
/// Characters of a random subscription name.
const SUBSCRIPTION_NAME_CHARS: usize = 16;

type Module = RpcModule<Engine>;
type Registered = Result<(), RegisterMethodError>;

/// Starts to serve on `listener`.
pub fn serve(runtime: &Handle, listener: TcpListener, engine: Arc<Engine>) -> std::io::Result<ServerHandle> {
    let slowed = engine.clone();
    let module = module(engine).expect("every method name is registered once");
    let _inside = runtime.enter();
    let slow = RpcServiceBuilder::new().layer_fn(move |inner| Slow::new(inner, slowed.clone()));
    let server = Server::builder().set_config(limits()).set_rpc_middleware(slow).build_from_tcp(listener)?;
    Ok(server.start(module))
}

fn limits() -> ServerConfig {
    ServerConfig::builder()
        .max_connections(CONNECTIONS_MAX)
        .max_subscriptions_per_connection(SUBSCRIPTIONS_PER_CONNECTION_MAX)
        .max_request_body_size(REQUEST_BYTES_MAX)
        .max_response_body_size(RESPONSE_BYTES_MAX)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH_REQUESTS_MAX))
        .set_message_buffer_capacity(MESSAGES_QUEUED_MAX)
        .set_tcp_no_delay(true)
        .set_id_provider(RandomStringIdProvider::new(SUBSCRIPTION_NAME_CHARS))
        .build()
}

fn module(engine: Arc<Engine>) -> Result<Module, RegisterMethodError> {
    let mut module = RpcModule::from_arc(engine);
    archive::register(&mut module)?;
    author::register(&mut module)?;
    chain::register(&mut module)?;
    dev::register(&mut module)?;
    payment::register(&mut module)?;
    state::register(&mut module)?;
    storage_watch::register(&mut module)?;
    system::register(&mut module)?;
    watch::register(&mut module)?;
    list_methods(&mut module)?;
    Ok(module)
}

/// Clients decide by this list what they may use, so it is made from what is really there.
fn list_methods(module: &mut Module) -> Registered {
    let mut names: Vec<_> = module.method_names().chain(["rpc_methods"]).collect();
    names.sort_unstable();
    module.register_method("rpc_methods", move |_, _, _| json!({ "methods": names }))?;
    Ok(())
}
