//! The price adjusted to the registrations of an interval, specs 233 to 396 (runtime timeline, section 6.1).

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

const FRACTION_BITS: u32 = 18;
const ONE: u128 = 1 << FRACTION_BITS;
/// An interval takes this multiple of its target.
const INTERVAL_MULTIPLE_MAX: u16 = 3;

/// Registrations of an interval, and the difficulty of registering by work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Interval {
    /// Blocks of an interval.
    pub length_blocks: u16,
    /// Registrations at which the price stays.
    pub target: u16,
    /// Registrations in one block.
    pub per_block_max: u16,
    /// How much of the old price is kept, in parts of `u64::MAX`.
    pub memory: u64,
    /// Block of the last adjustment.
    pub last_adjustment: u64,
    /// Registrations by burn in this interval.
    pub burns: u16,
    /// Registrations by work in this interval.
    pub works: u16,
    /// Registrations in this block.
    pub this_block: u16,
    /// Difficulty of the work.
    pub difficulty: u64,
    /// Lower bound of the difficulty.
    pub min_difficulty: u64,
    /// Upper bound of the difficulty.
    pub max_difficulty: u64,
}

impl Default for Interval {
    fn default() -> Self {
        Self {
            length_blocks: 100,
            target: 2,
            per_block_max: 1,
            memory: 0,
            last_adjustment: 0,
            burns: 0,
            works: 0,
            this_block: 0,
            difficulty: 10_000_000,
            min_difficulty: 10_000_000,
            max_difficulty: u64::MAX / 4,
        }
    }
}

impl Interval {
    /// One registration, by burn or by work.
    pub fn count(&mut self, by_burn: bool) {
        let counter = if by_burn { &mut self.burns } else { &mut self.works };
        *counter = counter.saturating_add(1);
        self.this_block = self.this_block.saturating_add(1);
    }

    /// Whether the interval takes no more registrations.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.burns.saturating_add(self.works) >= self.target.saturating_mul(INTERVAL_MULTIPLE_MAX)
    }

    /// One block passes; answers the burn price, not yet bounded.
    pub(super) fn step(&mut self, block: u64, burn: u64) -> u64 {
        self.this_block = 0;
        if block.saturating_sub(self.last_adjustment) < u64::from(self.length_blocks) {
            return burn;
        }
        let registrations = self.burns.saturating_add(self.works);
        let rises = registrations > self.target;
        let burn_moves = if rises { self.burns >= self.works } else { self.works >= self.burns };
        let work_moves = if rises { self.works >= self.burns } else { self.burns >= self.works };
        let next = |old| adjusted(old, registrations, self.target, self.memory);
        if work_moves {
            self.difficulty = next(self.difficulty).min(self.max_difficulty).max(self.min_difficulty);
        }
        let burn = if burn_moves { next(burn) } else { burn };
        (self.burns, self.works, self.last_adjustment) = (0, 0, block);
        burn
    }
}

/// `mul(m, old) + mul(1 - m, old · (r + T) / (T + T))` with 18 fraction bits, floored.
///
/// ```text
/// 1,000 after 6 registrations of a target of 2, nothing kept: 1,000 · 8/4 = 2,000.
/// ```
fn adjusted(old: u64, registrations: u16, target: u16, memory: u64) -> u64 {
    let memory = (u128::from(memory) << FRACTION_BITS) / u128::from(u64::MAX);
    let old = u128::from(old) << FRACTION_BITS;
    let scaled = old * (u128::from(registrations) + u128::from(target));
    let moved = scaled.checked_div(2 * u128::from(target)).unwrap_or(0);
    let kept = (memory * old) >> FRACTION_BITS;
    let new = ((ONE - memory) * moved) >> FRACTION_BITS;
    u64::try_from((kept + new) >> FRACTION_BITS).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_follows_the_registrations() {
        assert_eq!(adjusted(1_000, 6, 2, 0), 2_000);
        assert_eq!(adjusted(1_000, 2, 2, 0), 1_000);
        assert_eq!(adjusted(1_000, 0, 2, 0), 500);
        assert_eq!(adjusted(1_000, 6, 2, u64::MAX / 2 + 1), 1_500);
        assert_eq!(adjusted(u64::MAX, u16::MAX, 1, 0), u64::MAX);
    }

    #[test]
    fn burns_raise_the_burn_and_works_the_difficulty() {
        let mut interval = Interval { burns: 4, works: 1, ..Interval::default() };
        assert_eq!(interval.step(99, 1_000), 1_000);
        assert_eq!(interval.step(100, 1_000), 1_750);
        assert_eq!((interval.burns, interval.difficulty), (0, 10_000_000));
        interval.works = 6;
        assert_eq!(interval.step(200, 1_000), 1_000);
        assert_eq!(interval.difficulty, 20_000_000);
    }

    #[test]
    fn an_idle_interval_lowers_both() {
        let mut interval = Interval { difficulty: 80_000_000, ..Interval::default() };
        assert_eq!(interval.step(100, 1_000), 500);
        assert_eq!(interval.difficulty, 40_000_000);
    }
}
