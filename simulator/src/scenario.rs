//! What a simulation is told: people, subnets, stakes, behaviours and events, as one file.
//!
//! All times in a scenario are *ticks*: blocks since the start of the run. Tick 0 is before the first block step.
//! All amounts are whole units (TAO, or alpha of the subnet that the context names) with up to nine decimals.
//!
//! People are named by *selectors*: `3/honest/0` is member 0 of the group `honest` of subnet 3, `3/honest` the
//! whole group, `honest` all groups of that name, `3/owner` the owner of subnet 3, and a staker is its plain name
//! (`whale`, or `whale/4` for member 4 of a group of stakers).

mod amount;
mod check;
mod event;
mod globals;
mod many;
mod parse;
mod part;
mod people;
mod spec;
mod subnet;

use serde::{Deserialize, Serialize};
use sn3_protocol::Digest;

pub use amount::{Amount, AmountError};
pub use check::{ACTORS_MAX, BLOCKS_MAX, EVENTS_MAX, ROWS_MAX, ScenarioInvalid, UIDS_MAX};
pub use event::{Action, Child, Event, Limit};
pub use globals::GlobalOverrides;
pub use many::Many;
pub use parse::{Format, SCENARIO_BYTES_MAX, ScenarioError};
pub use part::{Part, PartError};
pub use people::{Holding, Miners, Owner, RootStake, Selling, Stakers, Timing, Validators};
pub use spec::SpecChoice;
pub use subnet::{Hyperparameters, SubnetGroup, SubnetPoolStart};

use crate::snapshot::ChainSnapshot;

/// The commented example that a new scenario starts from.
pub const EXAMPLE: &str = include_str!("scenario/example.toml");

/// Blocks between records when a scenario names none: at most this many records come of a run.
const RECORDS_BY_DEFAULT: u64 = 500;

/// A whole simulation as a researcher writes it. TOML and JSON carry the same keys.
///
/// ```
/// use sn3_simulator::scenario::{Format, Scenario};
/// let scenario = Scenario::parse(
///     "name = \"two\"\nblocks = 20\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\nstake = 10\n",
///     Format::Toml,
/// )?;
/// assert_eq!(scenario.subnets[0].validators[0].stake.rao(), 10_000_000_000);
/// # Ok::<(), sn3_simulator::scenario::ScenarioError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A short name; it heads reports and names output files.
    pub name: String,
    /// What the scenario is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Every random choice comes from this.
    #[serde(default)]
    pub seed: u64,
    /// How many blocks are stepped.
    pub blocks: u64,
    /// Rules of the chain: a runtime's version, or the one that was in force at a block of the main network.
    #[serde(default)]
    pub spec: SpecChoice,
    /// Blocks between two records of the series; by default as many as give 500 records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_every_blocks: Option<u64>,
    /// Number of the block that is the last one before the run.
    #[serde(default = "first_block")]
    pub start_block: u64,
    /// All TAO at the start; by default exactly what the scenario hands out. What is above that belongs to nobody
    /// in the scenario and stays where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuance: Option<Amount>,
    /// A file with a chain's state to start from, relative to the scenario's folder. Loading replaces it by
    /// [`Scenario::snapshot`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// A chain's state to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Box<ChainSnapshot>>,
    /// Parameters of the chain that differ from the defaults.
    #[serde(default, skip_serializing_if = "GlobalOverrides::is_empty")]
    pub globals: GlobalOverrides,
    /// Stake on root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub root: Vec<RootStake>,
    /// Subnets, or groups of equal subnets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<SubnetGroup>,
    /// People who stake and trade.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stakers: Vec<Stakers>,
    /// What happens when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What is recorded.
    #[serde(default)]
    pub watch: Watch,
}

fn first_block() -> u64 {
    1
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            description: String::new(),
            seed: 0,
            blocks: 1,
            spec: SpecChoice::default(),
            record_every_blocks: None,
            start_block: first_block(),
            issuance: None,
            start: None,
            snapshot: None,
            globals: GlobalOverrides::default(),
            root: Vec::new(),
            subnets: Vec::new(),
            stakers: Vec::new(),
            events: Vec::new(),
            watch: Watch::default(),
        }
    }
}

impl Scenario {
    /// Blocks between two records.
    #[must_use]
    pub fn record_every(&self) -> u64 {
        self.record_every_blocks.unwrap_or_else(|| self.blocks.div_ceil(RECORDS_BY_DEFAULT)).max(1)
    }

    /// The scenario as JSON with sorted keys and no white space: what its digest is taken of.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("a scenario has only text keys");
        value.to_string()
    }

    /// BLAKE2b-256 of the canonical JSON: two files that mean the same have the same digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical_json().as_bytes())
    }
}

/// Which series are recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Only these subnets; all without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<u16>,
    /// One row per record and subnet.
    #[serde(default = "yes")]
    pub per_subnet: bool,
    /// One row per record and group.
    #[serde(default = "yes")]
    pub per_group: bool,
    /// One row per record and actor: much data.
    #[serde(default)]
    pub per_actor: bool,
}

fn yes() -> bool {
    true
}

impl Default for Watch {
    fn default() -> Self {
        Self { subnets: Vec::new(), per_subnet: true, per_group: true, per_actor: false }
    }
}

impl Watch {
    /// Whether a subnet is recorded.
    #[must_use]
    pub fn includes(&self, netuid: u16) -> bool {
        self.subnets.is_empty() || self.subnets.contains(&netuid)
    }
}
