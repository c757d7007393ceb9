//! `sn3 devnet …` and `sn3 scaffold`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

/// The shortest and the longest time between blocks.
const BLOCK_TIME_MS: std::ops::RangeInclusive<u64> = 10..=600_000;

/// When the development chain makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SealingKind {
    /// Every `--block-time`.
    Interval,
    /// At once when a transaction arrives.
    Instant,
    /// Only when told to: `sn3 devnet advance`.
    Manual,
}

/// `sn3 devnet`
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevnetArgs {
    /// What to tell a chain that runs already.
    #[command(subcommand)]
    pub command: Option<DevnetCommand>,

    /// How to start one.
    #[command(flatten)]
    pub start: StartArgs,
}

/// How a chain is started.
#[derive(Clone, Debug, Args)]
pub struct StartArgs {
    /// Port of the JSON-RPC; 0 takes any free one.
    #[arg(long, default_value_t = 9944)]
    pub port: u16,

    /// Address to listen on; other machines can reach it only if this says so.
    #[arg(long, default_value = "127.0.0.1")]
    pub listen: IpAddr,

    /// When and how fast blocks are made.
    #[command(flatten)]
    pub pace: PaceArgs,

    /// How far the chain's own clock moves per block where real time plays no role, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub clock_step_ms: u64,

    /// Keep the chain in this folder and go on from it at the next start; without it, it lives in memory.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Begin with the blocks in this folder, which `sn3 devnet dump` wrote. It is not changed.
    #[arg(long, value_name = "DIR")]
    pub load: Option<PathBuf>,

    /// Begin with the subnets, neurons and accounts that this TOML file describes.
    #[arg(long, value_name = "FILE")]
    pub scaffold: Option<PathBuf>,

    /// Write addresses, keys and slots of all there is at the beginning to this JSON file.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,

    /// What goes wrong from the beginning.
    #[command(flatten)]
    pub faults: FaultArgs,
}

/// When blocks are made.
#[derive(Clone, Debug, Args)]
pub struct PaceArgs {
    /// When blocks are made; `interval` unless told otherwise.
    #[arg(long, value_enum)]
    pub sealing: Option<SealingKind>,

    /// Time between blocks with interval sealing: seconds, or with a unit (12, 250ms, 0.5s). 12 seconds unless told
    /// otherwise.
    #[arg(long, value_name = "TIME", value_parser = block_time)]
    pub block_time: Option<Duration>,

    /// The same in milliseconds.
    #[arg(long, value_name = "MS", conflicts_with = "block_time", value_parser = clap::value_parser!(u64).range(BLOCK_TIME_MS))]
    pub block_time_ms: Option<u64>,
}

impl PaceArgs {
    /// The time between blocks, if it was given in either way.
    #[must_use]
    pub fn given_ms(&self) -> Option<u64> {
        let plain = self.block_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        plain.or(self.block_time_ms)
    }
}

/// Faults that a chain starts with.
#[derive(Clone, Debug, Args)]
pub struct FaultArgs {
    /// No block after genesis is final until `sn3 devnet fault resume-finality`.
    #[arg(long)]
    pub stall_finality: bool,

    /// Let every answer come this much later, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub delay_ms: Option<u64>,

    /// Refuse the first transaction with this JSON-RPC code and text, for example `1010:Custom error: 6`; given
    /// several times, one transaction each.
    #[arg(long, value_name = "CODE[:TEXT]")]
    pub reject: Vec<String>,
}

/// Which running chain.
#[derive(Clone, Debug, Args)]
pub struct EndpointArgs {
    /// The development chain.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "ws://127.0.0.1:9944",
        env = "SN3_ENDPOINT"
    )]
    pub endpoint: String,
}

/// `sn3 devnet …` on a chain that runs.
#[derive(Clone, Debug, Subcommand)]
pub enum DevnetCommand {
    /// Show the head, the clock, what waits and what goes wrong on purpose.
    Status(EndpointArgs),
    /// Make blocks: some, up to a height or an epoch, or until something is so.
    Advance(AdvanceArgs),
    /// Remember the head; the number is for `revert`.
    Snapshot(EndpointArgs),
    /// Go back to a snapshot.
    Revert(RevertArgs),
    /// Change when blocks are made.
    Sealing(SealingArgs),
    /// Write all blocks to a folder that `--load` begins with.
    Dump(DumpArgs),
    /// Let something go wrong.
    Fault(FaultCommandArgs),
}

/// `sn3 devnet advance`
#[derive(Clone, Debug, Args)]
pub struct AdvanceArgs {
    /// Which chain.
    #[command(flatten)]
    pub endpoint: EndpointArgs,

    /// How far.
    #[command(flatten)]
    pub target: AdvanceTarget,

    /// The most blocks to make while waiting for a condition.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub at_most: u64,
}

/// How far to advance: one of them.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct AdvanceTarget {
    /// So many blocks.
    #[arg(long, value_name = "N")]
    pub blocks: Option<u64>,

    /// Up to this height.
    #[arg(long, value_name = "HEIGHT")]
    pub to_block: Option<u64>,

    /// Up to and including the block that begins this subnet's next epoch.
    #[arg(long, value_name = "NETUID")]
    pub epoch: Option<u16>,

    /// Until the chain's clock has come this far, in milliseconds since 1970.
    #[arg(long, value_name = "MS")]
    pub until_time: Option<u64>,

    /// Until no transaction waits.
    #[arg(long)]
    pub until_pool_empty: bool,

    /// Until a storage value is another one (0xKEY), is this one (0xKEY=0xVALUE) or is absent (0xKEY=).
    #[arg(long, value_name = "0xKEY[=0xVALUE]")]
    pub until_storage: Option<String>,
}

/// `sn3 devnet revert`
#[derive(Clone, Debug, Args)]
pub struct RevertArgs {
    /// The snapshot's number.
    pub snapshot: u64,

    /// Which chain.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// `sn3 devnet sealing`
#[derive(Clone, Debug, Args)]
pub struct SealingArgs {
    /// When blocks are made.
    #[arg(value_enum)]
    pub kind: SealingKind,

    /// Time between blocks with interval sealing: seconds, or with a unit.
    #[arg(long, value_name = "TIME", value_parser = block_time, default_value = "12s")]
    pub block_time: Duration,

    /// Which chain.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// `sn3 devnet dump`
#[derive(Clone, Debug, Args)]
pub struct DumpArgs {
    /// The folder, on the chain's machine. It must hold no other chain.
    pub dir: PathBuf,

    /// Which chain.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// `sn3 devnet fault`
#[derive(Clone, Debug, Args)]
pub struct FaultCommandArgs {
    /// What goes wrong.
    #[command(subcommand)]
    pub fault: Fault,

    /// Which chain.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// What can go wrong.
#[derive(Clone, Debug, Subcommand)]
pub enum Fault {
    /// Blocks after the head are not final.
    StallFinality,
    /// All blocks are final again.
    ResumeFinality,
    /// All subscriptions end without a word.
    DropSubscriptions,
    /// Every answer comes later.
    Delay {
        /// By so many milliseconds; 0 takes it back.
        #[arg(value_name = "MS")]
        ms: u64,
    },
    /// The next transaction is refused.
    Reject {
        /// The JSON-RPC code, for example 1010.
        #[arg(allow_negative_numbers = true)]
        code: i32,
        /// What the error says, for example `Custom error: 6`.
        #[arg(long, value_name = "TEXT")]
        data: Option<String>,
    },
    /// All connections break, and none is taken for a while.
    LoseEndpoint {
        /// For so many milliseconds.
        #[arg(value_name = "MS")]
        ms: u64,
    },
    /// The newest blocks are replaced by others; only those that are not final can be.
    Reorg {
        /// How many.
        depth: u64,
    },
    /// The runtime calls itself another version from the next block on.
    Upgrade {
        /// The spec version.
        spec_version: u32,
    },
}

/// `sn3 scaffold`
#[derive(Clone, Debug, Args)]
pub struct ScaffoldArgs {
    /// The development chain.
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    pub endpoint: String,

    /// The description that `sn3 devnet --scaffold` began with: makes a wallet for each of its coldkeys, with its
    /// hotkeys, and sees that the chain has every neuron in its slot.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["netuid", "miners", "seed"])]
    pub plan: Option<PathBuf>,

    /// Write addresses, keys and slots of the description to this JSON file.
    #[arg(long, value_name = "FILE", requires = "plan")]
    pub manifest: Option<PathBuf>,

    /// Netuid on which to register.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub netuid: u16,

    /// Miners to create, fund and register: wallets miner-1, miner-2, …
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub miners: u16,

    /// Folder of wallets.
    #[arg(long, value_name = "DIR", env = "SN3_WALLETS")]
    pub wallet_path: Option<PathBuf>,

    /// Secrets of the wallets come from this number: a development chain's money is worth nothing.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,
}

/// Reads `12`, `0.5`, `12s` or `250ms`.
fn block_time(text: &str) -> Result<Duration, String> {
    let (number, ms_per_unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000.0),
    };
    let value: f64 = number.parse().map_err(|_| format!("{text:?} is no time; write 12, 0.5s or 250ms"))?;
    let ms = (value * ms_per_unit).round();
    let (least, most) = (*BLOCK_TIME_MS.start(), *BLOCK_TIME_MS.end());
    if !(least as f64..=most as f64).contains(&ms) {
        return Err(format!("{text} is no time from {least} ms to {} s", most / 1_000));
    }
    Ok(Duration::from_millis(ms as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let ms = |text| block_time(text).map(|time| time.as_millis());
        assert_eq!(ms("12"), Ok(12_000));
        assert_eq!(ms("0.25"), Ok(250));
        assert_eq!(ms("250ms"), Ok(250));
        assert_eq!(ms("1.5s"), Ok(1_500));
        for wrong in ["", "fast", "NaN", "inf", "-1", "5ms", "601"] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
    }
}
