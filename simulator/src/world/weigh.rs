//! Setting weights: draft, submit, commit, reveal, and when to do it again.

use rand_chacha::rand_core::RngCore;
use sn3_emission::network::{Secret, Subnet, Weights, commit_hash};
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
        let epoch = self.network.subnet(netuid)?.lookahead_epoch(self.network.block);
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
        let now = subnet.lookahead_epoch(self.network.block);
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
        let block = subnet.schedule.next_epoch_block(self.network.block, subnet.params.tempo)?;
        Some(block.saturating_sub(self.start_block))
    }

    /// When a validator sets weights next: `first` at the start of the run, else after having just done so.
    pub(crate) fn next_weights_tick(&self, actor: usize, first: bool) -> Option<u64> {
        let Role::Validator { steps, timing } = &self.cast.actors[actor].role else { return None };
        let subnet = self.network.subnet(self.cast.actors[actor].netuid?)?;
        if steps.is_empty() || subnet.params.tempo == 0 {
            return None;
        }
        let fixed = timing.after_epoch_blocks.or(timing.before_epoch_blocks).is_some();
        if first && !fixed {
            return Some(self.tick());
        }
        let phase = self.phase(actor, subnet, timing);
        let block = next_block(subnet, timing, phase, self.network.block, first);
        Some(block.saturating_sub(self.start_block))
    }

    /// Blocks after an epoch at which a validator acts.
    fn phase(&self, actor: usize, subnet: &Subnet, timing: &Timing) -> u64 {
        let tempo = u64::from(subnet.params.tempo);
        match (timing.after_epoch_blocks, timing.before_epoch_blocks) {
            (Some(after), _) => after.min(tempo - 1),
            (None, Some(before)) => tempo.saturating_sub(before.max(1)),
            (None, None) => {
                let mut phases = rng(self.seed, &self.cast.actors[actor].name, "phase", 0);
                phases.next_u64() % tempo
            }
        }
    }
}

/// The next block with the wanted phase in the epoch, whole tempos later while the chain would refuse it.
fn next_block(subnet: &Subnet, timing: &Timing, phase: u64, now: u64, first: bool) -> u64 {
    let tempo = u64::from(subnet.params.tempo);
    let epochs = if first { 0 } else { u64::from(timing.every_epochs.max(1)) };
    let block = subnet.schedule.last_epoch_block.saturating_add(epochs * tempo).saturating_add(phase);
    let wait = if first { 0 } else { subnet.limits.weights_rate_limit_blocks.max(1) };
    let earliest = now.saturating_add(wait);
    let missing = earliest.saturating_sub(block).div_ceil(tempo);
    block.saturating_add(missing * tempo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(phase: u64, now: u64, first: bool, every_epochs: u32) -> u64 {
        let mut subnet = Subnet::new(NetUid(1), 0);
        (subnet.params.tempo, subnet.schedule.last_epoch_block) = (100, 1_000);
        subnet.limits.weights_rate_limit_blocks = 150;
        let timing = Timing { every_epochs, ..Timing::default() };
        next_block(&subnet, &timing, phase, now, first)
    }

    #[test]
    fn the_phase_is_kept_and_the_rate_limit_respected() {
        assert_eq!(next(99, 1_001, true, 1), 1_099);
        assert_eq!(next(3, 1_050, true, 1), 1_103);
        assert_eq!(next(99, 1_099, false, 1), 1_299, "1199 would be within the rate limit");
        assert_eq!(next(10, 1_010, false, 13), 2_310);
    }
}
