//! Wallets, extrinsics, stake, weights and reads: what operators of neurons type.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sn3_protocol::{Alpha, Coldkey, Hotkey, Rao};

use super::WalletArgs;
use crate::commands::chain::amount;

/// Which chain.
#[derive(Clone, Debug, Args)]
pub struct EndpointArgs {
    /// The chain; several endpoints of one chain may be given, and the fittest is used.
    #[arg(
        long = "endpoint",
        value_name = "URL",
        default_value = "ws://127.0.0.1:9944",
        env = "SN3_ENDPOINT",
        value_delimiter = ','
    )]
    pub endpoints: Vec<String>,
}

/// Where the coldkey's password comes from. Without any: the ecosystem's variables, then a question on the terminal.
#[derive(Clone, Debug, Default, Args)]
pub struct PasswordArgs {
    /// Read the password from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "password_fd")]
    pub password_file: Option<PathBuf>,

    /// Read the password from this open descriptor, as launchers pass secrets.
    #[arg(long, value_name = "N")]
    pub password_fd: Option<u32>,
}

/// What every command has that moves money.
#[derive(Clone, Debug, Args)]
pub struct SpendArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// The coldkey that pays, and the hotkey that it is about.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// The coldkey's password.
    #[command(flatten)]
    pub password: PasswordArgs,

    /// Show what would happen and what it would cost; sign nothing and send nothing.
    #[arg(long, conflicts_with_all = ["yes", "export"])]
    pub dry_run: bool,

    /// Do it without asking.
    #[arg(long, short)]
    pub yes: bool,

    /// Write the unsigned extrinsic here for a coldkey on another machine; needs only its address.
    #[arg(long, value_name = "FILE", conflicts_with = "yes")]
    pub export: Option<PathBuf>,
}

/// `sn3 wallet …`
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Create a wallet: a coldkey, encrypted unless told otherwise, and one hotkey.
    Create(WalletCreateArgs),
    /// Make keys again from a phrase, a seed or a development URI; only an address is possible too.
    Regen(WalletRegenArgs),
    /// List all wallets; never a secret.
    List(WalletListArgs),
    /// Show the addresses of a wallet; never a secret.
    Show(WalletArgs),
    /// Free and staked TAO of coldkeys.
    Balance(WalletBalanceArgs),
    /// Sign a message or a file.
    Sign(WalletSignArgs),
    /// Check a signature; exit code 1 when it is wrong.
    Verify(WalletVerifyArgs),
}

/// `sn3 wallet create`
#[derive(Clone, Debug, Args)]
pub struct WalletCreateArgs {
    /// Which keys.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// The coldkey's password.
    #[command(flatten)]
    pub password: PasswordArgs,

    /// Leave the coldkey unencrypted. Only for development chains.
    #[arg(long, conflicts_with_all = ["password_file", "password_fd"])]
    pub insecure_no_password: bool,

    /// Add a hotkey to a wallet that exists; its coldkey is not touched.
    #[arg(long, conflicts_with_all = ["password_file", "password_fd", "insecure_no_password"])]
    pub only_hotkey: bool,
}

/// Which of a wallet's keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeyKind {
    /// Owns funds and hotkeys.
    #[default]
    Coldkey,
    /// Signs for a neuron.
    Hotkey,
}

/// `sn3 wallet regen`
#[derive(Clone, Debug, Args)]
pub struct WalletRegenArgs {
    /// Which keys.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Which of them to make again.
    #[arg(long, value_enum, default_value_t)]
    pub key: KeyKind,

    /// Read phrase, seed or URI from this file, - for standard input; without it, a hidden question.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_fd", "address"])]
    pub from: Option<PathBuf>,

    /// Read phrase, seed or URI from this open descriptor.
    #[arg(long, value_name = "N", conflicts_with = "address")]
    pub from_fd: Option<u32>,

    /// Only the coldkey's address: all that a machine which mines or validates needs.
    #[arg(long, value_name = "SS58", value_parser = amount::coldkey)]
    pub address: Option<Coldkey>,

    /// The coldkey's password.
    #[command(flatten)]
    pub password: PasswordArgs,

    /// Leave the coldkey unencrypted. Only for development chains.
    #[arg(long, conflicts_with_all = ["password_file", "password_fd"])]
    pub insecure_no_password: bool,
}

/// `sn3 wallet list`
#[derive(Clone, Debug, Args)]
pub struct WalletListArgs {
    /// Folder of wallets; `~/.bittensor/wallets` without it.
    #[arg(long, value_name = "DIR", env = "SN3_WALLETS")]
    pub wallet_path: Option<PathBuf>,
}

/// `sn3 wallet balance`
#[derive(Clone, Debug, Args)]
pub struct WalletBalanceArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// The wallet.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// All wallets of the folder.
    #[arg(long, conflicts_with = "address")]
    pub all: bool,

    /// This coldkey instead of a wallet's; may be given several times.
    #[arg(long, value_name = "SS58", value_parser = amount::coldkey)]
    pub address: Vec<Coldkey>,

    /// Each stake on its own line.
    #[arg(long)]
    pub stakes: bool,
}

/// What is signed.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct MessageArgs {
    /// This text.
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,

    /// This file's bytes; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `sn3 wallet sign`
#[derive(Clone, Debug, Args)]
pub struct WalletSignArgs {
    /// Which keys.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Which of them signs.
    #[arg(long, value_enum, default_value = "hotkey")]
    pub key: KeyKind,

    /// What.
    #[command(flatten)]
    pub what: MessageArgs,

    /// Sign it between <Bytes> and </Bytes>, as browser wallets do: such a signature can never be a transaction's.
    #[arg(long)]
    pub wrap: bool,

    /// The coldkey's password.
    #[command(flatten)]
    pub password: PasswordArgs,
}

/// `sn3 wallet verify`
#[derive(Clone, Debug, Args)]
pub struct WalletVerifyArgs {
    /// Who is said to have signed.
    #[arg(long, value_name = "SS58", value_parser = amount::hotkey)]
    pub address: Hotkey,

    /// 64 bytes in hexadecimal digits, with or without 0x.
    #[arg(long, value_name = "HEX")]
    pub signature: String,

    /// What.
    #[command(flatten)]
    pub what: MessageArgs,
}

/// `sn3 register`
#[derive(Clone, Debug, Args)]
pub struct RegisterArgs {
    /// Keys, chain and how.
    #[command(flatten)]
    pub spend: SpendArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// The most it may cost, in TAO; the chain itself enforces it. Without it: what it costs at this moment.
    #[arg(long, value_name = "TAO", value_parser = amount::tao, allow_hyphen_values = true)]
    pub max_price: Option<Rao>,

    /// Register this hotkey, whose secret is elsewhere, instead of the wallet's.
    #[arg(long, value_name = "SS58", value_parser = amount::hotkey)]
    pub hotkey_address: Option<Hotkey>,
}

/// `sn3 transfer`
#[derive(Clone, Debug, Args)]
pub struct TransferArgs {
    /// To whom.
    #[arg(value_name = "SS58", value_parser = amount::coldkey)]
    pub to: Coldkey,

    /// How much, in TAO.
    #[arg(value_name = "TAO", value_parser = amount::tao, allow_hyphen_values = true)]
    pub amount: Rao,

    /// Keys, chain and how.
    #[command(flatten)]
    pub spend: SpendArgs,
}

/// `sn3 tx …`
#[derive(Debug, Subcommand)]
pub enum TxCommand {
    /// Say what an exported extrinsic does, and check that its bytes do that. Needs no connection.
    Show(TxFileArgs),
    /// Sign an exported extrinsic with the coldkey. Needs no connection.
    Sign(TxSignArgs),
    /// Send a signed extrinsic and wait until it has succeeded in a finalized block.
    Submit(TxSubmitArgs),
}

/// `sn3 tx show`
#[derive(Clone, Debug, Args)]
pub struct TxFileArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `sn3 tx sign`
#[derive(Clone, Debug, Args)]
pub struct TxSignArgs {
    /// The exported extrinsic.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Where the signed one goes; the file must not exist.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// The coldkey.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Its password.
    #[command(flatten)]
    pub password: PasswordArgs,

    /// Sign without asking.
    #[arg(long, short)]
    pub yes: bool,
}

/// `sn3 tx submit`
#[derive(Clone, Debug, Args)]
pub struct TxSubmitArgs {
    /// The signed extrinsic.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// Check everything that can be checked, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `sn3 stake …`
#[derive(Debug, Subcommand)]
pub enum StakeCommand {
    /// Stake TAO on a hotkey of a subnet.
    Add(StakeAddArgs),
    /// Take alpha off a hotkey and sell it for TAO.
    Remove(StakeRemoveArgs),
}

/// On whom.
#[derive(Clone, Debug, Args)]
pub struct StakeOnArgs {
    /// Keys, chain and how.
    #[command(flatten)]
    pub spend: SpendArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// This hotkey instead of the wallet's.
    #[arg(long, value_name = "SS58", value_parser = amount::hotkey)]
    pub hotkey_address: Option<Hotkey>,

    /// How far the trade may move the price, in percent; beyond it the chain refuses all of it.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = amount::percent, allow_hyphen_values = true)]
    pub slippage: f64,
}

/// `sn3 stake add`
#[derive(Clone, Debug, Args)]
pub struct StakeAddArgs {
    /// How much, in TAO.
    #[arg(value_name = "TAO", value_parser = amount::tao, allow_hyphen_values = true)]
    pub amount: Rao,

    /// On whom and how.
    #[command(flatten)]
    pub on: StakeOnArgs,

    /// The most a whole alpha may cost, in TAO, instead of --slippage.
    #[arg(long, value_name = "TAO", value_parser = amount::tao, allow_hyphen_values = true)]
    pub max_price: Option<Rao>,
}

/// `sn3 stake remove`
#[derive(Clone, Debug, Args)]
pub struct StakeRemoveArgs {
    /// How much, in alpha (on subnet 0, in TAO).
    #[arg(value_name = "ALPHA", value_parser = amount::alpha, allow_hyphen_values = true, required_unless_present = "all")]
    pub amount: Option<Alpha>,

    /// All that the coldkey has on this hotkey of this subnet.
    #[arg(long, conflicts_with = "amount")]
    pub all: bool,

    /// Off whom and how.
    #[command(flatten)]
    pub on: StakeOnArgs,

    /// The least a whole alpha must bring, in TAO, instead of --slippage.
    #[arg(long, value_name = "TAO", value_parser = amount::tao, allow_hyphen_values = true)]
    pub min_price: Option<Rao>,
}

/// What a metagraph is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// The slot.
    #[default]
    Uid,
    /// Stake weight.
    Stake,
    /// Share of the miners' emission.
    Incentive,
    /// Share of the validators' emission.
    Dividends,
    /// What the last epoch paid.
    Emission,
}

/// `sn3 metagraph`
#[derive(Clone, Debug, Args)]
pub struct MetagraphArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// At this finalized block instead of the newest.
    #[arg(long, value_name = "NUMBER")]
    pub block: Option<u64>,

    /// What to sort by, the largest first.
    #[arg(long, value_enum, default_value_t)]
    pub sort: SortBy,

    /// Only so many rows.
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
}

/// `sn3 subnet`
#[derive(Clone, Debug, Args)]
pub struct SubnetArgs {
    /// The subnet; without it, a list of all.
    #[arg(value_name = "NETUID")]
    pub netuid: Option<u16>,

    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,
}

/// `sn3 weights …`
#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    /// Set weights, by whichever way the subnet takes them.
    Set(WeightsSetArgs),
    /// Bring to an end what the ledger has open: send again, reveal, wait until counted.
    Follow(WeightsFollowArgs),
    /// Where a hotkey's weights stand on chain, and what is open.
    Status(WeightsStatusArgs),
    /// What was set, with block and hash of each step.
    History(WeightsHistoryArgs),
}

/// Whose weights, where.
#[derive(Clone, Debug, Args)]
pub struct WeightsOfArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// The keys; only the hotkey is opened.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// Mechanism of the subnet.
    #[arg(long, value_name = "ID", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=15))]
    pub mechanism: u8,

    /// Where the ledger is kept.
    #[command(flatten)]
    pub ledger: LedgerArgs,
}

/// The durable record of weights.
#[derive(Clone, Debug, Args)]
pub struct LedgerArgs {
    /// The ledger; `sn3/weights.sqlite` in the user's state folder without it.
    #[arg(long, value_name = "FILE", env = "SN3_LEDGER")]
    pub ledger: Option<PathBuf>,
}

/// `sn3 weights set`
#[derive(Clone, Debug, Args)]
pub struct WeightsSetArgs {
    /// Weights as UID=WEIGHT, any numbers of 0 or more; only their proportions count.
    #[arg(value_name = "UID=WEIGHT", required_unless_present = "file", conflicts_with = "file")]
    pub pairs: Vec<String>,

    /// Read them from a file: JSON ({"0": 1.5, …} or [[0, 1.5], …]) or CSV (uid,weight).
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Whose and where.
    #[command(flatten)]
    pub of: WeightsOfArgs,

    /// Version key to send; without it, what the subnet demands.
    #[arg(long, value_name = "N")]
    pub version_key: Option<u64>,

    /// Go on until an epoch has counted them. Without it: until they, or their commit, are on chain.
    #[arg(long)]
    pub wait: bool,

    /// Show what would be sent and whether the chain would take it; sign nothing and send nothing.
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
}

/// `sn3 weights follow`
#[derive(Clone, Debug, Args)]
pub struct WeightsFollowArgs {
    /// Whose and where.
    #[command(flatten)]
    pub of: WeightsOfArgs,
}

/// `sn3 weights status`
#[derive(Clone, Debug, Args)]
pub struct WeightsStatusArgs {
    /// Whose and where.
    #[command(flatten)]
    pub of: WeightsOfArgs,
}

/// `sn3 weights history`
#[derive(Clone, Debug, Args)]
pub struct WeightsHistoryArgs {
    /// The ledger.
    #[command(flatten)]
    pub ledger: LedgerArgs,

    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,

    /// Whole hashes.
    #[arg(long)]
    pub full: bool,
}

/// `sn3 doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: EndpointArgs,

    /// The keys; only the hotkey is opened.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// Try this store: write, read, list and delete a small object. A folder or a bucket.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,

    /// The folder that models and states will lie in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub disk: PathBuf,

    /// Look at this machine only; what needs the chain is skipped.
    #[arg(long)]
    pub offline: bool,

    /// How much must be free there, in GB.
    #[arg(long, value_name = "GB", default_value_t = 20)]
    pub disk_gb: u64,
}
