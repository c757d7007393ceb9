//! Registering, starting and dissolving subnets (emission mathematics, section 7).
//!
//! These rules follow the reference's text; no vectors cover them.

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{BASKET_ESCROW, Bank, Network, Subnet};
use crate::OpError;
use crate::fixed::{I96F32, U64F64};
use crate::issuance::{LockCost, block_emission};
use crate::pool::Pool;
use crate::share_pool::SharePool;
use crate::spec::{NetworkLimit, NewPool};

impl Network {
    /// What registering a network costs in the current block, in rao.
    #[must_use]
    pub fn network_cost(&self) -> u64 {
        let cost = LockCost {
            min_lock_rao: self.globals.network_min_lock_rao,
            last_lock_rao: self.last_lock_rao,
            last_lock_block: self.last_lock_block,
            reduction_interval_blocks: self.globals.network_lock_reduction_blocks,
        };
        cost.at(self.block, block_emission(self.total_issuance))
    }

    /// Registers a subnet for the lock cost, which becomes its pool. At the limit, the cheapest subnet that
    /// is not immune is dissolved for it.
    ///
    /// # Errors
    /// A foreign hotkey, no slot, or too little balance.
    pub fn register_network(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
    ) -> Result<NetUid, OpError> {
        if self.owner_of(hotkey).is_some_and(|owner| owner != *coldkey) {
            return Err(OpError::NonAssociatedColdKey);
        }
        let limited = self.spec.networks.limit != NetworkLimit::None;
        let full = limited && self.subnets.len() > usize::from(self.globals.subnet_limit);
        let dissolved =
            if full { Some(self.prunable_subnet().ok_or(OpError::SubnetLimitReached)?) } else { None };
        let cost = self.network_cost();
        if bank.balance(coldkey) < cost {
            return Err(OpError::CannotAffordLockCost);
        }
        if let Some(netuid) = dissolved {
            self.dissolve_network(bank, netuid)?;
        }
        bank.debit(coldkey, cost);
        self.last_lock_rao = cost;
        self.last_lock_block = self.block;
        Ok(self.create_network(coldkey, hotkey, cost))
    }

    /// Creates a subnet whose pool holds `tao`, which the caller has taken from somebody or minted.
    pub fn create_network(&mut self, coldkey: &Coldkey, hotkey: &Hotkey, tao: u64) -> NetUid {
        let netuid = self.free_netuid();
        let mut subnet = Subnet::new(netuid, self.block);
        subnet.pool = self.new_pool(tao);
        subnet.account_tao = subnet.pool.tao;
        subnet.owner_coldkey = Some(*coldkey);
        subnet.owner_hotkey = Some(*hotkey);
        subnet.emission_enabled = !self.spec.networks.starts_off;
        subnet.params.bonds_penalty = self.spec.default_bonds_penalty();
        subnet.registration_price.burn_rao = self.spec.default_burn_rao();
        if !self.spec.networks.start_call {
            subnet.first_emission_block = Some(self.block + 1);
            subnet.subtoken_enabled = true;
        }
        self.total_issuance = self.total_issuance.saturating_sub(tao - subnet.pool.tao);
        self.total_stake = self.total_stake.saturating_add(subnet.pool.tao);
        self.insert_subnet(subnet);
        self.register_free(coldkey, hotkey, netuid).expect("a new subnet has a free slot");
        netuid
    }

    /// What a new subnet's pool holds of what was paid (runtime timeline, section 6.6).
    fn new_pool(&self, tao: u64) -> Pool {
        match self.spec.networks.pool {
            NewPool::LeastLock => {
                let least = tao.min(self.globals.network_min_lock_rao);
                Pool::new(least, least)
            }
            NewPool::WholeLock | NewPool::ExactlyPaid => {
                Pool::new(tao, U64F64::from_int(tao).safe_div(self.median_price()).to_u64())
            }
        }
    }

    fn free_netuid(&self) -> NetUid {
        let free = (1..=u16::MAX).map(NetUid).find(|netuid| !self.subnets.contains_key(netuid));
        free.expect("the subnet limit is below the number of netuids")
    }

    /// Median spot price of all subnets that have one; one without any.
    fn median_price(&self) -> U64F64 {
        let dynamic = self.subnets.values().filter(|subnet| subnet.netuid.0 != 0);
        let mut prices: Vec<U64F64> = dynamic.map(Subnet::price).filter(|p| *p > U64F64::ZERO).collect();
        prices.sort_unstable();
        let middle = prices.len() / 2;
        match prices.len() {
            0 => U64F64::ONE,
            n if n % 2 == 1 => prices[middle],
            _ => prices[middle - 1].saturating_add(prices[middle]).safe_div(U64F64::from_int(2)),
        }
    }

    /// The subnet that a registration at the limit dissolves: lowest moving price, or least emission by the spec's
    /// rule, then earliest.
    #[must_use]
    pub fn prunable_subnet(&self) -> Option<NetUid> {
        let immune_for = self.globals.network_immunity_blocks;
        self.subnets
            .values()
            .filter(|subnet| subnet.netuid.0 != 0)
            .filter(|subnet| self.block.saturating_sub(subnet.registered_at) >= immune_for)
            .min_by_key(|subnet| (self.worth(subnet), subnet.registered_at, subnet.netuid))
            .map(|subnet| subnet.netuid)
    }

    fn worth(&self, subnet: &Subnet) -> I96F32 {
        match self.spec.networks.limit {
            NetworkLimit::LeastEmission => I96F32::from_int(subnet.block_emission.tao_in),
            NetworkLimit::None | NetworkLimit::LowestPrice => subnet.moving_price,
        }
    }

    /// Dissolves a subnet: its TAO goes to the alpha holders in proportion; what rounding leaves is recycled.
    ///
    /// # Errors
    /// Root, or an unknown subnet.
    pub fn dissolve_network(&mut self, bank: &mut impl Bank, netuid: NetUid) -> Result<(), OpError> {
        if netuid.0 == 0 {
            return Err(OpError::SubnetNotExists);
        }
        let subnet = self.subnets.remove(&netuid).ok_or(OpError::SubnetNotExists)?;
        let (paid, cash) = pay_holders(&subnet, bank);
        self.total_issuance = self.total_issuance.saturating_sub(subnet.account_tao - paid);
        self.total_stake = self.total_stake.saturating_sub(subnet.pool.tao);
        for state in self.hotkeys.values_mut() {
            state.claimable.remove(&netuid);
            state.claimed.remove(&netuid);
        }
        for basket in self.baskets.values_mut() {
            basket.pending.remove(&netuid);
        }
        for (hotkey, tao) in cash {
            self.grow_root(&hotkey, &BASKET_ESCROW, tao);
        }
        Ok(())
    }

    /// The owner starts a subnet: alpha is traded from now on, emission starts with the next block.
    ///
    /// # Errors
    /// Not the owner, started already, or too young.
    pub fn start_call(&mut self, coldkey: &Coldkey, netuid: NetUid) -> Result<u64, OpError> {
        let (block, delay) = (self.block, self.globals.start_call_delay_blocks);
        if !self.spec.networks.start_call {
            return Err(OpError::CallUnavailable);
        }
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if subnet.owner_coldkey != Some(*coldkey) {
            return Err(OpError::NotSubnetOwner);
        }
        if subnet.first_emission_block.is_some() {
            return Err(OpError::FirstEmissionBlockNumberAlreadySet);
        }
        if block < subnet.registered_at.saturating_add(delay) {
            return Err(OpError::NeedWaitingMoreBlocksToStarCall);
        }
        subnet.first_emission_block = Some(block + 1);
        subnet.subtoken_enabled = true;
        Ok(block + 1)
    }
}

/// Pays a dissolved subnet's TAO to everybody who holds its alpha; answers how much was paid, and what of it
/// belongs to baskets.
fn pay_holders(subnet: &Subnet, bank: &mut impl Bank) -> (u64, Vec<(Hotkey, u64)>) {
    let all: u128 = subnet.stakes.values().map(|pool| u128::from(SharePool::value(pool))).sum();
    let (mut paid, mut cash) = (0, Vec::new());
    for (hotkey, pool) in &subnet.stakes {
        for (coldkey, _) in pool.shares() {
            let part = u128::from(subnet.account_tao) * u128::from(pool.value_of(coldkey)) / all.max(1);
            let part = u64::try_from(part).unwrap_or(u64::MAX).min(subnet.account_tao - paid);
            paid += part;
            if *coldkey == BASKET_ESCROW {
                cash.push((*hotkey, part));
            } else {
                bank.credit(coldkey, part);
            }
        }
    }
    (paid, cash)
}
