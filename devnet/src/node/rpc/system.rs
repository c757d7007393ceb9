//! `system_*` and `chainSpec_*`: what kind of chain this is.

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::{Value, json};
use sp_core::Bytes;

use super::{Module, Registered, errors};
use crate::{
    node::engine::Engine,
    runtime::{AccountId, Nonce},
};

/// The chain's name, as local networks of the subnet chain give it.
const CHAIN_NAME: &str = "Bittensor";
/// The prefix of addresses in text form.
const SS58_FORMAT: u16 = 42;
/// Decimals of a TAO.
const TOKEN_DECIMALS: u8 = 9;
/// The token's symbol.
const TOKEN_SYMBOL: &str = "TAO";
/// What precedes an ed25519 key in a peer identity: identity multihash, protobuf key type and length.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_method("system_chain", |_, _, _| CHAIN_NAME)?;
    module.register_method("system_chainType", |_, _, _| "Local")?;
    module.register_method("system_name", |_, _, _| "sn3-devnet")?;
    module.register_method("system_version", |_, _, _| env!("CARGO_PKG_VERSION"))?;
    module.register_method("system_properties", |_, _, _| properties())?;
    module.register_method(
        "system_health",
        |_, _, _| json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }),
    )?;
    module.register_method("system_peers", |_, _, _| json!([]))?;
    module.register_method("system_nodeRoles", |_, _, _| json!(["Authority"]))?;
    module.register_method("system_localPeerId", |_, engine, _| peer_id(engine))?;
    module.register_method("system_syncState", |_, engine, _| sync_state(engine))?;
    module.register_blocking_method("system_accountNextIndex", |p, e, _| next_index(&p, &e))?;
    module.register_alias("account_nextIndex", "system_accountNextIndex")?;
    module.register_blocking_method("system_dryRun", |p, e, _| dry_run(&p, &e))?;
    module.register_alias("system_dryRunAt", "system_dryRun")?;
    module.register_method("chainSpec_v1_chainName", |_, _, _| CHAIN_NAME)?;
    module.register_method("chainSpec_v1_genesisHash", |_, engine, _| json!(engine.genesis_hash()))?;
    module.register_method("chainSpec_v1_properties", |_, _, _| properties())?;
    Ok(())
}

fn properties() -> Value {
    json!({ "ss58Format": SS58_FORMAT, "tokenDecimals": TOKEN_DECIMALS, "tokenSymbol": TOKEN_SYMBOL })
}

/// There is no network to be identified in, so the identity is derived from the genesis hash.
fn peer_id(engine: &Engine) -> String {
    let bytes = [&PEER_ID_PREFIX, engine.genesis_hash().as_bytes()].concat();
    bs58::encode(bytes).into_string()
}

fn sync_state(engine: &Engine) -> Value {
    let head = engine.chain.head().number();
    json!({ "startingBlock": 0, "currentBlock": head, "highestBlock": head })
}

fn next_index(params: &Params<'_>, engine: &Engine) -> Result<Nonce, ErrorObjectOwned> {
    let account: AccountId = params.sequence().next()?;
    engine.next_nonce(&account).map_err(errors::submit)
}

fn dry_run(params: &Params<'_>, engine: &Engine) -> Result<Bytes, ErrorObjectOwned> {
    let bytes: Bytes = params.sequence().next()?;
    crate::node::engine::check_form(&bytes).map_err(errors::submit)?;
    Ok(Bytes(engine.dry_run(&bytes).map_err(errors::advance)?))
}
