//! Wallets, registrations and stake on a development chain, all by real signed extrinsics.

use std::path::Path;

use serde::Serialize;
use sn3_chain::{ChainClient, ColdkeyPair, HotkeyPair, KeySource, Wallet, WalletError};
use sn3_protocol::digest::Hasher;
use sn3_protocol::{Coldkey, Hotkey, NetUid, Rao, Signer, Uid};

use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

const TAO: u64 = 1_000_000_000;
/// What each wallet gets from the development account.
const MINER_FUNDS: Rao = Rao(100 * TAO);
const VALIDATOR_FUNDS: Rao = Rao(1_000 * TAO);
/// What the validator stakes.
const VALIDATOR_STAKE: Rao = Rao(500 * TAO);
/// A registration that costs more is refused by the chain.
pub const PRICE_MAX: Rao = Rao(10 * TAO);
/// Name of the hotkey in every wallet made here.
pub const HOTKEY_NAME: &str = "default";

/// One participant's keys and slot.
pub struct Neuron {
    /// Name of its wallet.
    pub name: String,
    /// Its hotkey.
    pub hotkey: HotkeyPair,
    /// Its slot.
    pub uid: Uid,
}

/// What was prepared, for people and scripts.
#[derive(Serialize)]
pub struct Prepared {
    wallet: String,
    coldkey: Coldkey,
    hotkey: Hotkey,
    uid: Uid,
}

/// Who is to be made: names of wallets, and the one that validates.
pub struct Cast<'a> {
    /// Subnet.
    pub netuid: NetUid,
    /// Folder of wallets.
    pub wallets: &'a Path,
    /// Name of the validator's wallet.
    pub validator: &'a str,
    /// Names of the miners' wallets.
    pub miners: &'a [String],
    /// The wallets' secrets follow from it.
    pub seed: u64,
}

/// Creates, funds and registers everybody, and stakes the validator. What exists already is left as it is, so that
/// a second call changes nothing. The validator comes first.
///
/// Signatures are made with derived nonces: with the same seed, the chain's blocks are the same.
pub async fn scaffold(
    client: &ChainClient,
    cast: &Cast<'_>,
    output: &Output,
) -> Result<Vec<Neuron>, CliError> {
    let bank = ColdkeyPair::from_uri("//Alice").or_exit(Exit::Wallet)?.with_deterministic_signatures();
    check_subnet(client, cast.netuid).await?;
    let bar = output.bar("registering", 1 + cast.miners.len() as u64);
    let mut neurons = vec![prepare(client, cast, &bank, cast.validator, VALIDATOR_FUNDS, output).await?];
    bar.inc(1);
    for name in cast.miners {
        neurons.push(prepare(client, cast, &bank, name, MINER_FUNDS, output).await?);
        bar.inc(1);
    }
    stake(client, cast, output).await?;
    bar.finish_and_clear();
    Ok(neurons)
}

async fn check_subnet(client: &ChainClient, netuid: NetUid) -> Result<(), CliError> {
    let head = client.head().await.or_exit(Exit::Network)?;
    if client.subnet_exists(netuid, head).await.or_exit(Exit::Chain)? {
        return Ok(());
    }
    let message =
        format!("there is no subnet {netuid} on this chain; the development chain has netuid 3 prepared");
    Err(CliError::new(Exit::Chain, message))
}

async fn prepare(
    client: &ChainClient,
    cast: &Cast<'_>,
    bank: &ColdkeyPair,
    name: &str,
    funds: Rao,
    output: &Output,
) -> Result<Neuron, CliError> {
    let wallet = wallet(cast, name)?;
    let coldkey = wallet.coldkey(None).or_exit(Exit::Wallet)?.with_deterministic_signatures();
    let hotkey = wallet.hotkey(HOTKEY_NAME, None).or_exit(Exit::Wallet)?.with_deterministic_signatures();
    let head = client.head().await.or_exit(Exit::Network)?;
    let known = client.uid(cast.netuid, &hotkey.public(), head).await.or_exit(Exit::Chain)?;
    let uid = match known {
        Some(uid) => uid,
        None => {
            client.transfer(bank, &coldkey.public(), funds).await.or_exit(Exit::Chain)?;
            register(client, cast.netuid, &coldkey, &hotkey).await?
        }
    };
    output.story(format_args!("{name}: hotkey {} is uid {uid} of netuid {}", hotkey.hotkey(), cast.netuid));
    output.event(
        "registered",
        &Prepared { wallet: name.to_owned(), coldkey: coldkey.public(), hotkey: hotkey.public(), uid },
    );
    Ok(Neuron { name: name.to_owned(), hotkey, uid })
}

async fn register(
    client: &ChainClient,
    netuid: NetUid,
    coldkey: &ColdkeyPair,
    hotkey: &HotkeyPair,
) -> Result<Uid, CliError> {
    client.register(coldkey, netuid, &hotkey.public(), PRICE_MAX).await.or_exit(Exit::Chain)?;
    let head = client.head().await.or_exit(Exit::Network)?;
    let uid = client.uid(netuid, &hotkey.public(), head).await.or_exit(Exit::Chain)?;
    let missing = || {
        CliError::new(
            Exit::Chain,
            format!("{} was registered and pruned at once; use fewer miners", hotkey.public()),
        )
    };
    uid.ok_or_else(missing)
}

async fn stake(client: &ChainClient, cast: &Cast<'_>, output: &Output) -> Result<(), CliError> {
    let wallet = wallet(cast, cast.validator)?;
    let coldkey = wallet.coldkey(None).or_exit(Exit::Wallet)?.with_deterministic_signatures();
    let hotkey = wallet.hotkey(HOTKEY_NAME, None).or_exit(Exit::Wallet)?.public();
    let head = client.head().await.or_exit(Exit::Network)?;
    let metagraph = client.metagraph(cast.netuid, head).await.or_exit(Exit::Chain)?;
    if metagraph.by_hotkey(&hotkey).is_some_and(|neuron| neuron.stake.0 > 0) {
        return Ok(());
    }
    let receipt =
        client.add_stake(&coldkey, cast.netuid, &hotkey, VALIDATOR_STAKE).await.or_exit(Exit::Chain)?;
    output.story(format_args!(
        "{}: staked {} TAO in block {}",
        cast.validator,
        VALIDATOR_STAKE.0 / TAO,
        receipt.block
    ));
    Ok(())
}

/// Opens a wallet, or makes it from the seed.
fn wallet(cast: &Cast<'_>, name: &str) -> Result<Wallet, CliError> {
    match Wallet::open(cast.wallets, name) {
        Err(WalletError::Missing { .. }) => {}
        opened => return opened.or_exit(Exit::Wallet),
    }
    let coldkey = KeySource::seed(secret(cast.seed, name, "coldkey"));
    let wallet = Wallet::create(cast.wallets, name, &coldkey, None).or_exit(Exit::Wallet)?;
    wallet
        .create_hotkey(HOTKEY_NAME, &KeySource::seed(secret(cast.seed, name, "hotkey")))
        .or_exit(Exit::Wallet)?;
    Ok(wallet)
}

/// A secret that anybody can compute: for development chains only.
fn secret(seed: u64, name: &str, purpose: &str) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(b"sn3/development key/");
    hasher.update(&seed.to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(b"/");
    hasher.update(name.as_bytes());
    hasher.finish().0
}
