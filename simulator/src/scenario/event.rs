//! What happens at given times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Amount, GlobalOverrides, Hyperparameters, Many, Part, SpecChoice};
use crate::behaviour::{MinerStep, StakerStep, ValidatorStep};

/// Something that happens at a tick, before the block step. Events of one tick happen in the file's order.
///
/// ```toml
/// [[events]]
/// at = 100
/// do = { stake = { who = "whale", on = "1/honest/0", netuid = 1, tao = 500 } }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The tick.
    pub at: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A price at which a trade stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// TAO per alpha.
    pub price: Amount,
    /// Whether a part may be traded; otherwise the whole operation is refused.
    #[serde(default)]
    pub partial: bool,
}

/// A child key: who gets which part of the stake's weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    /// The child: a selector of one actor.
    pub to: String,
    /// Which part.
    pub share: Part,
}

/// What can happen. Where `who` selects several actors, all of them do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Buys alpha and stakes it.
    Stake {
        /// Whose TAO.
        who: String,
        /// On whose hotkey.
        on: String,
        /// The subnet; 0 is root.
        netuid: u16,
        /// How much TAO.
        tao: Amount,
        /// Where to stop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Limit>,
    },
    /// Sells staked alpha.
    Unstake {
        /// Whose stake.
        who: String,
        /// On whose hotkey.
        on: String,
        /// The subnet; 0 is root.
        netuid: u16,
        /// How much alpha; all without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alpha: Option<Amount>,
        /// Where to stop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Limit>,
    },
    /// Moves stake to another hotkey or subnet.
    Move {
        /// Whose stake.
        who: String,
        /// From whose hotkey.
        from: String,
        /// From which subnet.
        from_netuid: u16,
        /// To whose hotkey.
        to: String,
        /// To which subnet.
        to_netuid: u16,
        /// How much alpha; all without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alpha: Option<Amount>,
    },
    /// Registers actors that are not (or no longer) registered on their subnet, for the price.
    Register {
        /// Who: validators or miners.
        who: String,
    },
    /// Miners stop working: their quality is zero from now on. The chain knows no deregistration; they lose their
    /// slots when others need them.
    Leave {
        /// Who.
        who: String,
    },
    /// Sets hyperparameters as root could.
    Hyperparameters {
        /// The subnet.
        netuid: u16,
        /// What changes.
        set: Hyperparameters,
    },
    /// Sets parameters of the chain as root could.
    Globals {
        /// What changes.
        set: GlobalOverrides,
    },
    /// Sets weights explicitly, in the open or by a commit, as the subnet demands.
    Weights {
        /// Who: validators of one subnet.
        who: String,
        /// Weights in 65535ths by uid or selector.
        weights: BTreeMap<String, u16>,
    },
    /// Sets child keys on the actor's subnet.
    Children {
        /// The parent.
        who: String,
        /// The children.
        children: Vec<Child>,
    },
    /// Sets a delegate's take.
    Take {
        /// Who.
        who: String,
        /// The take.
        take: Part,
    },
    /// Claims root dividends.
    ClaimRoot {
        /// Who.
        who: String,
        /// On which subnets, at most five.
        netuids: Vec<u16>,
    },
    /// Registers a network for the lock cost, with the actor's hotkey as its owner's.
    RegisterNetwork {
        /// Who pays and owns.
        who: String,
    },
    /// The owner of a subnet starts it.
    StartCall {
        /// The subnet.
        netuid: u16,
    },
    /// Root switches a subnet's TAO emission.
    Emission {
        /// The subnet.
        netuid: u16,
        /// On or off.
        enabled: bool,
    },
    /// The chain's rules change to another version.
    Upgrade {
        /// The new rules.
        spec: SpecChoice,
    },
    /// Outsiders bring TAO into a pool or take TAO out of it until its reserve is `factor` times what it was;
    /// the alpha reserve stays. Issuance follows.
    PriceShock {
        /// The subnet.
        netuid: u16,
        /// New reserve by old one, above 0 and at most 100.
        factor: f64,
    },
    /// Validators behave differently from now on.
    ValidatorBehaviour {
        /// Who.
        who: String,
        /// How.
        behaviour: Many<ValidatorStep>,
    },
    /// Miners behave differently from now on.
    MinerBehaviour {
        /// Who.
        who: String,
        /// How.
        behaviour: Many<MinerStep>,
    },
    /// Stakers behave differently from now on.
    StakerBehaviour {
        /// Who.
        who: String,
        /// How.
        behaviour: Many<StakerStep>,
    },
}

impl Action {
    /// The selectors and netuids that it names, for checking. Subnets that are registered during the run are not
    /// known in advance; those that must exist are listed.
    pub(super) fn references(&self) -> (Vec<&str>, Vec<u16>) {
        match self {
            Self::Stake { who, on, netuid, .. } | Self::Unstake { who, on, netuid, .. } => {
                (vec![who, on], vec![*netuid])
            }
            Self::Move { who, from, from_netuid, to, to_netuid, .. } => {
                (vec![who, from, to], vec![*from_netuid, *to_netuid])
            }
            Self::Weights { who, weights } => {
                (std::iter::once(who).chain(weights.keys()).map(String::as_str).collect(), Vec::new())
            }
            Self::Children { who, children } => {
                let to = children.iter().map(|child| child.to.as_str());
                (std::iter::once(who.as_str()).chain(to).collect(), Vec::new())
            }
            Self::ClaimRoot { who, netuids } => (vec![who], netuids.clone()),
            Self::StakerBehaviour { who, behaviour } => {
                let named = behaviour.iter().flat_map(StakerStep::selectors);
                (std::iter::once(who.as_str()).chain(named).collect(), Vec::new())
            }
            Self::Register { who }
            | Self::Leave { who }
            | Self::Take { who, .. }
            | Self::RegisterNetwork { who }
            | Self::ValidatorBehaviour { who, .. }
            | Self::MinerBehaviour { who, .. } => (vec![who], Vec::new()),
            Self::Hyperparameters { netuid, .. } | Self::PriceShock { netuid, .. } => {
                (Vec::new(), vec![*netuid])
            }
            Self::Globals { .. } | Self::StartCall { .. } | Self::Emission { .. } | Self::Upgrade { .. } => {
                (Vec::new(), Vec::new())
            }
        }
    }
}
