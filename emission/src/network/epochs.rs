//! Which epochs run in a block, and what they read (emission mathematics, sections 4 and 6).

use sn3_protocol::{Hotkey, NetUid};

use super::ahead::Ahead;
use super::payout::Amounts;
use super::{BlockReport, Consensus, LiquidChoice, Mechanism, Network, Neurons, Pending, Schedule, Subnet};
use crate::epoch::{
    EpochEra, EpochInput, EpochParams, MechanismInput, SubnetEpoch, inherited_stake, null, run_subnet_by,
};
use crate::spec::{EpochPeriod, EpochRules, LiquidConsensus};

/// With more pools per neuron than this, searching each neuron's is cheaper than walking along all.
const MERGE_RATIO_MAX: usize = 8;

impl Network {
    /// Drains the subnets whose epoch is due, then runs and pays out each, ascending.
    pub(super) fn run_due_epochs(&mut self, order: &[NetUid], ahead: &mut Ahead, report: &mut BlockReport) {
        let mut drained = Vec::new();
        let limit = self.epochs_max();
        for netuid in order {
            if let Some(pending) = self.drain_if_due(*netuid, drained.len() < limit, report) {
                drained.push((*netuid, pending));
            }
        }
        drained.sort_by_key(|(netuid, _)| *netuid);
        for (netuid, pending) in drained {
            self.run_epoch(netuid, pending, ahead);
            report.epochs.push(netuid);
        }
    }

    /// Whether a subnet's epoch is due in a block.
    #[must_use]
    pub fn epoch_is_due(&self, subnet: &Subnet, block: u64) -> bool {
        let tempo = subnet.params.tempo;
        match self.spec.schedule.period {
            EpochPeriod::Modulo | EpochPeriod::ModuloChecked => {
                Schedule::blocks_until_modulo(block, subnet.netuid, tempo) == 0
            }
            EpochPeriod::Stateful => subnet.schedule.is_due(block, tempo),
        }
    }

    /// The epoch index that commits of a block carry: by block number, or the counter, one more when an epoch
    /// is due.
    #[must_use]
    pub fn commit_epoch(&self, subnet: &Subnet) -> u64 {
        match self.spec.schedule.period {
            EpochPeriod::Modulo | EpochPeriod::ModuloChecked => {
                Schedule::modulo_index(self.block, subnet.netuid, subnet.params.tempo)
            }
            EpochPeriod::Stateful => subnet.lookahead_epoch(self.block),
        }
    }

    /// Where epochs go by block number, so does their index.
    pub(super) fn tick_epoch_indices(&mut self) {
        if self.spec.schedule.period == EpochPeriod::Stateful {
            return;
        }
        for subnet in self.subnets.values_mut() {
            subnet.schedule.epoch_index =
                Schedule::modulo_index(self.block, subnet.netuid, subnet.params.tempo);
        }
    }

    /// How many epochs may run in the current block.
    pub(super) fn epochs_max(&self) -> usize {
        if self.spec.schedule.period != EpochPeriod::Stateful {
            return usize::MAX;
        }
        let limit = usize::from(self.globals.max_epochs_per_block);
        if self.null_is_due() { limit.min(1) } else { limit }
    }

    fn null_is_due(&self) -> bool {
        let due = |s: &Subnet| s.consensus == Consensus::Null && self.epoch_is_due(s, self.block);
        self.spec.schedule.null_consensus && self.subnets.values().any(due)
    }

    /// Advances a subnet's schedule; answers its pending amounts when its epoch runs in this block.
    fn drain_if_due(&mut self, netuid: NetUid, free: bool, report: &mut BlockReport) -> Option<Pending> {
        let (block, period) = (self.block, self.spec.schedule.period);
        let due = self.epoch_is_due_after_tick(netuid)?;
        let subnet = self.subnets.get_mut(&netuid)?;
        let schedule = &mut subnet.schedule;
        if !due {
            return None;
        }
        if !free {
            schedule.pending_epoch_at = block + 1;
            report.deferred.push(netuid);
            return None;
        }
        schedule.last_epoch_block = block;
        schedule.pending_epoch_at = 0;
        if period == EpochPeriod::Stateful {
            schedule.epoch_index += 1;
        }
        let consistent = subnet.neurons.uids.len() == subnet.neurons.hotkeys.len();
        (consistent || period == EpochPeriod::Modulo).then(|| {
            schedule.blocks_since_last_step = 0;
            std::mem::take(&mut subnet.pending)
        })
    }

    fn epoch_is_due_after_tick(&mut self, netuid: NetUid) -> Option<bool> {
        self.subnets.get_mut(&netuid)?.schedule.blocks_since_last_step += 1;
        self.subnet(netuid).map(|subnet| self.epoch_is_due(subnet, self.block))
    }

    fn run_epoch(&mut self, netuid: NetUid, pending: Pending, ahead: &mut Ahead) {
        let total = pending.server.saturating_add(pending.validator).saturating_add(pending.root_alpha);
        let epoch = match ahead.take(self, netuid) {
            Some(prepared) => prepared.finish(self.subnets[&netuid].emission_split.as_deref(), total),
            None => self.compute_epoch(netuid, total),
        };
        let subnet = self.subnets.get_mut(&netuid).expect("drained subnets exist");
        let amounts = Amounts::new(subnet, &epoch);
        subnet.store_epoch(epoch, self.spec.epoch.liquid_consensus == LiquidConsensus::Chosen);
        let payees = self.distribute(netuid, &pending, &amounts, ahead.payees(netuid));
        ahead.remember(netuid, payees);
    }

    /// Runs a subnet's epoch over an amount without storing anything: what the next epoch would be.
    ///
    /// # Panics
    /// When there is no such subnet.
    #[must_use]
    pub fn compute_epoch(&self, netuid: NetUid, rao_emission: u64) -> SubnetEpoch {
        let subnet = &self.subnets[&netuid];
        let facts = self.facts(subnet, self.block);
        let commits: Vec<Vec<u64>> =
            (0..subnet.mechanisms.len()).map(|m| subnet.earliest_commits(m)).collect();
        let input = facts.input(&subnet.neurons);
        let mechanisms: Vec<MechanismInput<'_>> = subnet
            .mechanisms
            .iter()
            .zip(&commits)
            .map(|(m, earliest_commit)| MechanismInput {
                weights: &m.weights,
                bonds: &m.bonds,
                last_update: &m.last_update,
                earliest_commit,
            })
            .collect();
        let split = subnet.emission_split.as_deref();
        if subnet.consensus == Consensus::Null && self.spec.schedule.null_consensus {
            return null::run_subnet(&input, &mechanisms, split, rao_emission);
        }
        run_subnet_by(&self.era_of(subnet), &input, &mechanisms, split, rao_emission)
    }

    /// What an epoch in a block would read, besides the neurons and mechanisms.
    pub(super) fn facts(&self, subnet: &Subnet, block: u64) -> Facts {
        let (alpha_stake, root_stake) = self.inherited_stakes(subnet);
        Facts {
            rules: self.spec.epoch,
            params: subnet.params.clone(),
            block,
            last_mechanism_step_block: subnet.schedule.last_mechanism_step_block,
            owner_uid: subnet.owner_uid(),
            alpha_stake,
            root_stake,
            tao_weight: self.globals.tao_weight,
            stake_threshold: self.globals.stake_threshold_rao,
        }
    }

    /// The epoch's rules, and the consensus that liquid alpha reads.
    fn era_of<'a>(&self, subnet: &'a Subnet) -> EpochEra<'a> {
        let previous = self.spec.epoch.liquid_consensus == LiquidConsensus::Chosen
            && match subnet.liquid_choice {
                LiquidChoice::Current => false,
                LiquidChoice::Previous => true,
                LiquidChoice::Auto => subnet.params.bonds_penalty == u16::MAX,
            };
        let stored = |mechanism: &'a Mechanism| {
            Some(mechanism.consensus.as_slice()).filter(|stored| previous && !stored.is_empty())
        };
        EpochEra { rules: self.spec.epoch, liquid_consensus: subnet.mechanisms.iter().map(stored).collect() }
    }

    /// Alpha and root stake by uid after inheritance over child keys.
    fn inherited_stakes(&self, subnet: &Subnet) -> (Vec<u64>, Vec<u64>) {
        let root = &self.subnets[&NetUid(0)];
        (stakes_by_uid(subnet, subnet), stakes_by_uid(subnet, root))
    }

    /// A hotkey's stake as the epoch and the weights guard count it, floored to rao.
    #[must_use]
    pub fn weighted_stake(&self, netuid: NetUid, hotkey: &Hotkey) -> u64 {
        let Some(subnet) = self.subnet(netuid) else { return 0 };
        let root = &self.subnets[&NetUid(0)];
        let (alpha, tao) = (inherited(subnet, subnet, hotkey), inherited(subnet, root, hotkey));
        crate::epoch::total_stake(alpha, tao, self.globals.tao_weight).to_u64()
    }
}

/// What an epoch reads besides the neurons and mechanisms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub rules: EpochRules,
    params: EpochParams,
    block: u64,
    last_mechanism_step_block: u64,
    owner_uid: Option<u16>,
    alpha_stake: Vec<u64>,
    root_stake: Vec<u64>,
    tao_weight: u64,
    stake_threshold: u64,
}

impl Facts {
    /// The epoch's input for these neurons.
    pub(super) fn input<'a>(&'a self, neurons: &'a Neurons) -> EpochInput<'a> {
        EpochInput {
            params: &self.params,
            block: self.block,
            last_mechanism_step_block: self.last_mechanism_step_block,
            owner_uid: self.owner_uid,
            alpha_stake: &self.alpha_stake,
            root_stake: &self.root_stake,
            tao_weight: self.tao_weight,
            stake_threshold: self.stake_threshold,
            block_at_registration: &neurons.registered_at,
            validator_permit: &neurons.validator_permit,
        }
    }
}

/// Each neuron's stake on `stakes` after the child key relations of its subnet.
fn stakes_by_uid(subnet: &Subnet, stakes: &Subnet) -> Vec<u64> {
    let neurons = &subnet.neurons;
    let alone = subnet.children.is_empty() && subnet.parents.is_empty();
    let near = stakes.stakes.len() <= MERGE_RATIO_MAX * neurons.len();
    if !alone || !near || neurons.uids.len() != neurons.hotkeys.len() {
        return neurons.hotkeys.iter().map(|hotkey| inherited(subnet, stakes, hotkey)).collect();
    }
    // Both maps ascend by hotkey, so one walk along both spares a search per neuron.
    let mut by_uid = vec![0; neurons.len()];
    let mut pools = stakes.stakes.iter().peekable();
    for (hotkey, uid) in &neurons.uids {
        while pools.next_if(|(owner, _)| *owner < hotkey).is_some() {}
        if let Some((_, pool)) = pools.next_if(|(owner, _)| *owner == hotkey) {
            by_uid[usize::from(*uid)] = pool.value();
        }
    }
    by_uid
}

/// Stake on `stakes` after the child key relations of `families`.
fn inherited(families: &Subnet, stakes: &Subnet, hotkey: &Hotkey) -> u64 {
    if families.children.is_empty() && families.parents.is_empty() {
        return stakes.stake_of_hotkey(hotkey);
    }
    let children = families.children.get(hotkey).into_iter().flatten().map(|(p, _)| *p);
    let parents = families.parents.get(hotkey).into_iter().flatten();
    let parents = parents.map(|(p, parent)| (*p, stakes.stake_of_hotkey(parent)));
    inherited_stake(stakes.stake_of_hotkey(hotkey), children, parents)
}

impl Subnet {
    /// Block of each neuron's earliest unexpired commit, `u64::MAX` without one.
    fn earliest_commits(&self, mechanism: usize) -> Vec<u64> {
        if !self.params.commit_reveal_enabled {
            return Vec::new();
        }
        let mut earliest = vec![u64::MAX; self.neurons.len()];
        for commit in &self.mechanisms[mechanism].commits {
            let expired =
                self.schedule.epoch_index > commit.epoch.saturating_add(self.limits.reveal_period_epochs);
            if let Some(uid) = self.neurons.uid_of(&commit.hotkey).filter(|_| !expired) {
                let block = &mut earliest[usize::from(uid)];
                *block = commit.block.min(*block);
            }
        }
        earliest
    }

    fn store_epoch(&mut self, epoch: SubnetEpoch, keep_consensus: bool) {
        let neurons = &mut self.neurons;
        neurons.active = epoch.active;
        neurons.emission = epoch.emission;
        neurons.consensus = epoch.consensus;
        neurons.dividends = epoch.dividends;
        neurons.validator_trust = epoch.validator_trust;
        neurons.stake_weight = epoch.stake_weight;
        neurons.validator_permit = epoch.validator_permit;
        for (mechanism, output) in self.mechanisms.iter_mut().zip(epoch.mechanisms) {
            mechanism.bonds = output.bonds;
            mechanism.incentive = output.incentive;
            mechanism.consensus = if keep_consensus { output.consensus } else { Vec::new() };
        }
    }
}
