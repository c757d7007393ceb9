//! Wallets for the keys of a description that a development chain was started with.

use std::path::Path;

use sn3_chain::{ChainClient, KeySource, Wallet, WalletError};
use sn3_devnet::{Manifest, NamedKey, NeuronEntry};
use sn3_protocol::NetUid;

use crate::args::devnet::ScaffoldArgs;
use crate::commands::{devnet, wallet};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Makes a wallet for each coldkey, with its hotkeys, and sees that the chain has every neuron in its slot. What
/// exists already is left as it is.
pub async fn run(args: &ScaffoldArgs, plan: &Path, output: &Output) -> Result<(), CliError> {
    let manifest = devnet::read_scaffold(plan)?.manifest();
    let wallets = wallet::root(args.wallet_path.as_ref())?;
    let client = ChainClient::connect(&args.endpoint).await.or_exit(Exit::Network)?;
    for account in &manifest.accounts {
        open(&wallets, &account.key)?;
    }
    for subnet in &manifest.subnets {
        for neuron in &subnet.neurons {
            place(&client, &wallets, NetUid(subnet.netuid), neuron).await?;
        }
    }
    if let Some(path) = &args.manifest {
        devnet::write_manifest(path, &manifest)?;
    }
    show(&manifest, &wallets, output);
    Ok(())
}

/// The name of a key: its secret without the slashes.
fn name(key: &NamedKey) -> &str {
    key.uri.trim_start_matches('/')
}

fn source(key: &NamedKey) -> Result<KeySource, CliError> {
    KeySource::uri(&key.uri).or_exit(Exit::Wallet)
}

fn open(wallets: &Path, coldkey: &NamedKey) -> Result<Wallet, CliError> {
    match Wallet::open(wallets, name(coldkey)) {
        Err(WalletError::Missing { .. }) => {
            Wallet::create(wallets, name(coldkey), &source(coldkey)?, None).or_exit(Exit::Wallet)
        }
        opened => opened.or_exit(Exit::Wallet),
    }
}

async fn place(
    client: &ChainClient,
    wallets: &Path,
    netuid: NetUid,
    neuron: &NeuronEntry,
) -> Result<(), CliError> {
    let wallet = open(wallets, &neuron.coldkey)?;
    let hotkey = match wallet.hotkey(name(&neuron.hotkey), None) {
        Err(WalletError::Missing { .. }) => {
            wallet.create_hotkey(name(&neuron.hotkey), &source(&neuron.hotkey)?)
        }
        opened => opened,
    };
    let hotkey = hotkey.or_exit(Exit::Wallet)?;
    let head = client.head().await.or_exit(Exit::Network)?;
    let uid = client.uid(netuid, &hotkey.public(), head).await.or_exit(Exit::Chain)?;
    if uid.is_some_and(|uid| uid.0 == neuron.uid) {
        return Ok(());
    }
    let message = format!(
        "{} is not uid {} of netuid {} on this chain (it has {uid:?}); start the chain with `sn3 devnet --scaffold` and \
         the same file",
        neuron.hotkey.uri, neuron.uid, netuid
    );
    Err(CliError::new(Exit::Chain, message))
}

fn show(manifest: &Manifest, wallets: &Path, output: &Output) {
    output.event("scaffold", manifest);
    for subnet in &manifest.subnets {
        for neuron in &subnet.neurons {
            let (uid, wallet, hotkey) = (neuron.uid, name(&neuron.coldkey), name(&neuron.hotkey));
            output.result(format_args!("netuid {:<3} uid {uid:<3} {wallet}/{hotkey}", subnet.netuid));
        }
    }
    output.result(format_args!("wallets   {}", wallets.display()));
}
