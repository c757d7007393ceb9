//! Many blocks at once, on all processors: epochs are computed while earlier blocks are stepped.
//!
//! A block depends on the block before it, so blocks go one after another. An epoch is most of the work of its
//! block, but all that is heavy in it depends only on the stakes, weights and bonds of its subnet, which rest
//! between two epochs:
//!
//! ```text
//! this thread    blocks 1 .. 32        │ blocks 33 .. 64       │ blocks 65 .. 96
//! the others     epochs of 33 .. 64    │ epochs of 65 .. 96    │ epochs of 97 .. 128
//! ```
//!
//! The subnets whose epoch comes in the next batch lend their neurons and mechanisms to the other threads, without
//! a copy; no block step touches those of a subnet whose epoch is not due. When the epoch is due, everything else
//! that it reads is compared with what the computation read, and any difference, for instance a root claim that
//! moved stake, has it computed anew. So the results are those of single steps for any number of threads.

use std::collections::BTreeMap;

use rayon::prelude::*;
use sn3_protocol::NetUid;

use super::epochs::Facts;
use super::payout::Payees;
use super::{BlockReport, Consensus, Hooks, Mechanism, Network, Neurons, Subnet};
use crate::epoch::{EpochEra, MechanismInput, PreparedEpoch, prepare_subnet_by};
use crate::spec::{EpochPeriod, LiquidConsensus};

/// Blocks that are stepped while the epochs of the next as many are computed.
const BATCH_BLOCKS: u64 = 32;

/// What is known of epochs before their block.
#[derive(Default)]
pub(super) struct Ahead {
    /// Epochs that were computed, by subnet, with what they read.
    epochs: BTreeMap<NetUid, (Facts, PreparedEpoch)>,
    /// Who was paid last, while only block steps happen: they change no hotkey's owner or take, and no neurons.
    payees: Option<BTreeMap<NetUid, Payees>>,
}

impl Ahead {
    /// The epoch of a subnet in the current block, if it was computed from what it would read now.
    pub(super) fn take(&mut self, network: &Network, netuid: NetUid) -> Option<PreparedEpoch> {
        let (facts, prepared) = self.epochs.remove(&netuid)?;
        (network.facts(&network.subnets[&netuid], network.block) == facts).then_some(prepared)
    }

    /// A subnet's payees of its last payout.
    pub(super) fn payees(&mut self, netuid: NetUid) -> Option<Payees> {
        self.payees.as_mut()?.remove(&netuid)
    }

    /// Keeps a subnet's payees, if nothing but block steps will happen.
    pub(super) fn remember(&mut self, netuid: NetUid, payees: Payees) {
        if let Some(known) = &mut self.payees {
            known.insert(netuid, payees);
        }
    }
}

/// A subnet's epoch to compute: what it reads, on loan.
struct Loan {
    netuid: NetUid,
    facts: Facts,
    neurons: Neurons,
    mechanisms: Vec<Mechanism>,
}

impl Loan {
    fn compute(self) -> (Self, PreparedEpoch) {
        let inputs: Vec<MechanismInput<'_>> = self
            .mechanisms
            .iter()
            .map(|m| MechanismInput {
                weights: &m.weights,
                bonds: &m.bonds,
                last_update: &m.last_update,
                earliest_commit: &[], // Nobody lends with commits.
            })
            .collect();
        let era = EpochEra { rules: self.facts.rules, liquid_consensus: Vec::new() };
        let prepared = prepare_subnet_by(&era, &self.facts.input(&self.neurons), &inputs);
        drop(inputs);
        (self, prepared)
    }
}

impl Network {
    /// Steps `count` blocks, with all threads of the current pool. The state afterwards is that of as many calls
    /// of [`Network::step_block`], which is tested; `parent_hash` answers the hash for the block that is stepped,
    /// `report` sees every block in order.
    ///
    /// ```
    /// use sn3_emission::{Network, network::Globals};
    /// let mut network = Network::new(Globals::default(), 0);
    /// let mut issued = 0;
    /// network.step_blocks(100, |_| [7; 32], |report| issued += report.issued_rao);
    /// assert_eq!((network.block, issued), (100, network.total_issuance));
    /// ```
    pub fn step_blocks(
        &mut self,
        count: u64,
        parent_hash: impl Fn(u64) -> [u8; 32] + Sync,
        mut report: impl FnMut(&BlockReport) + Send,
    ) {
        let end = self.block.saturating_add(count);
        let mut hooks = Hooks::default();
        hooks.ahead.payees = Some(BTreeMap::new());
        while self.block < end {
            let batch = BATCH_BLOCKS.min(end - self.block);
            let mut step = |network: &mut Self, hooks: &mut Hooks<'_>| {
                for _ in 0..batch {
                    let hash = parent_hash(network.block + 1);
                    report(&network.step_block_hooked(&hash, hooks));
                }
            };
            if rayon::current_num_threads() == 1 || self.block + batch == end {
                step(self, &mut hooks);
                continue;
            }
            let loans = self.lend(self.block + batch, (end - self.block - batch).min(BATCH_BLOCKS));
            let present = std::mem::take(&mut hooks.ahead);
            let (computed, present) = rayon::join(
                || loans.into_par_iter().map(Loan::compute).collect::<Vec<_>>(),
                || {
                    let mut hooks = Hooks { ahead: present, ..Hooks::default() };
                    step(self, &mut hooks);
                    hooks.ahead
                },
            );
            hooks.ahead = Ahead { epochs: self.redeem(computed), payees: present.payees };
        }
    }

    /// Takes what the epochs within `blocks` after `from` read out of their subnets.
    fn lend(&mut self, from: u64, blocks: u64) -> Vec<Loan> {
        let due: Vec<(NetUid, u64)> = self
            .subnets
            .values()
            .filter_map(|subnet| Some((subnet.netuid, self.sure_epoch(subnet, from + blocks)?)))
            .filter(|(_, block)| (from + 1..=from + blocks).contains(block))
            .collect();
        due.into_iter().map(|(netuid, block)| self.loan(netuid, block)).collect()
    }

    /// The block of a subnet's next epoch, if it lies before `until` and nothing in a block step can move it
    /// forward or change its neurons and mechanisms.
    fn sure_epoch(&self, subnet: &Subnet, until: u64) -> Option<u64> {
        let stateful = self.spec.schedule.period == EpochPeriod::Stateful
            && self.spec.epoch.liquid_consensus == LiquidConsensus::Current;
        let plain = subnet.netuid.0 != 0
            && subnet.consensus != Consensus::Null
            && subnet.mechanisms.iter().all(|mechanism| mechanism.commits.is_empty())
            && !subnet.schedule.may_stall(until - self.block);
        let next = subnet.schedule.next_epoch_block(self.block, subnet.params.tempo)?;
        (stateful && plain && next <= until).then_some(next)
    }

    fn loan(&mut self, netuid: NetUid, block: u64) -> Loan {
        let facts = self.facts(&self.subnets[&netuid], block);
        let subnet = self.subnets.get_mut(&netuid).expect("lending subnets exist");
        let (neurons, mechanisms) =
            (std::mem::take(&mut subnet.neurons), std::mem::take(&mut subnet.mechanisms));
        Loan { netuid, facts, neurons, mechanisms }
    }

    /// Gives back what was lent, and answers the computed epochs.
    fn redeem(&mut self, computed: Vec<(Loan, PreparedEpoch)>) -> BTreeMap<NetUid, (Facts, PreparedEpoch)> {
        let mut epochs = BTreeMap::new();
        for (loan, prepared) in computed {
            let subnet = self.subnets.get_mut(&loan.netuid).expect("subnets stay while blocks are stepped");
            subnet.neurons = loan.neurons;
            subnet.mechanisms = loan.mechanisms;
            epochs.insert(loan.netuid, (loan.facts, prepared));
        }
        epochs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Globals;
    use sn3_protocol::{Coldkey, Hotkey};

    /// One neuron with stake, and its epoch due in ten blocks.
    fn network() -> Network {
        let mut network = Network::new(Globals::default(), 1_000);
        let mut subnet = Subnet::new(NetUid(1), 1);
        subnet.schedule.last_epoch_block = 1_010 - u64::from(subnet.params.tempo);
        network.insert_subnet(subnet);
        network.register_free(&Coldkey([1; 32]), &Hotkey([1; 32]), NetUid(1)).unwrap();
        network.grant_stake(NetUid(1), &Hotkey([1; 32]), &Coldkey([1; 32]), 5_000).unwrap();
        network
    }

    fn computed(network: &mut Network) -> Ahead {
        let loans = network.lend(1_000, 20);
        assert_eq!(loans.len(), 1);
        assert!(network.subnets[&NetUid(1)].neurons.is_empty(), "lent, not copied");
        let epochs = network.redeem(loans.into_iter().map(Loan::compute).collect());
        assert_eq!(network.subnets[&NetUid(1)].neurons.len(), 1);
        Ahead { epochs, payees: None }
    }

    #[test]
    fn an_epoch_computed_ahead_is_taken_only_in_its_block_and_only_once() {
        let mut network = network();
        let mut ahead = computed(&mut network);
        network.block = 1_010;
        assert!(ahead.take(&network, NetUid(1)).is_some());
        assert!(ahead.take(&network, NetUid(1)).is_none());
        network.block = 1_000;
        let mut ahead = computed(&mut network);
        network.block = 1_011;
        assert!(ahead.take(&network, NetUid(1)).is_none());
    }

    #[test]
    fn moved_stake_voids_what_was_computed() {
        let mut network = network();
        let mut ahead = computed(&mut network);
        network.block = 1_010;
        network.grant_stake(NetUid(0), &Hotkey([1; 32]), &Coldkey([2; 32]), 1).unwrap();
        assert!(ahead.take(&network, NetUid(1)).is_none());
    }

    #[test]
    fn subnets_whose_epoch_is_not_near_lend_nothing() {
        let mut network = network();
        assert!(network.lend(1_000, 9).is_empty());
        assert!(network.lend(1_010, 20).is_empty());
    }
}
