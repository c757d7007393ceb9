//! How good a miner's work is over time.

use serde::{Deserialize, Serialize};

use super::Plain;
use crate::scenario::Part;

/// A miner registers at most this many neurons.
pub const SYBIL_COPIES_MAX: u16 = 256;

const BLOCKS_PER_CHANGE: f64 = 1_000.0;

/// One step of a miner's behaviour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MinerStep {
    /// The quality stays.
    Steady(Plain),
    /// The quality rises.
    Improve(Change),
    /// The quality falls.
    Degrade(Change),
    /// The quality is zero from a tick on.
    Leave(u64),
    /// The miner registers at a tick, for the price, instead of being there from the start.
    Join(u64),
    /// The miner's work is shown under several hotkeys.
    Sybil(Sybil),
}

/// How fast quality changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Change in 1,000 blocks.
    pub per_1000_blocks: Part,
    /// Where it ends: 1 for improvement and 0 for degradation without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Part>,
    /// First tick of the change.
    #[serde(default)]
    pub from: u64,
}

impl Change {
    fn size(&self, tick: u64) -> f64 {
        self.per_1000_blocks.get() * (tick.saturating_sub(self.from) as f64 / BLOCKS_PER_CHANGE)
    }
}

/// Copies of a miner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sybil {
    /// How many neurons the miner holds in all.
    pub copies: u16,
}

impl MinerStep {
    /// What the step makes of a quality at a tick.
    #[must_use]
    pub fn quality(&self, quality: f64, tick: u64) -> f64 {
        match self {
            Self::Steady(_) | Self::Join(_) | Self::Sybil(_) => quality,
            Self::Improve(change) => {
                let end = change.to.map_or(1.0, Part::get).max(quality);
                (quality + change.size(tick)).min(end)
            }
            Self::Degrade(change) => {
                let end = change.to.map_or(0.0, Part::get).min(quality);
                (quality - change.size(tick)).max(end)
            }
            Self::Leave(at) if tick >= *at => 0.0,
            Self::Leave(_) => quality,
        }
    }
}

/// Tick at which a miner joins; `None` if it is there from the start.
pub(crate) fn joins_at(steps: &[MinerStep]) -> Option<u64> {
    steps.iter().find_map(|step| if let MinerStep::Join(at) = step { Some(*at) } else { None })
}

/// How many neurons a miner holds.
pub(crate) fn copies(steps: &[MinerStep]) -> u16 {
    let copies =
        steps.iter().filter_map(|step| if let MinerStep::Sybil(s) = step { Some(s.copies) } else { None });
    copies.max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(to: Option<f64>) -> Change {
        Change {
            per_1000_blocks: Part::new(0.1).unwrap(),
            to: to.map(|t| Part::new(t).unwrap()),
            from: 1_000,
        }
    }

    #[test]
    fn quality_rises_from_its_start_to_its_end() {
        let step = MinerStep::Improve(change(Some(0.65)));
        assert_eq!([0, 1_000, 2_000, 9_000].map(|tick| step.quality(0.5, tick)), [0.5, 0.5, 0.6, 0.65]);
    }

    #[test]
    fn quality_falls_to_zero_at_most() {
        let step = MinerStep::Degrade(change(None));
        assert_eq!([1_000, 2_000, 90_000].map(|tick| step.quality(0.5, tick)), [0.5, 0.4, 0.0]);
    }

    #[test]
    fn who_left_does_no_work() {
        let step = MinerStep::Leave(7);
        assert_eq!([6, 7].map(|tick| step.quality(0.5, tick)), [0.5, 0.0]);
    }

    #[test]
    fn joining_and_copies_are_found_in_the_list() {
        let steps = [MinerStep::Join(9), MinerStep::Sybil(Sybil { copies: 3 })];
        assert_eq!((joins_at(&steps), copies(&steps)), (Some(9), 3));
        assert_eq!((joins_at(&[]), copies(&[])), (None, 1));
    }
}
