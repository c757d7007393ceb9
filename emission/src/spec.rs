//! The economic rules of every runtime from 233 (February 2025) to 475 (October 2026), by version or by block.
//!
//! [`RuntimeSpec`] is plain data: one rule per switch. [`Network`](crate::Network) carries one and obeys it. A
//! researcher starts from a version and replaces single rules:
//!
//! ```
//! use sn3_emission::spec::{Certainty, GateBar, RuntimeSpec, ShareSplit};
//!
//! let shipped = RuntimeSpec::at_version(441)?;
//! let mut announced = shipped;
//! if let ShareSplit::Gate(gate) = &mut announced.shares.split {
//!     gate.bar = GateBar::Rank(64);
//! }
//! let differences = RuntimeSpec::differences(&shipped, &announced);
//! assert_eq!(differences.len(), 1);
//! assert_eq!(differences[0].topic, "tao shares");
//!
//! // 425 was compared with the reference bit for bit; what others say, readers can see.
//! let notes = RuntimeSpec::default().notes();
//! assert!(notes.iter().any(|note| note.topic == "tao shares" && note.certainty == Certainty::Vector));
//! # Ok::<(), sn3_emission::spec::UnknownSpec>(())
//! ```
//!
//! # How certain the rules are
//! Every rule's mark is in [`RuntimeSpec::notes`]. In short: what 425 does is held to vectors, except the refused
//! chain buy, timelocked reveals, and creating and pruning subnets, which were read in the source like all older
//! rules. The fee of 257, and the chain's purchase before the adjustment (432), are third parties' readings; the
//! quantile gate (440) and the choice of liquid alpha's consensus (446) come from pull requests; the new pool of
//! 473 from an audit.
//!
//! # What is not known
//! Some rules were never published exactly (runtime timeline, section 12). They are approximated by the nearest
//! known rule, and their note says so with [`Certainty::Inferred`]: the reservoirs' choice of a side, the
//! baskets' valuation to the rao, the order of Null consensus' last units. Baskets under curated root weights
//! (450 to 463) accumulate in place, as before and after.
//!
//! Absent, because their state or their prices were not published or lie outside this crate: users' own liquidity
//! (283 to 350), trading within baskets and buying into them (441 on), seats on root for a burn (441 on; they are
//! given by stake as before), registration by work of 475, ownership by conviction (432 on), transaction fees.

mod mainnet;
mod notes;
mod overrides;
mod rules;
mod timeline;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use mainnet::FirstBlock;
pub use notes::{Certainty, Difference, RuleNote};
pub use overrides::OverrideError;
pub use rules::*;

/// The oldest known version: the launch of dynamic TAO.
pub const VERSION_FIRST: u32 = 233;
/// The newest known version.
pub const VERSION_LAST: u32 = 475;
/// The version whose rules are held to vectors of the reference.
pub const VERSION_PROVEN: u32 = 425;

/// A version or a block about which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownSpec {
    /// No such version.
    #[error("runtime version {version} is unknown; the nearest known one is {nearest}")]
    Version {
        /// What was asked for.
        version: u32,
        /// The nearest known version.
        nearest: u32,
    },
    /// Before dynamic TAO.
    #[error("block {block} is before dynamic TAO; use {first} or a later block")]
    Block {
        /// What was asked for.
        block: u64,
        /// The first known block.
        first: u64,
    },
}

/// The rules that a chain runs by. [`Default`] is the proven version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeSpec {
    /// The version that the rules started from; a label, which no rule reads.
    pub version: u32,
    /// How a block's TAO is split over subnets.
    pub shares: ShareRules,
    /// How moving prices move.
    pub price: MovingPriceRules,
    /// How TAO and alpha enter the pools.
    pub injection: InjectionRules,
    /// The pools and their fees.
    pub pool: PoolRules,
    /// From an epoch's amounts to stake.
    pub payout: PayoutRules,
    /// The epoch itself.
    pub epoch: EpochRules,
    /// When epochs and reveals happen.
    pub schedule: ScheduleRules,
    /// What registering a neuron costs.
    pub registration: RegistrationRules,
    /// Creating and pruning subnets.
    pub networks: NetworkRules,
}

impl Default for RuntimeSpec {
    fn default() -> Self {
        timeline::rules_of(VERSION_PROVEN)
    }
}

impl RuntimeSpec {
    /// The rules of a version. Versions that changed nothing have their predecessor's; 380, which was taken
    /// back within days, has those of 377.
    ///
    /// # Errors
    /// A version outside [`VERSION_FIRST`] to [`VERSION_LAST`].
    ///
    /// ```
    /// use sn3_emission::spec::{EpochPeriod, RuntimeSpec};
    /// assert_eq!(RuntimeSpec::at_version(422)?.schedule.period, EpochPeriod::ModuloChecked);
    /// assert_eq!(RuntimeSpec::at_version(423)?.schedule.period, EpochPeriod::Stateful);
    /// let error = RuntimeSpec::at_version(200).unwrap_err();
    /// assert_eq!(error.to_string(), "runtime version 200 is unknown; the nearest known one is 233");
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    pub fn at_version(version: u32) -> Result<Self, UnknownSpec> {
        match version {
            VERSION_FIRST..=VERSION_LAST => Ok(timeline::rules_of(version)),
            _ => Err(UnknownSpec::Version { version, nearest: version.clamp(VERSION_FIRST, VERSION_LAST) }),
        }
    }

    /// The rules of the main network at a block, by [`RuntimeSpec::mainnet_blocks`].
    ///
    /// # Errors
    /// A block before the first version.
    ///
    /// ```
    /// use sn3_emission::spec::RuntimeSpec;
    /// assert_eq!(RuntimeSpec::at_block(8_713_793)?.version, 435);
    /// assert_eq!(RuntimeSpec::at_block(8_713_794)?.version, 440);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    pub fn at_block(block: u64) -> Result<Self, UnknownSpec> {
        let version = mainnet::version_at(block);
        let first = mainnet::FIRST_BLOCKS[0].block;
        version.ok_or(UnknownSpec::Block { block, first }).map(timeline::rules_of)
    }

    /// When each version began on the main network, ascending, with how certain that is.
    #[must_use]
    pub fn mainnet_blocks() -> &'static [FirstBlock] {
        mainnet::FIRST_BLOCKS
    }
}

#[cfg(test)]
mod tests;
