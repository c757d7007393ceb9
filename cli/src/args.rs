//! The command line.

pub mod chain;
pub mod devnet;
pub mod emission;
pub mod training;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Miners, validators and researchers of Subnet 3's training protocol.
#[derive(Debug, Parser)]
#[command(name = "sn3", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Print the result as JSON lines on stdout.
    #[arg(long, global = true)]
    pub json: bool,

    /// How much of the story goes to stderr: error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", env = "SN3_LOG")]
    pub log: String,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything that sn3 does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole subnet in this process: a chain, miners and a validator that train a model on real text.
    Localnet(LocalnetArgs),
    /// Run a development chain with Substrate JSON-RPC, or control one that runs.
    Devnet(devnet::DevnetArgs),
    /// Prepare wallets, registrations and stake on a development chain, for separate processes.
    Scaffold(devnet::ScaffoldArgs),
    /// Mine.
    Miner {
        /// What to do.
        #[command(subcommand)]
        command: MinerCommand,
    },
    /// Validate.
    Validator {
        /// What to do.
        #[command(subcommand)]
        command: ValidatorCommand,
    },
    /// Simulate Yuma consensus and dTAO as the chain computes them.
    Emission {
        /// What to do.
        #[command(subcommand)]
        command: emission::EmissionCommand,
    },
    /// Train a model on this machine, with the network's own step; goes on where it was interrupted.
    Train(Box<training::TrainArgs>),
    /// Evaluate a model: held-out loss, perplexity, bits per byte, multiple-choice questions.
    Eval(training::EvalArgs),
    /// Let a model continue a text.
    Generate(training::GenerateArgs),
    /// Say whether a model can be trained on a GPU and a line, before anything is bought or allocated.
    Plan(training::PlanArgs),
    /// Prepare and look at training data.
    Data {
        /// What to do.
        #[command(subcommand)]
        command: training::DataCommand,
    },
    /// Measure what takes long: whether rare, small exchanges train as well.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        command: training::BenchCommand,
    },
    /// Say what an error of the chain means and what to do about it.
    Explain(ExplainArgs),
    /// Create and look at wallets, sign and verify.
    Wallet {
        /// What to do.
        #[command(subcommand)]
        command: chain::WalletCommand,
    },
    /// Register a hotkey on a subnet, never above a price.
    Register(chain::RegisterArgs),
    /// Send TAO to another coldkey.
    Transfer(chain::TransferArgs),
    /// Look at, sign and submit extrinsics whose coldkey is on another machine.
    Tx {
        /// What to do.
        #[command(subcommand)]
        command: chain::TxCommand,
    },
    /// Stake and unstake, never beyond a price.
    Stake {
        /// What to do.
        #[command(subcommand)]
        command: chain::StakeCommand,
    },
    /// Show a subnet's neurons.
    Metagraph(chain::MetagraphArgs),
    /// Show a subnet's settings and economy, or list all subnets.
    Subnet(chain::SubnetArgs),
    /// Set weights and follow them until an epoch has counted them.
    Weights {
        /// What to do.
        #[command(subcommand)]
        command: chain::WeightsCommand,
    },
    /// Check everything that keeps a neuron from working, each on its own line with a remedy.
    Doctor(chain::DoctorArgs),
}

/// `sn3 miner …`
#[derive(Debug, Subcommand)]
pub enum MinerCommand {
    /// Train, upload and follow the round records until the run ends or Ctrl-C.
    Run(MinerArgs),
}

/// `sn3 validator …`
#[derive(Debug, Subcommand)]
pub enum ValidatorCommand {
    /// Judge, record and set weights until the run ends or Ctrl-C.
    Run(ValidatorArgs),
}

/// `sn3 explain`
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// An error's name, or the number of a pool's custom code.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What text to train on.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Text files or folders (any UTF-8 text; .jsonl with a "text" field; packed with gzip or Zstandard or not).
    /// Without it: the Rust sources that cargo downloaded to build sn3.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,

    /// Use this tokenizer.json instead of training a byte-level BPE on the text.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Where prepared tokens and the tokenizer are kept between runs.
    #[arg(long, value_name = "DIR", env = "SN3_CACHE")]
    pub cache: Option<PathBuf>,
}

/// The shape of a training run, for whoever starts one.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Size of the model: nano, micro, 150m, 1b, 8b or 72b.
    #[arg(long, default_value = "nano")]
    pub preset: String,

    /// Rounds to train.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub windows: u64,

    /// Everything random in the run comes from this number.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,

    /// Tokens the tokenizer learns when it is trained here.
    #[arg(long, value_name = "TOKENS", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(300..=1_000_000))]
    pub vocab: u32,
}

/// Which implementation of the training step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TrainerKind {
    /// Hand-written forward and backward over preallocated buffers.
    #[default]
    Static,
    /// Plain candle autograd: slower, obviously right.
    Reference,
}

/// A dishonest miner of a local network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adversary {
    /// Copies another miner's payload and signs it as its own.
    Copycat,
    /// Uploads random numbers.
    Noise,
    /// Stops uploading.
    Idle,
    /// Uploads an honest pseudo-gradient a thousand times too large.
    Scaler,
    /// Uploads after the deadline.
    Late,
    /// Uploads a payload that decodes to no numbers.
    Nan,
}

/// `sn3 localnet`
#[derive(Clone, Debug, Args)]
pub struct LocalnetArgs {
    /// The text.
    #[command(flatten)]
    pub data: DataArgs,

    /// The run.
    #[command(flatten)]
    pub run: RunArgs,

    /// Honest miners.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub miners: u16,

    /// Add one dishonest miner of this kind; may be given several times.
    #[arg(long, value_name = "KIND")]
    pub adversary: Vec<Adversary>,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub netuid: u16,

    /// Report, checkpoint and run.json go here.
    #[arg(long, value_name = "DIR", default_value = "sn3-localnet")]
    pub out: PathBuf,

    /// Port of the chain's JSON-RPC; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,

    /// How steps are computed.
    #[command(flatten)]
    pub step: training::StepArgs,
}

/// Which keys.
#[derive(Clone, Debug, Args)]
pub struct WalletArgs {
    /// Name of the wallet.
    #[arg(long, default_value = "default")]
    pub wallet: String,

    /// Name of the hotkey.
    #[arg(long, default_value = "default")]
    pub hotkey: String,

    /// Folder of wallets; `~/.bittensor/wallets` without it.
    #[arg(long, value_name = "DIR", env = "SN3_WALLETS")]
    pub wallet_path: Option<PathBuf>,
}

/// What miners and validators share.
#[derive(Clone, Debug, Args)]
pub struct NodeArgs {
    /// The chain.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944", env = "SN3_ENDPOINT")]
    pub endpoint: String,

    /// The keys; only the hotkey is opened.
    #[command(flatten)]
    pub keys: WalletArgs,

    /// Netuid of the subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// Where this node's objects go: a folder, or s3://BUCKET/PREFIX?endpoint=URL with credentials in the
    /// usual AWS variables. Its address is committed on chain.
    #[arg(long, value_name = "URL")]
    pub store: String,

    /// Name of the run.
    #[arg(long, default_value = "local")]
    pub run_id: String,

    /// State that lets this node resume after a crash.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// The text; the run's tokenizer is fetched, and the prepared data must have the run's digest.
    #[command(flatten)]
    pub data: DataArgs,

    /// How steps are computed.
    #[command(flatten)]
    pub step: training::StepArgs,
}

/// `sn3 miner run`
#[derive(Clone, Debug, Args)]
pub struct MinerArgs {
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,

    /// Forget the state on disk and rebuild the model from the run's published records.
    #[arg(long)]
    pub resync: bool,
}

/// `sn3 validator run`
#[derive(Clone, Debug, Args)]
pub struct ValidatorArgs {
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,

    /// Start the run if its genesis is not in this validator's store yet.
    #[arg(long)]
    pub start_run: bool,

    /// The run to start.
    #[command(flatten)]
    pub run: RunArgs,

    /// Blocks of one window of the run to start.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(4..=100_000))]
    pub blocks_per_window: u64,

    /// Write report.html, the checkpoint and run.json here at the end.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
