//! How stakers trade.

mod dump;
mod follow_yield;
mod sandwich;

use serde::{Deserialize, Serialize};

pub use dump::Dump;
pub use follow_yield::FollowYield;
pub(crate) use sandwich::Front;
pub use sandwich::Sandwich;

use super::Plain;
use crate::world::World;

/// One thing that a staker does; several are independent of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StakerStep {
    /// Keeps what it has.
    Hold(Plain),
    /// Moves stake to the best yield from time to time.
    FollowYield(FollowYield),
    /// Buys, waits, sells everything.
    Dump(Dump),
    /// Trades around other people's large trades.
    Sandwich(Sandwich),
}

impl StakerStep {
    /// Tick of the first action, if it acts by the clock.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        match self {
            Self::Hold(_) | Self::Sandwich(_) => None,
            Self::FollowYield(step) => Some(step.every_blocks),
            Self::Dump(step) => Some(step.at),
        }
    }

    /// Acts at a tick; answers the tick of the next action.
    pub fn act(&self, world: &mut World, actor: usize, tick: u64) -> Option<u64> {
        match self {
            Self::Hold(_) | Self::Sandwich(_) => None,
            Self::FollowYield(step) => step.act(world, actor, tick),
            Self::Dump(step) => step.act(world, actor, tick),
        }
    }

    /// Validators that the step names, for checking.
    #[must_use]
    pub fn selectors(&self) -> Vec<&str> {
        match self {
            Self::Hold(_) | Self::FollowYield(_) => Vec::new(),
            Self::Dump(step) => vec![&step.on],
            Self::Sandwich(step) => vec![&step.on],
        }
    }
}
