//! What `sn3 miner run` and `sn3 validator run` share: the chain, the keys, the store.

use std::sync::Arc;

use sn3_chain::{ChainClient, ChainNode, HotkeyPair, Ledger, SubnetChain, SubscriptionClock};
use sn3_exchange::Store;
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{NetUid, RunId};

use crate::args::NodeArgs;
use crate::commands::wallet;
use crate::exit::{CliError, Exit, OrExit};

/// A connected node.
pub struct Connected {
    /// The chain, as the hotkey sees it.
    pub chain: Arc<dyn SubnetChain>,
    /// The hotkey.
    pub hotkey: HotkeyPair,
    /// This node's store.
    pub store: Store,
    /// Its address, as committed on chain.
    pub address: StoreAddress,
    /// The run.
    pub run: RunId,
}

/// Opens keys and store, then connects. The coldkey is never touched.
pub async fn connect(args: &NodeArgs) -> Result<Connected, CliError> {
    let run = RunId::new(args.run_id.clone()).or_exit(Exit::Usage)?;
    let hotkey = wallet::open_hotkey(&args.keys)?;
    let url = store_url(&args.store)?;
    let address = StoreAddress::new(url.clone()).or_exit(Exit::Usage)?;
    let store = Store::open(&url).or_exit(Exit::Network)?;
    let client = ChainClient::connect(&args.endpoint).await.or_exit(Exit::Network)?;
    let clock = SubscriptionClock::start(client.clone()).await.or_exit(Exit::Network)?;
    let fail = |error| {
        CliError::new(
            Exit::State,
            format!("cannot make the state folder {}: {error}; choose another --state", args.state.display()),
        )
    };
    std::fs::create_dir_all(&args.state).map_err(fail)?;
    let ledger = Arc::new(Ledger::open(args.state.join("weights.sqlite")).or_exit(Exit::State)?);
    let node = ChainNode::new(client, hotkey.clone(), NetUid(args.netuid), Arc::new(clock), ledger);
    Ok(Connected { chain: Arc::new(node), hotkey, store, address, run })
}

/// A folder's address is absolute, so that others on this machine find it.
fn store_url(store: &str) -> Result<String, CliError> {
    if store.contains("://") || store.starts_with("memory:") {
        return Ok(store.to_owned());
    }
    let fail = |error| {
        CliError::new(
            Exit::Network,
            format!("cannot make the store's folder {store}: {error}; choose another --store"),
        )
    };
    std::fs::create_dir_all(store).map_err(fail)?;
    let path = std::path::Path::new(store).canonicalize().map_err(fail)?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("the path {} is not UTF-8; choose another --store", path.display()),
        )
    })
}
