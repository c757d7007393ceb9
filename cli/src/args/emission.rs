//! `sn3 emission …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `sn3 emission …`
#[derive(Debug, Subcommand)]
pub enum EmissionCommand {
    /// Write a commented example scenario.
    New(EmissionNewArgs),
    /// Run a scenario: a summary, series as CSV, Parquet and JSON, a report and a digest.
    Run(EmissionRunArgs),
    /// Run a scenario many times over parameter values and seeds, with confidence bands.
    Sweep(EmissionSweepArgs),
    /// Run a scenario under two runtime versions: who gains, who loses.
    Diff(EmissionDiffArgs),
    /// Run the shipped attacks against their honest twins and compare them in one table.
    Attacks(EmissionAttacksArgs),
    /// The 22 classic Yuma cases, all versions side by side.
    Cases(EmissionCasesArgs),
    /// The retention figures of the consensus document.
    Consensus(EmissionConsensusArgs),
    /// Build a scenario from a live chain's metagraph, weights, bonds and pools.
    Snapshot(EmissionSnapshotArgs),
    /// The economic rules of a runtime version, each with how certain it is.
    Rules(EmissionRulesArgs),
}

/// `sn3 emission new`
#[derive(Clone, Debug, Args)]
pub struct EmissionNewArgs {
    /// The file to write; it must not exist.
    #[arg(value_name = "FILE", default_value = "scenario.toml")]
    pub file: PathBuf,
}

/// A kind of series file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeriesFormat {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet with typed columns.
    Parquet,
    /// One JSON document.
    Json,
}

/// Where results go and how much of the machine they may take.
#[derive(Clone, Debug, Args)]
pub struct StudyArgs {
    /// Folder for the report and the data.
    #[arg(long, value_name = "DIR", default_value = "sn3-emission")]
    pub out: PathBuf,

    /// Threads; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `sn3 emission run`
#[derive(Clone, Debug, Args)]
pub struct EmissionRunArgs {
    /// The scenario, TOML or JSON.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,

    /// Formats of the series.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["csv", "parquet", "json"])]
    pub format: Vec<SeriesFormat>,

    /// Save the state here now and then and on Ctrl-C, and go on from it if it exists.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// `sn3 emission sweep`
#[derive(Clone, Debug, Args)]
pub struct EmissionSweepArgs {
    /// The scenario, TOML or JSON.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,

    /// A parameter and its values: `path=a..b:steps`, or `path=a,b,c`. Several make a grid.
    #[arg(long, value_name = "PATH=VALUES")]
    pub param: Vec<String>,

    /// Runs per point, each with a seed of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: u32,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,
}

/// `sn3 emission diff`
#[derive(Clone, Debug, Args)]
pub struct EmissionDiffArgs {
    /// The scenario, TOML or JSON.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,

    /// The two runtime versions.
    #[arg(long, num_args = 2, value_names = ["A", "B"], required = true)]
    pub spec: Vec<u32>,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,
}

/// `sn3 emission attacks`
#[derive(Clone, Debug, Args)]
pub struct EmissionAttacksArgs {
    /// Only these attacks; all without.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Another seed than the scenarios' own.
    #[arg(long)]
    pub seed: Option<u64>,

    /// Another length than the scenarios' own.
    #[arg(long)]
    pub blocks: Option<u64>,

    /// List the attacks and what they do.
    #[arg(long)]
    pub list: bool,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,
}

/// `sn3 emission cases`
#[derive(Clone, Debug, Args)]
pub struct EmissionCasesArgs {
    /// Bonds penalty between 0 and 1.
    #[arg(long, default_value = "1.0", value_name = "SHARE")]
    pub bonds_penalty: f64,

    /// Seed of the noisy cases.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,
}

/// `sn3 emission consensus`
#[derive(Clone, Debug, Args)]
pub struct EmissionConsensusArgs {
    /// Grid steps of each map, ends included; the document's whole map has 51 and takes minutes.
    #[arg(long, default_value_t = 11)]
    pub steps: usize,

    /// Seed of stakes and weights.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where to.
    #[command(flatten)]
    pub study: StudyArgs,
}

/// `sn3 emission snapshot`
#[derive(Clone, Debug, Args)]
pub struct EmissionSnapshotArgs {
    /// The subnet.
    #[arg(long, default_value_t = 3)]
    pub netuid: u16,

    /// The chain.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944", env = "SN3_ENDPOINT")]
    pub endpoint: String,

    /// Blocks that the scenario runs.
    #[arg(long, default_value_t = 7_200)]
    pub blocks: u64,

    /// The scenario to write; the state is written beside it.
    #[arg(long, value_name = "FILE", default_value = "snapshot.toml")]
    pub out: PathBuf,
}

/// `sn3 emission rules`
#[derive(Clone, Debug, Args)]
pub struct EmissionRulesArgs {
    /// A runtime version.
    #[arg(value_name = "SPEC", default_value_t = 425)]
    pub spec: u32,

    /// Only what differs from this version.
    #[arg(long, value_name = "SPEC")]
    pub against: Option<u32>,
}
