//! Setting weights: draft, submit, commit, reveal, and when to do it again.

use rand_chacha::rand_core::RngCore;
use sn3_emission::network::{Schedule, Secret, Subnet, Weights, commit_hash};
use sn3_emission::spec::EpochPeriod;
use sn3_protocol::{Hotkey, NetUid};

use super::{Hidden, Role, World};
use crate::behaviour::{View, draft, rng};
use crate::scenario::Timing;

/// Numbers in a commit's salt.
const SALT_LENGTH: usize = 8;

impl World {
    /// A validator drafts weights and submits them. Answers the tick at which a commit can be revealed.
    pub(crate) fn weigh(&mut self, actor: usize) -> Option<u64> {
        let netuid = self.cast.actors[actor].netuid?;
        let weights = self.drafted(actor, netuid)?;
        self.submit_weights(actor, netuid, &weights)
    }

    fn drafted(&mut self, actor: usize, netuid: NetUid) -> Option<Weights> {
        let Role::Validator { steps, .. } = &self.cast.actors[actor].role else { return None };
        let steps = steps.clone();
        if steps.is_empty() {
            return None;
        }
        let quality = self.quality(netuid);
        let mut memory = std::mem::take(&mut self.books[actor].memory);
        let subnet = self.network.subnet(netuid)?;
        let uid = subnet.neurons.uid_of(&self.cast.actors[actor].hotkey());
        let drafted = uid.and_then(|uid| {
            let view = View {
                network: &self.network,
                subnet,
                cast: &self.cast,
                netuid,
                name: &self.cast.actors[actor].name,
                uid,
                tick: self.tick(),
                seed: self.seed,
                quality: &quality,
            };
            draft(&steps, &view, &mut memory)
        });
        self.books[actor].memory = memory;
        drafted.and_then(|draft| draft.weights())
    }

    /// Submits weights in the open or by a commit, as the subnet demands.
    pub(crate) fn submit_weights(&mut self, actor: usize, netuid: NetUid, weights: &Weights) -> Option<u64> {
        let hotkey = self.cast.actors[actor].hotkey();
        if self.network.subnet(netuid)?.params.commit_reveal_enabled {
            return self.commit(actor, &hotkey, netuid, weights);
        }
        let result = self.network.set_weights(&hotkey, netuid, 0, weights);
        if self.noted("set_weights", result).is_some() {
            self.books[actor].weights_set += 1;
        }
        None
    }

    fn commit(&mut self, actor: usize, hotkey: &Hotkey, netuid: NetUid, weights: &Weights) -> Option<u64> {
        let mut salts = rng(self.seed, &self.cast.actors[actor].name, "salt", self.tick());
        let salt: Vec<u16> = (0..SALT_LENGTH).map(|_| salts.next_u32() as u16).collect();
        let secret = Secret::Hash(commit_hash(hotkey, netuid, 0, weights, &salt));
        let epoch = self.network.commit_epoch(self.network.subnet(netuid)?);
        let result = self.network.commit_weights(hotkey, netuid, 0, secret);
        self.noted("commit_weights", result)?;
        self.books[actor].weights_set += 1;
        self.books[actor].hidden.push(Hidden { epoch, weights: weights.clone(), salt });
        self.reveal_tick(netuid)
    }

    /// Reveals what can be revealed. Answers the tick of the next try, if commits wait.
    pub(crate) fn reveal(&mut self, actor: usize) -> Option<u64> {
        let (netuid, hotkey) = (self.cast.actors[actor].netuid?, self.cast.actors[actor].hotkey());
        let subnet = self.network.subnet(netuid)?;
        let now = self.network.commit_epoch(subnet);
        let period = subnet.limits.reveal_period_epochs;
        let hidden = std::mem::take(&mut self.books[actor].hidden);
        let (due, waiting): (Vec<Hidden>, Vec<Hidden>) =
            hidden.into_iter().partition(|hidden| hidden.epoch.saturating_add(period) <= now);
        let waits = !waiting.is_empty();
        self.books[actor].hidden = waiting;
        for hidden in due {
            let result = self.network.reveal_weights(&hotkey, netuid, 0, &hidden.weights, &hidden.salt);
            self.noted("reveal_weights", result);
        }
        if waits { self.reveal_tick(netuid) } else { None }
    }

    /// The tick right after the subnet's next epoch, when commits of this epoch open.
    fn reveal_tick(&self, netuid: NetUid) -> Option<u64> {
        let subnet = self.network.subnet(netuid)?;
        let rhythm = self.rhythm(subnet)?;
        let pending = Some(subnet.schedule.pending_epoch_at).filter(|at| *at > self.network.block);
        let block = rhythm.next(self.network.block).min(pending.unwrap_or(u64::MAX));
        Some(block.saturating_sub(self.start_block))
    }

    /// When a subnet's epochs fall, by the counter or by the block number, as the spec has it.
    fn rhythm(&self, subnet: &Subnet) -> Option<Rhythm> {
        let (block, tempo) = (self.network.block, u64::from(subnet.params.tempo));
        if tempo == 0 {
            return None;
        }
        if self.network.spec.schedule.period == EpochPeriod::Stateful {
            return Some(Rhythm { last: subnet.schedule.last_epoch_block, period: tempo });
        }
        let period = tempo + 1;
        let until = Schedule::blocks_until_modulo(block, subnet.netuid, subnet.params.tempo);
        Some(Rhythm { last: (block + until).saturating_sub(if until == 0 { 0 } else { period }), period })
    }

    /// When a validator sets weights next: `first` at the start of the run, else after having just done so.
    pub(crate) fn next_weights_tick(&self, actor: usize, first: bool) -> Option<u64> {
        let Role::Validator { steps, timing } = &self.cast.actors[actor].role else { return None };
        let subnet = self.network.subnet(self.cast.actors[actor].netuid?)?;
        let rhythm = self.rhythm(subnet).filter(|_| !steps.is_empty())?;
        let fixed = timing.after_epoch_blocks.or(timing.before_epoch_blocks).is_some();
        if first && !fixed {
            return Some(self.tick());
        }
        let phase = self.phase(actor, rhythm.period, timing);
        let wait = if first { 0 } else { subnet.limits.weights_rate_limit_blocks.max(1) };
        let epochs = if first { 0 } else { timing.every_epochs.max(1) };
        let block = rhythm.block(epochs, phase, self.network.block.saturating_add(wait));
        Some(block.saturating_sub(self.start_block))
    }

    /// Blocks after an epoch at which a validator acts.
    fn phase(&self, actor: usize, period: u64, timing: &Timing) -> u64 {
        match (timing.after_epoch_blocks, timing.before_epoch_blocks) {
            (Some(after), _) => after.min(period - 1),
            (None, Some(before)) => period.saturating_sub(before.max(1)),
            (None, None) => {
                let mut phases = rng(self.seed, &self.cast.actors[actor].name, "phase", 0);
                phases.next_u64() % period
            }
        }
    }
}

/// The last epoch slot and the blocks between two.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    last: u64,
    period: u64,
}

impl Rhythm {
    /// The first epoch after a block.
    fn next(self, block: u64) -> u64 {
        self.last.saturating_add(self.period).max(block.saturating_add(1))
    }

    /// The block with a phase so many epochs on, whole periods later while that is before `earliest`.
    fn block(self, epochs: u32, phase: u64, earliest: u64) -> u64 {
        let block = self.last.saturating_add(u64::from(epochs) * self.period).saturating_add(phase);
        let missing = earliest.saturating_sub(block).div_ceil(self.period);
        block.saturating_add(missing * self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_is_kept_and_the_rate_limit_respected() {
        let rhythm = Rhythm { last: 1_000, period: 100 };
        assert_eq!(rhythm.block(0, 99, 1_001), 1_099);
        assert_eq!(rhythm.block(0, 3, 1_050), 1_103);
        assert_eq!(rhythm.block(1, 99, 1_099 + 150), 1_299, "1199 would be within the rate limit");
        assert_eq!(rhythm.block(13, 10, 1_010 + 150), 2_310);
        assert_eq!((rhythm.next(1_050), rhythm.next(1_200)), (1_100, 1_201));
    }
}
