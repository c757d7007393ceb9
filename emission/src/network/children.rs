//! Child keys: who gives which part of its stake to whom (emission mathematics, sections 2.6 and 4.3).

use std::collections::BTreeSet;

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{BlockReport, Network, Relation, Subnet};
use crate::OpError;

/// A hotkey has at most this many children on a subnet.
pub const CHILDREN_MAX: usize = 5;

impl Network {
    /// Applies child keys whose cooldown passed, on subnets whose epoch slot was this block.
    pub(super) fn apply_due_children(&mut self, report: &mut BlockReport) {
        let block = self.block;
        for (netuid, subnet) in &mut self.subnets {
            if netuid.0 != 0 && subnet.schedule.last_epoch_block == block && subnet.apply_children(block) {
                report.children_applied.push(*netuid);
            }
        }
    }

    /// Sets a hotkey's children; they take effect after the cooldown, or at once on a subnet not started.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn set_children(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        children: Vec<Relation>,
    ) -> Result<(), OpError> {
        if netuid.0 == 0 {
            return Err(OpError::RegistrationNotPermittedOnRootSubnet);
        }
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if self.owner_of(hotkey) != Some(*coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        subnet.check_children(hotkey, &children)?;
        let owner = subnet.owner_hotkey == Some(*hotkey);
        if !owner && self.weighted_stake(netuid, hotkey) < self.globals.stake_threshold_rao {
            return Err(OpError::NotEnoughStakeToSetChildkeys);
        }
        let ready = self.block.saturating_add(self.globals.childkey_cooldown_blocks);
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if subnet.subtoken_enabled {
            subnet.pending_children.insert(*hotkey, (children, ready));
        } else {
            subnet.replace_children(hotkey, children);
        }
        Ok(())
    }

    /// Sets what a child key keeps of its parents' dividends, in 65535ths.
    ///
    /// # Errors
    /// A foreign hotkey, an unknown subnet, or a take above the maximum.
    pub fn set_childkey_take(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        take: u16,
    ) -> Result<(), OpError> {
        if self.owner_of(hotkey) != Some(*coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        if take > self.globals.default_take {
            return Err(OpError::InvalidChildkeyTake);
        }
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.childkey_take.insert(*hotkey, take);
        Ok(())
    }
}

impl Subnet {
    fn check_children(&self, hotkey: &Hotkey, children: &[Relation]) -> Result<(), OpError> {
        if children.len() > CHILDREN_MAX {
            return Err(OpError::TooManyChildren);
        }
        if children.iter().any(|(_, child)| child == hotkey) {
            return Err(OpError::InvalidChild);
        }
        let distinct: BTreeSet<&Hotkey> = children.iter().map(|(_, child)| child).collect();
        if distinct.len() != children.len() {
            return Err(OpError::DuplicateChild);
        }
        if children.iter().try_fold(0_u64, |sum, (p, _)| sum.checked_add(*p)).is_none() {
            return Err(OpError::ProportionOverflow);
        }
        let parents = self.parents.get(hotkey).into_iter().flatten();
        if parents.into_iter().any(|(_, parent)| distinct.contains(parent)) {
            return Err(OpError::ChildParentInconsistency);
        }
        Ok(())
    }

    /// Replaces the relations of one parent on both sides.
    pub fn replace_children(&mut self, parent: &Hotkey, children: Vec<Relation>) {
        for (_, child) in self.children.remove(parent).into_iter().flatten() {
            if let Some(parents) = self.parents.get_mut(&child) {
                parents.retain(|(_, p)| p != parent);
                if parents.is_empty() {
                    self.parents.remove(&child);
                }
            }
        }
        for (proportion, child) in &children {
            self.parents.entry(*child).or_default().push((*proportion, *parent));
        }
        if !children.is_empty() {
            self.children.insert(*parent, children);
        }
    }

    fn apply_children(&mut self, block: u64) -> bool {
        let ready: Vec<Hotkey> =
            self.pending_children.iter().filter(|(_, (_, at))| *at <= block).map(|(h, _)| *h).collect();
        for hotkey in &ready {
            if let Some((children, _)) = self.pending_children.remove(hotkey)
                && self.check_children(hotkey, &children).is_ok()
            {
                self.replace_children(hotkey, children);
            }
        }
        !ready.is_empty()
    }
}
