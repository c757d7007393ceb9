//! Who takes part: owners, validators, miners, stakers, and stake on root.

use serde::{Deserialize, Serialize};

use super::subnet::whole;
use super::{Amount, Many, Part};
use crate::behaviour::{MinerStep, StakerStep, ValidatorStep};

/// A group of validators of one subnet. Members are `netuid/name/0`, `netuid/name/1`, …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validators {
    /// The group's name, unique on the subnet.
    pub name: String,
    /// Number of members.
    #[serde(default = "one")]
    pub count: u16,
    /// Alpha that each member stakes on itself.
    #[serde(default)]
    pub stake: Amount,
    /// Free TAO of each member.
    #[serde(default)]
    pub balance: Amount,
    /// What each takes of its nominators' dividends; the chain's default without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<Part>,
    /// How weights come about: steps applied in order, each to what the one before made.
    #[serde(default = "follow")]
    pub behaviour: Many<ValidatorStep>,
    /// When weights are set.
    #[serde(default)]
    pub timing: Timing,
    /// Whether and how often income is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sell: Option<Selling>,
}

fn one() -> u16 {
    1
}

fn follow() -> Many<ValidatorStep> {
    Many(vec![ValidatorStep::Follow(crate::behaviour::Follow::default())])
}

/// When a validator sets weights. By default once per epoch, at a moment that its name decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Epochs between two settings.
    pub every_epochs: u32,
    /// Blocks after an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_epoch_blocks: Option<u64>,
    /// Blocks before the next epoch; 1 is the last moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_epoch_blocks: Option<u64>,
}

impl Default for Timing {
    fn default() -> Self {
        Self { every_epochs: 1, after_epoch_blocks: None, before_epoch_blocks: None }
    }
}

/// Regular sales of what was earned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selling {
    /// Blocks between two sales.
    pub every_blocks: u64,
    /// Part of what was earned since the last sale.
    #[serde(default = "whole")]
    pub share: Part,
}

/// A group of miners of one subnet. Members are `netuid/name/0`, `netuid/name/1`, …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Miners {
    /// The group's name, unique on the subnet.
    pub name: String,
    /// Number of members.
    #[serde(default = "one")]
    pub count: u16,
    /// How good the first member's work is.
    #[serde(default = "whole")]
    pub quality: Part,
    /// How good the last member's work is; those between lie on a line. The same as the first's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_last: Option<Part>,
    /// Alpha that each member stakes on itself.
    #[serde(default)]
    pub stake: Amount,
    /// Free TAO of each member; joining later costs the registration price.
    #[serde(default)]
    pub balance: Amount,
    /// What becomes of the quality over time, and when members join.
    #[serde(default)]
    pub behaviour: Many<MinerStep>,
    /// Whether and how often income is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sell: Option<Selling>,
}

/// The owner of a subnet: `netuid/owner`. Its hotkey is registered first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Owner {
    /// Alpha that the owner stakes on its hotkey.
    pub stake: Amount,
    /// Free TAO.
    pub balance: Amount,
    /// How the owner's weights come about; none are set without.
    pub behaviour: Many<ValidatorStep>,
    /// When weights are set.
    pub timing: Timing,
    /// Whether and how often the owner's cut is sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sell: Option<Selling>,
}

/// People who stake and trade. Members are `name/0`, `name/1`, …; a single one is just `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stakers {
    /// The group's name, unique among stakers.
    pub name: String,
    /// Number of members.
    #[serde(default = "one")]
    pub count: u16,
    /// Free TAO of each member.
    #[serde(default)]
    pub balance: Amount,
    /// Alpha that each member holds at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Holding>,
    /// What they do; nothing without.
    #[serde(default)]
    pub behaviour: Many<StakerStep>,
}

/// Stake that somebody holds at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// The subnet; 0 is root, where amounts are TAO.
    pub netuid: u16,
    /// On whose hotkey: a selector of one validator.
    pub on: String,
    /// How much alpha.
    pub amount: Amount,
}

/// Stake on root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootStake {
    /// On whose hotkeys: a selector. Each hotkey gets the amount.
    pub on: String,
    /// Whose stake it is: a staker; the hotkeys' own coldkeys without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// TAO on each hotkey.
    pub tao: Amount,
}
