//! When a commit is revealed, and so to which round it must be sealed (chain interface, sections 4.2 and 5.3).

use crate::Beacon;

/// Blocks without an epoch after which one is due whatever the tempo.
const EPOCH_OVERDUE_BLOCKS: u64 = 50_400;
/// Blocks that are added for safety: the beacon's round must be out when the chain looks for it.
const SAFETY_BLOCKS: u64 = 3;
/// Most epochs between commit and reveal; the chain allows 100.
const REVEAL_PERIOD_EPOCHS_MAX: u64 = 100;
const MS_PER_S: u64 = 1_000;

/// Why there is no reveal round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The subnet runs no epochs.
    #[error(
        "the subnet's tempo is 0, so it runs no epochs and nothing is ever revealed; set weights elsewhere"
    )]
    NoEpochs,
    /// The reveal period is not one that the chain allows.
    #[error("the subnet's reveal period is {epochs} epochs; the chain allows 1 to 100")]
    Period {
        /// What was given.
        epochs: u64,
    },
    /// The clock stands before the beacon's genesis, or the numbers overflow.
    #[error("the clock says {unix_ms} ms, for which the beacon has no round; set the clock")]
    Clock {
        /// Unix time in milliseconds.
        unix_ms: u64,
    },
}

/// A subnet's epoch state after a block: what decides when its next epochs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochState {
    /// Blocks between two epochs.
    pub tempo: u16,
    /// Block of the last epoch.
    pub last_epoch_block: u64,
    /// Block at which an epoch was ordered; 0 for none.
    pub pending_epoch_at: u64,
    /// How many epochs have run.
    pub epoch_index: u64,
    /// Blocks since the last epoch as the chain counts them.
    pub blocks_since_last_step: u64,
}

impl EpochState {
    /// The first block after `current` in which an epoch runs; `None` on a subnet without epochs.
    ///
    /// An epoch is due when tempo blocks have passed since the last one, when an ordered one has come, or when none
    /// ran for 50,400 blocks (chain interface, section 4.2).
    #[must_use]
    pub fn next_epoch(&self, current: u64) -> Option<u64> {
        if self.tempo == 0 {
            return None;
        }
        let by_tempo = self.last_epoch_block.saturating_add(self.tempo.into());
        let left = (EPOCH_OVERDUE_BLOCKS + 1).saturating_sub(self.blocks_since_last_step);
        let overdue = current.saturating_add(left);
        let ordered = if self.pending_epoch_at == 0 { u64::MAX } else { self.pending_epoch_at };
        Some(by_tempo.min(overdue).min(ordered).max(current.saturating_add(1)))
    }

    /// The epoch index that calls of the block after `current` see: an epoch that falls due there runs first.
    ///
    /// The chain's look-ahead does not count the new block among those since the last epoch, so that an overdue
    /// epoch is noticed one block later here than it runs; the official client does the same.
    #[must_use]
    pub fn index_in_next_block(&self, current: u64) -> u64 {
        let next = current.saturating_add(1);
        let by_tempo = next.saturating_sub(self.last_epoch_block) >= self.tempo.into();
        let ordered = self.pending_epoch_at > 0 && next >= self.pending_epoch_at;
        let overdue = self.blocks_since_last_step > EPOCH_OVERDUE_BLOCKS;
        let due = self.tempo > 0 && (by_tempo || ordered || overdue);
        self.epoch_index.saturating_add(due.into())
    }

    /// The block at which the index reaches `index`, counted from the state after `current`.
    #[must_use]
    pub fn block_of_index(mut self, index: u64, mut current: u64) -> Option<u64> {
        while self.epoch_index < index {
            current = self.next_epoch(current)?;
            self = Self {
                last_epoch_block: current,
                pending_epoch_at: 0,
                epoch_index: self.epoch_index.saturating_add(1),
                blocks_since_last_step: 0,
                ..self
            };
        }
        Some(current)
    }
}

/// What decides when a commit that is sent now will be revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevealSchedule {
    /// The subnet's epochs, as of `current`.
    pub epochs: EpochState,
    /// The head; the commit is taken to land in the block after it.
    pub current: u64,
    /// Epochs between commit and reveal.
    pub reveal_period_epochs: u64,
    /// Milliseconds between two blocks.
    pub block_ms: u64,
}

/// When a commit that is sent now will be revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevealPlan {
    /// Epoch index that the chain files the commit under.
    pub commit_epoch: u64,
    /// Epoch index at which the chain reveals it.
    pub reveal_epoch: u64,
    /// The first block of that epoch.
    pub reveal_block: u64,
    /// The beacon's round to seal to.
    pub round: u64,
}

impl RevealSchedule {
    /// Plans a commit that is sent at a Unix time in milliseconds.
    ///
    /// The round is floor((now + (reveal block - current + 3) × block time - genesis) / period), as the official
    /// client computes it.
    pub fn plan(&self, beacon: &Beacon, unix_ms: u64) -> Result<RevealPlan, ScheduleError> {
        let period = self.reveal_period_epochs;
        if !(1..=REVEAL_PERIOD_EPOCHS_MAX).contains(&period) {
            return Err(ScheduleError::Period { epochs: period });
        }
        let commit_epoch = self.epochs.index_in_next_block(self.current);
        let reveal_epoch = commit_epoch.saturating_add(period);
        let reveal_block =
            self.epochs.block_of_index(reveal_epoch, self.current).ok_or(ScheduleError::NoEpochs)?;
        let blocks = reveal_block.saturating_sub(self.current).saturating_add(SAFETY_BLOCKS);
        let clock = ScheduleError::Clock { unix_ms };
        let at_ms =
            blocks.checked_mul(self.block_ms).and_then(|wait| wait.checked_add(unix_ms)).ok_or(clock)?;
        let elapsed_ms = at_ms.checked_sub(beacon.genesis_s().saturating_mul(MS_PER_S)).ok_or(clock)?;
        let round = elapsed_ms / MS_PER_S / beacon.period_s();
        Ok(RevealPlan { commit_epoch, reveal_epoch, reveal_block, round })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> EpochState {
        EpochState {
            tempo: 360,
            last_epoch_block: 100,
            pending_epoch_at: 0,
            epoch_index: 5,
            blocks_since_last_step: 20,
        }
    }

    #[test]
    fn a_commit_in_the_middle_of_an_epoch() {
        // Last epoch at 100, tempo 360: the next at 460 makes the index 6 = 5 + 1. 460 - 120 + 3 = 343 blocks of
        // 12 s are 4116 s, which is 1372 rounds after round (now - genesis) / 3.
        let schedule =
            RevealSchedule { epochs: epochs(), current: 120, reveal_period_epochs: 1, block_ms: 12_000 };
        let beacon = Beacon::quicknet();
        let now_ms = 1_692_803_367_000 + 3_000 * 1_000;
        let plan = schedule.plan(&beacon, now_ms).unwrap();
        assert_eq!(plan, RevealPlan { commit_epoch: 5, reveal_epoch: 6, reveal_block: 460, round: 2_372 });
    }

    #[test]
    fn a_commit_that_lands_in_an_epochs_block_belongs_to_the_new_epoch() {
        assert_eq!(epochs().index_in_next_block(458), 5);
        assert_eq!(epochs().index_in_next_block(459), 6);
        let schedule =
            RevealSchedule { epochs: epochs(), current: 459, reveal_period_epochs: 1, block_ms: 12_000 };
        let plan = schedule.plan(&Beacon::quicknet(), 2_000_000_000_000).unwrap();
        assert_eq!((plan.commit_epoch, plan.reveal_epoch, plan.reveal_block), (6, 7, 820));
    }

    #[test]
    fn ordered_and_overdue_epochs_come_first() {
        let ordered = EpochState { pending_epoch_at: 130, ..epochs() };
        assert_eq!(ordered.next_epoch(120), Some(130));
        assert_eq!(ordered.block_of_index(7, 120), Some(130 + 360));
        let overdue = EpochState { tempo: 65_535, blocks_since_last_step: 50_399, ..epochs() };
        assert_eq!(overdue.next_epoch(120), Some(122));
    }

    #[test]
    fn what_has_no_round_is_refused() {
        let schedule =
            RevealSchedule { epochs: epochs(), current: 120, reveal_period_epochs: 1, block_ms: 12_000 };
        let beacon = Beacon::quicknet();
        assert!(matches!(schedule.plan(&beacon, 0), Err(ScheduleError::Clock { .. })));
        assert!(matches!(schedule.plan(&beacon, u64::MAX), Err(ScheduleError::Clock { .. })));
        let never = RevealSchedule { epochs: EpochState { tempo: 0, ..epochs() }, ..schedule };
        assert_eq!(never.plan(&beacon, u64::MAX), Err(ScheduleError::NoEpochs));
        for epochs in [0, 101] {
            let odd = RevealSchedule { reveal_period_epochs: epochs, ..schedule };
            assert_eq!(odd.plan(&beacon, 0), Err(ScheduleError::Period { epochs }));
        }
    }
}
