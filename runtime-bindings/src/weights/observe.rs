//! What the chain says about one hotkey's weights at one finalized block, and what follows from it.

use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};
use sn3_timelock::{Beacon, EpochState, PUBLIC_KEY_BYTES, RevealPlan, RevealSchedule, ScheduleError};

use crate::{BlockRef, WeightsError};

/// The version of timelocked commits that this program makes.
pub(crate) const TIMELOCK_VERSION: u16 = 4;
/// A beacon whose newest round is older than this many rounds has stopped, so nothing would be revealed.
const BEACON_LAG_ROUNDS_MAX: u64 = 200;

/// How weights are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// At once and in the clear.
    Plain,
    /// As a salted hash now, and in the clear in a later epoch, by us.
    Salted,
    /// Sealed to a round of a beacon; the chain opens it in a later epoch.
    Timelocked,
}

/// The beacon that the chain follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconView {
    /// Compressed public key.
    pub public_key: [u8; PUBLIC_KEY_BYTES],
    /// Unix time of round 1, in seconds.
    pub genesis_s: u64,
    /// Seconds between rounds.
    pub period_s: u64,
    /// The newest round that the chain has stored; 0 for none.
    pub last_round: u64,
}

/// A salted commit that the chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltedCommit {
    /// Its hash.
    pub hash: Digest,
    /// The epoch index that the chain filed it under.
    pub epoch: u64,
}

/// Everything that decides what becomes of one hotkey's weights on one mechanism of one subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The finalized block that everything here was read at.
    pub head: BlockRef,
    /// The chain's own time in that block, Unix milliseconds.
    pub time_ms: u64,
    /// Milliseconds between two blocks.
    pub block_ms: u64,
    /// Nonce of the hotkey's account in that block.
    pub nonce: u64,
    /// The subnet's epochs.
    pub epochs: EpochState,
    /// How many slots are taken.
    pub neurons: u16,
    /// The hotkey's slot.
    pub uid: Option<Uid>,
    /// Whether it may set weights for others.
    pub permit: bool,
    /// Whether it counted as active in the last epoch.
    pub active: bool,
    /// Whether it is the subnet owner's hotkey, which needs neither permit nor stake.
    pub is_owner: bool,
    /// When it last set or committed weights; 0 for never.
    pub last_update: BlockNumber,
    /// Blocks that must pass between two settings.
    pub rate_limit_blocks: u64,
    /// Least number of weights.
    pub weights_min: u16,
    /// Whether weights are committed first.
    pub commit_reveal: bool,
    /// Version of timelocked commits that the chain takes.
    pub commit_reveal_version: u16,
    /// Epochs between commit and reveal.
    pub reveal_period_epochs: u64,
    /// Its stake weight in rao; read only where there is a threshold.
    pub stake: u64,
    /// Least stake weight in rao for setting weights.
    pub stake_threshold: u64,
    /// The version key that the subnet demands.
    pub version_key: u64,
    /// How many mechanisms the subnet has.
    pub mechanisms: u8,
    /// The beacon, where the chain has one that we accept.
    pub beacon: Option<BeaconView>,
    /// Its salted commits that wait for their reveal.
    pub commits: Vec<SaltedCommit>,
    /// Its weights as the chain holds them now.
    pub weights: Vec<(Uid, u16)>,
}

impl Observation {
    /// How the subnet takes weights now: plain, or by commit and reveal. The latter is timelocked where the chain
    /// takes our version and its beacon runs, and salted otherwise.
    #[must_use]
    pub fn method(&self) -> Method {
        match (self.commit_reveal, self.commit_reveal_version == TIMELOCK_VERSION && self.beacon_runs()) {
            (false, _) => Method::Plain,
            (true, true) => Method::Timelocked,
            (true, false) => Method::Salted,
        }
    }

    /// Whether the chain's newest round is recent by the chain's own time.
    #[must_use]
    pub fn beacon_runs(&self) -> bool {
        let Some(beacon) = &self.beacon else { return false };
        let elapsed_s = (self.time_ms / 1_000).saturating_sub(beacon.genesis_s);
        let out = elapsed_s / beacon.period_s.max(1);
        beacon.last_round > 0 && out.saturating_sub(beacon.last_round) <= BEACON_LAG_ROUNDS_MAX
    }

    /// The beacon to seal to, and its newest round that the chain has stored.
    pub(crate) fn beacon(&self) -> Option<(Beacon, u64)> {
        let view = self.beacon.as_ref()?;
        let beacon = Beacon::new(&view.public_key, view.genesis_s, view.period_s).ok()?;
        Some((beacon, view.last_round))
    }

    /// The epoch index that calls of the next block see.
    #[must_use]
    pub fn epoch_next(&self) -> u64 {
        self.epochs.index_in_next_block(self.head.number.0)
    }

    /// Blocks until the next epoch runs; `None` on a subnet without epochs.
    #[must_use]
    pub fn blocks_to_epoch(&self) -> Option<u64> {
        self.epochs.next_epoch(self.head.number.0).map(|block| block.saturating_sub(self.head.number.0))
    }

    /// When a commit that is sent now is revealed, and the round to seal it to.
    ///
    /// Counted from the chain's time in the block, not from this machine's clock, which may be wrong.
    pub fn reveal_plan(&self, beacon: &Beacon) -> Result<RevealPlan, ScheduleError> {
        let schedule = RevealSchedule {
            epochs: self.epochs,
            current: self.head.number.0,
            reveal_period_epochs: self.reveal_period_epochs,
            block_ms: self.block_ms,
        };
        schedule.plan(beacon, self.time_ms)
    }

    /// Checks what the chain would check, in its order (chain interface, section 3.5).
    pub fn preflight(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        weights: &[(Uid, u16)],
        version_key: u64,
    ) -> Result<(), WeightsError> {
        let uid = self.uid.ok_or(WeightsError::NotRegistered { hotkey: *hotkey, netuid })?;
        if mechanism >= self.mechanisms {
            return Err(WeightsError::NoSuchMechanism { mechanism, netuid, count: self.mechanisms });
        }
        if self.epochs.tempo == 0 {
            return Err(WeightsError::NoEpochs { netuid });
        }
        self.check_targets(uid, netuid, weights)?;
        if version_key < self.version_key {
            return Err(WeightsError::VersionKey { given: version_key, demanded: self.version_key, netuid });
        }
        self.check_standing(uid, netuid, weights)?;
        self.check_rate()
    }

    fn check_targets(&self, uid: Uid, netuid: NetUid, weights: &[(Uid, u16)]) -> Result<(), WeightsError> {
        let count = usize::from(self.neurons);
        for (i, (target, _)) in weights.iter().enumerate() {
            if usize::from(target.0) >= count {
                return Err(WeightsError::UnknownUid { uid: *target, netuid, count });
            }
            if weights[..i].iter().any(|(earlier, _)| earlier == target) {
                return Err(WeightsError::Duplicate { uid: *target });
            }
        }
        let demanded = usize::from(self.weights_min).min(count);
        if weights.is_empty() || (!is_self(uid, weights) && weights.len() < demanded) {
            return Err(WeightsError::TooFew { given: weights.len(), demanded: demanded.max(1), netuid });
        }
        Ok(())
    }

    fn check_standing(&self, uid: Uid, netuid: NetUid, weights: &[(Uid, u16)]) -> Result<(), WeightsError> {
        if self.is_owner {
            return Ok(());
        }
        let (stake, threshold) = (self.stake, self.stake_threshold);
        if threshold > 0 && stake < threshold {
            return Err(WeightsError::StakeTooLow { stake, threshold });
        }
        if !self.permit && !is_self(uid, weights) {
            return Err(WeightsError::NoPermit { uid, netuid });
        }
        Ok(())
    }

    /// The limit counts from the last update, or from registration; 0 stands for never.
    fn check_rate(&self) -> Result<(), WeightsError> {
        let (last, rate_limit) = (self.last_update, self.rate_limit_blocks);
        let allowed_at = last.saturating_add(rate_limit);
        if last.0 == 0 || self.head.number.0 + 1 >= allowed_at.0 {
            return Ok(());
        }
        Err(WeightsError::TooSoon { last_update: last, rate_limit, allowed_at })
    }
}

/// A single weight for oneself needs neither a permit nor company.
fn is_self(uid: Uid, weights: &[(Uid, u16)]) -> bool {
    matches!(weights, [(target, _)] if *target == uid)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const NETUID: NetUid = NetUid(3);
    const HOTKEY: Hotkey = Hotkey([1; 32]);

    /// A subnet of three neurons at block 1000, whose uid 1 may set plain weights at once.
    pub(crate) fn observation() -> Observation {
        Observation {
            head: BlockRef { number: BlockNumber(1_000), hash: Digest([1; 32]) },
            time_ms: 1_800_000_000_000,
            block_ms: 12_000,
            nonce: 0,
            epochs: EpochState {
                tempo: 20,
                last_epoch_block: 990,
                pending_epoch_at: 0,
                epoch_index: 7,
                blocks_since_last_step: 10,
            },
            neurons: 3,
            uid: Some(Uid(1)),
            permit: true,
            active: true,
            is_owner: false,
            last_update: BlockNumber(0),
            rate_limit_blocks: 10,
            weights_min: 2,
            commit_reveal: false,
            commit_reveal_version: 4,
            reveal_period_epochs: 1,
            stake: 0,
            stake_threshold: 0,
            version_key: 5,
            mechanisms: 1,
            beacon: None,
            commits: Vec::new(),
            weights: Vec::new(),
        }
    }

    fn check(observation: &Observation, weights: &[(u16, u16)]) -> Result<(), WeightsError> {
        let weights: Vec<_> = weights.iter().map(|(uid, weight)| (Uid(*uid), *weight)).collect();
        observation.preflight(&HOTKEY, NETUID, 0, &weights, 5)
    }

    #[test]
    fn what_the_chain_refuses_is_refused_here() {
        let seen = observation();
        let two = [(0, 1), (2, 1)];
        assert_eq!(check(&seen, &two), Ok(()));
        assert!(matches!(check(&seen, &[(0, 1)]), Err(WeightsError::TooFew { demanded: 2, .. })));
        assert!(matches!(check(&seen, &[]), Err(WeightsError::TooFew { .. })));
        assert!(matches!(check(&seen, &[(0, 1), (3, 1)]), Err(WeightsError::UnknownUid { .. })));
        assert!(matches!(check(&seen, &[(0, 1), (0, 2)]), Err(WeightsError::Duplicate { .. })));
        let with = |change: fn(&mut Observation)| {
            let mut seen = observation();
            change(&mut seen);
            check(&seen, &two)
        };
        assert!(matches!(with(|o| o.uid = None), Err(WeightsError::NotRegistered { .. })));
        assert!(matches!(with(|o| o.permit = false), Err(WeightsError::NoPermit { .. })));
        assert!(matches!(with(|o| o.version_key = 6), Err(WeightsError::VersionKey { given: 5, .. })));
        assert!(matches!(with(|o| o.stake_threshold = 1), Err(WeightsError::StakeTooLow { .. })));
        assert!(matches!(with(|o| o.mechanisms = 0), Err(WeightsError::NoSuchMechanism { .. })));
        assert!(matches!(with(|o| o.epochs.tempo = 0), Err(WeightsError::NoEpochs { .. })));
    }

    #[test]
    fn self_weight_and_the_owner_are_exempt() {
        let stranger = Observation { permit: false, ..observation() };
        assert_eq!(check(&stranger, &[(1, 1)]), Ok(()));
        let owner = Observation { is_owner: true, stake_threshold: 9, ..stranger };
        assert_eq!(check(&owner, &[(0, 1), (1, 1)]), Ok(()));
    }

    #[test]
    fn the_rate_limit_counts_to_the_block_that_executes() {
        // Updated at 991 with limit 10: the call passes in block 1001, which follows head 1000.
        let at = |block| Observation { last_update: BlockNumber(block), ..observation() };
        assert_eq!(check(&at(991), &[(0, 1), (2, 1)]), Ok(()));
        let early = check(&at(992), &[(0, 1), (2, 1)]);
        assert!(matches!(early, Err(WeightsError::TooSoon { allowed_at: BlockNumber(1002), .. })));
        assert_eq!(check(&at(0), &[(0, 1), (2, 1)]), Ok(()));
    }

    #[test]
    fn the_method_follows_the_live_settings() {
        let beacon = Beacon::quicknet();
        let running = BeaconView {
            public_key: beacon.public_key(),
            genesis_s: beacon.genesis_s(),
            period_s: beacon.period_s(),
            last_round: beacon.round_at(observation().time_ms),
        };
        let with = |commit_reveal, commit_reveal_version, last_round| {
            let beacon = Some(BeaconView { last_round, ..running.clone() });
            Observation { commit_reveal, commit_reveal_version, beacon, ..observation() }.method()
        };
        assert_eq!(with(false, 4, running.last_round), Method::Plain);
        assert_eq!(with(true, 4, running.last_round), Method::Timelocked);
        assert_eq!(with(true, 5, running.last_round), Method::Salted);
        assert_eq!(with(true, 4, running.last_round - 202), Method::Salted);
        assert_eq!(with(true, 4, 0), Method::Salted);
        let none = Observation { commit_reveal: true, beacon: None, ..observation() };
        assert_eq!(none.method(), Method::Salted);
    }
}
