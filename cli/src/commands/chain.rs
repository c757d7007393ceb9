//! What the commands that talk to a chain share: amounts, tables, connecting, unlocking, spending.

pub mod amount;
mod errors;
pub mod file;
pub mod secret;
pub mod spend;
pub mod table;
pub mod when;

use sn3_chain::{BlockRef, ChainClient, Wallet};
use sn3_protocol::{Hotkey, NetUid};

use crate::args::WalletArgs;
use crate::args::chain::EndpointArgs;
use crate::commands::wallet;
use crate::exit::{CliError, Exit, OrExit};

/// Connects to the fittest of the endpoints.
pub async fn connect(args: &EndpointArgs) -> Result<ChainClient, CliError> {
    ChainClient::connect_any(&args.endpoints).await.or_exit(Exit::Network)
}

/// The wallet that the arguments name, with nothing opened.
pub fn open_wallet(args: &WalletArgs) -> Result<Wallet, CliError> {
    Wallet::open(&wallet::root(args.wallet_path.as_ref())?, &args.wallet).or_exit(Exit::Wallet)
}

/// The hotkey's address: one that was given, or the wallet's.
pub fn hotkey_address(keys: &WalletArgs, given: Option<Hotkey>) -> Result<Hotkey, CliError> {
    match given {
        Some(hotkey) => Ok(hotkey),
        None => open_wallet(keys)?.hotkey_public(&keys.hotkey).or_exit(Exit::Wallet),
    }
}

/// The newest finalized block, once the subnet was found in it.
pub async fn head_with_subnet(client: &ChainClient, netuid: NetUid) -> Result<BlockRef, CliError> {
    let head = client.head().await?;
    if client.subnet_exists(netuid, head).await? {
        return Ok(head);
    }
    let message = format!(
        "subnet {netuid} does not exist at block {head} of {}; `sn3 subnet` lists what the chain has",
        client.url()
    );
    Err(CliError::new(Exit::Chain, message))
}
