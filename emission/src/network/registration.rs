//! Registration of neurons: price, slot, pruning (emission mathematics, section 7).

use std::collections::{BTreeMap, BTreeSet};

use sn3_protocol::{Coldkey, Hotkey, NetUid, Uid};

use super::{Bank, HotkeyState, Network, Subnet};
use crate::OpError;
use crate::pool::{Side, SwapLimit};
use crate::spec::NeuronPrice;

const ROOT: NetUid = NetUid(0);

impl Network {
    /// Registers a hotkey on a subnet for the burn price.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn register(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
    ) -> Result<Uid, OpError> {
        let subnet = self.check_register(hotkey, netuid)?;
        let burn = subnet.registration_price.burn_rao;
        let locks = self.has_collateral(subnet);
        if !locks && bank.balance(coldkey) < burn {
            return Err(OpError::NotEnoughBalanceToStake);
        }
        if self.owner_of(hotkey).is_some_and(|owner| owner != *coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        let slot = self.slot(netuid)?;
        if locks {
            return self.register_with_collateral(bank, coldkey, hotkey, netuid, slot);
        }
        self.check_interval(subnet)?;
        let swap = subnet.quote(Side::Buy, burn, SwapLimit::none(Side::Buy), self.globals.fee_rate)?;
        bank.debit(coldkey, burn);
        self.deposit(netuid, burn);
        self.adopt(coldkey, hotkey);
        self.total_stake = self.total_stake.saturating_add(burn);
        let (block, flows, rule) = (self.block, self.registration_flows(), self.spec.registration.price);
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.bought(&swap, burn);
        subnet.alpha_out = subnet.alpha_out.saturating_sub(swap.paid_out);
        if flows {
            subnet.user_flow = subnet.user_flow.saturating_add_unsigned(burn);
        }
        subnet.place(slot, hotkey, block);
        match rule {
            NeuronPrice::HalfLife => subnet.registration_price.bump(),
            NeuronPrice::Interval => subnet.registration_price.interval.count(true),
        }
        Ok(Uid(slot))
    }

    /// Registers a hotkey by work, which costs no TAO; that the work was done is the caller's matter.
    ///
    /// # Errors
    /// A spec without it, a subnet that does not allow it, and the checks of [`Network::register`] besides
    /// balance.
    pub fn register_by_work(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
    ) -> Result<Uid, OpError> {
        if self.spec.registration.price != NeuronPrice::Interval {
            return Err(OpError::CallUnavailable);
        }
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if !subnet.work_allowed {
            return Err(OpError::SubNetRegistrationDisabled);
        }
        if subnet.neurons.uid_of(hotkey).is_some() {
            return Err(OpError::HotKeyAlreadyRegisteredInSubNet);
        }
        self.check_interval(subnet)?;
        if netuid == ROOT || self.owner_of(hotkey).is_some_and(|owner| owner != *coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        let slot = self.slot(netuid)?;
        self.adopt(coldkey, hotkey);
        let block = self.block;
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.place(slot, hotkey, block);
        subnet.registration_price.interval.count(false);
        Ok(Uid(slot))
    }

    /// The limits per block and per interval, where the spec has them.
    fn check_interval(&self, subnet: &Subnet) -> Result<(), OpError> {
        let interval = &subnet.registration_price.interval;
        if self.spec.registration.price != NeuronPrice::Interval {
            return Ok(());
        }
        if interval.this_block >= interval.per_block_max {
            return Err(OpError::TooManyRegistrationsThisBlock);
        }
        if interval.is_full() { Err(OpError::TooManyRegistrationsThisInterval) } else { Ok(()) }
    }

    fn check_register(&self, hotkey: &Hotkey, netuid: NetUid) -> Result<&Subnet, OpError> {
        if netuid == ROOT {
            return Err(OpError::RegistrationNotPermittedOnRootSubnet);
        }
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if !subnet.registration_allowed {
            return Err(OpError::SubNetRegistrationDisabled);
        }
        if subnet.neurons.uid_of(hotkey).is_some() {
            return Err(OpError::HotKeyAlreadyRegisteredInSubNet);
        }
        Ok(subnet)
    }

    /// Registers a hotkey on a subnet without payment: genesis, owners of new subnets, tests.
    ///
    /// # Errors
    /// The same checks as [`Network::register`], without balance.
    pub fn register_free(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
    ) -> Result<Uid, OpError> {
        self.check_register(hotkey, netuid)?;
        if self.owner_of(hotkey).is_some_and(|owner| owner != *coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        let slot = self.slot(netuid)?;
        self.adopt(coldkey, hotkey);
        let block = self.block;
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.place(slot, hotkey, block);
        Ok(Uid(slot))
    }

    /// Makes a hotkey a root member; the member with the least root stake leaves a full root.
    ///
    /// # Errors
    /// Unknown hotkeys, foreign hotkeys, members, and too little stake for a full root.
    pub fn root_register(&mut self, coldkey: &Coldkey, hotkey: &Hotkey) -> Result<Uid, OpError> {
        if self.owner_of(hotkey).is_some_and(|owner| owner != *coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        let root = self.subnet(ROOT).ok_or(OpError::SubnetNotExists)?;
        if root.neurons.uid_of(hotkey).is_some() {
            return Err(OpError::HotKeyAlreadyRegisteredInSubNet);
        }
        let slot = root.root_slot(root.stake_of_hotkey(hotkey))?;
        self.adopt(coldkey, hotkey);
        let block = self.block;
        let root = self.subnets.get_mut(&ROOT).ok_or(OpError::SubnetNotExists)?;
        root.place(slot, hotkey, block);
        Ok(Uid(slot))
    }

    /// Makes a coldkey the owner of a hotkey that nobody owns.
    pub fn adopt(&mut self, coldkey: &Coldkey, hotkey: &Hotkey) {
        if self.hotkeys.contains_key(hotkey) {
            return;
        }
        let state =
            HotkeyState { owner: *coldkey, take: None, claimable: BTreeMap::new(), claimed: BTreeMap::new() };
        self.hotkeys.insert(*hotkey, state);
        self.staking_hotkeys.entry(*coldkey).or_default().push(*hotkey);
    }

    /// The slot that the next registration gets: a free one, or the pruned neuron's.
    fn slot(&self, netuid: NetUid) -> Result<u16, OpError> {
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        let n = subnet.neurons.len();
        if n < usize::from(subnet.limits.max_allowed_uids) {
            return u16::try_from(n).map_err(|_| OpError::NoNeuronIdAvailable);
        }
        self.pruned(subnet).ok_or(OpError::NoNeuronIdAvailable)
    }

    /// Which neuron the next registration on a full subnet replaces.
    #[must_use]
    pub fn neuron_to_prune(&self, netuid: NetUid) -> Option<Uid> {
        self.subnet(netuid).and_then(|subnet| self.pruned(subnet)).map(Uid)
    }

    fn pruned(&self, subnet: &Subnet) -> Option<u16> {
        let immortal = self.immortal(subnet);
        let immune_for = u64::from(subnet.limits.immunity_period_blocks);
        let neurons = &subnet.neurons;
        let rank = |uid: &u16| {
            let at = usize::from(*uid);
            (neurons.emission[at], neurons.registered_at[at], *uid)
        };
        let mortal = (0..neurons.len() as u16).filter(|uid| !immortal.contains(uid));
        let (immune, open): (Vec<u16>, Vec<u16>) = mortal.partition(|uid| {
            self.block.saturating_sub(neurons.registered_at[usize::from(*uid)]) < immune_for
        });
        let pool = if open.len() > usize::from(subnet.limits.min_non_immune_uids) { open } else { immune };
        pool.into_iter().min_by_key(rank)
    }

    /// The owner's hotkey and its oldest registered hotkeys, up to the limit.
    pub(super) fn immortal(&self, subnet: &Subnet) -> BTreeSet<u16> {
        let neurons = &subnet.neurons;
        let owner = subnet.owner_coldkey;
        let owned = neurons.hotkeys.iter().filter(|h| owner.is_some() && self.owner_of(h) == owner);
        let mut uids: Vec<u16> = owned.filter_map(|hotkey| neurons.uid_of(hotkey)).collect();
        uids.sort_by_key(|uid| (neurons.registered_at[usize::from(*uid)], *uid));
        let limit = usize::from(subnet.limits.immune_owner_uids);
        uids.truncate(limit);
        if let Some(uid) = subnet.owner_uid() {
            uids.retain(|other| *other != uid);
            uids.insert(0, uid);
            uids.truncate(limit);
        }
        uids.into_iter().collect()
    }
}

impl Subnet {
    fn root_slot(&self, stake: u64) -> Result<u16, OpError> {
        let n = self.neurons.len();
        if n < usize::from(self.limits.max_allowed_uids) {
            return u16::try_from(n).map_err(|_| OpError::NoNeuronIdAvailable);
        }
        let members = self.neurons.hotkeys.iter().enumerate();
        let least = members.map(|(uid, h)| (self.stake_of_hotkey(h), uid)).min();
        let (least_stake, uid) = least.ok_or(OpError::StakeTooLowForRoot)?;
        if stake > least_stake { Ok(uid as u16) } else { Err(OpError::StakeTooLowForRoot) }
    }

    /// Puts a hotkey into a slot, a new one or one that is cleared first (section 5.6).
    pub(super) fn place(&mut self, slot: u16, hotkey: &Hotkey, block: u64) {
        if usize::from(slot) < self.neurons.len() {
            self.clear_slot(slot);
            let at = usize::from(slot);
            self.neurons.uids.remove(&self.neurons.hotkeys[at]);
            self.neurons.hotkeys[at] = *hotkey;
            self.neurons.registered_at[at] = block;
            self.mechanisms.iter_mut().for_each(|m| set_at(&mut m.last_update, at, block));
        } else {
            self.append(hotkey, block);
        }
        self.neurons.uids.insert(*hotkey, slot);
    }

    fn append(&mut self, hotkey: &Hotkey, block: u64) {
        let neurons = &mut self.neurons;
        neurons.hotkeys.push(*hotkey);
        neurons.registered_at.push(block);
        let n = neurons.hotkeys.len();
        neurons.active.resize(n - 1, false);
        neurons.active.push(true);
        neurons.emission.resize(n, 0);
        neurons.consensus.resize(n, 0);
        neurons.dividends.resize(n, 0);
        neurons.validator_trust.resize(n, 0);
        neurons.stake_weight.resize(n, 0);
        neurons.validator_permit.resize(n, false);
        for mechanism in &mut self.mechanisms {
            mechanism.weights.resize(n, Vec::new());
            mechanism.bonds.resize(n, Vec::new());
            mechanism.incentive.resize(n, 0);
            mechanism.last_update.resize(n, 0);
            mechanism.last_update[n - 1] = block;
        }
    }

    fn clear_slot(&mut self, slot: u16) {
        let at = usize::from(slot);
        let hotkey = self.neurons.hotkeys[at];
        let neurons = &mut self.neurons;
        set_at(&mut neurons.emission, at, 0);
        for column in [
            &mut neurons.consensus,
            &mut neurons.dividends,
            &mut neurons.stake_weight,
            &mut neurons.validator_trust,
        ] {
            set_at(column, at, 0);
        }
        set_at(&mut neurons.validator_permit, at, false);
        for mechanism in &mut self.mechanisms {
            set_at(&mut mechanism.incentive, at, 0);
            set_at(&mut mechanism.weights, at, Vec::new());
            set_at(&mut mechanism.bonds, at, Vec::new());
            let towards = mechanism.weights.iter_mut().flatten().filter(|(column, _)| *column == slot);
            towards.for_each(|(_, weight)| *weight = 0);
            mechanism.commits.retain(|commit| commit.hotkey != hotkey);
        }
    }

    /// Removes all bonds towards a hotkey in one mechanism, when the subnet allows it (section 5.6).
    pub fn reset_bonds(&mut self, mechanism: usize, hotkey: &Hotkey) {
        let Some(uid) = self.neurons.uid_of(hotkey).filter(|_| self.limits.bonds_reset_on) else { return };
        if let Some(mechanism) = self.mechanisms.get_mut(mechanism) {
            mechanism.bonds.iter_mut().for_each(|row| row.retain(|(column, _)| *column != uid));
        }
    }
}

fn set_at<T>(column: &mut [T], at: usize, value: T) {
    if let Some(slot) = column.get_mut(at) {
        *slot = value;
    }
}
