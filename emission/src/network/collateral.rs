//! Registration collateral, specs 435 to 475 (runtime timeline, section 6.4): a part of the price of a
//! registration is not burned but staked and locked, and set free as the hotkey earns.
//!
//! Buying alpha to add collateral is not modelled; free stake can be locked.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, NetUid, Uid};

use super::{Bank, Network, Subnet};
use crate::OpError;
use crate::fixed::{Fixed, U64F64};
use crate::pool::{Side, SwapLimit};

/// The largest part of the price that can be locked, in 65535ths.
pub const LOCK_SHARE_MAX: u16 = 62_258;
/// While collateral is bought, the price may rise to this many hundredths of the spot price.
const PRICE_HUNDREDTHS_MAX: u64 = 105;
const RAO_PER_UNIT: u64 = 1_000_000_000;

/// A subnet's collateral.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Collateral {
    /// Part of the price that is locked, in 65535ths; zero for none.
    pub lock_share: u16,
    /// Alpha set free per alpha earned, for registrations from now on.
    pub drain_ratio: U64F64,
    /// What is locked.
    pub locks: BTreeMap<Hotkey, BTreeMap<Coldkey, Lock>>,
}

impl Default for Collateral {
    fn default() -> Self {
        Self { lock_share: 0, drain_ratio: U64F64::ONE, locks: BTreeMap::new() }
    }
}

/// What one coldkey has locked on one hotkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Lock {
    /// Alpha that cannot be withdrawn, in rao.
    pub locked: u64,
    /// Alpha set free per alpha earned.
    pub drain_ratio: U64F64,
    /// What stays locked, in rao; earnings fill it up.
    pub min_locked: u64,
    /// Alpha earned so far, in rao.
    pub earned: u64,
}

impl Lock {
    /// Books earnings of which `capturable` could be locked; answers how much of them is.
    ///
    /// ```
    /// use sn3_emission::{fixed::U64F64, network::Lock};
    /// let mut lock = Lock { locked: 100, drain_ratio: U64F64::ONE, min_locked: 40, earned: 0 };
    /// assert_eq!(lock.earn(30, 30), 0); // sets 30 free
    /// assert_eq!(lock.locked, 70);
    /// assert_eq!(lock.earn(50, 50), 0); // sets 30 free, not below the least
    /// assert_eq!(lock.locked, 40);
    /// lock.min_locked = 60;
    /// assert_eq!(lock.earn(50, 15), 15); // fills up from what can be locked
    /// assert_eq!((lock.locked, lock.earned), (55, 130));
    /// ```
    pub fn earn(&mut self, amount: u64, capturable: u64) -> u64 {
        self.earned = self.earned.saturating_add(amount);
        let captured = capturable.min(self.min_locked.saturating_sub(self.locked));
        if self.locked < self.min_locked {
            self.locked += captured;
            return captured;
        }
        let freed = U64F64::from_int(amount).saturating_mul(self.drain_ratio).to_u64();
        self.locked -= freed.min(self.locked - self.min_locked);
        0
    }
}

impl Subnet {
    fn lock_of(&self, hotkey: &Hotkey, coldkey: &Coldkey) -> Option<&Lock> {
        self.collateral.locks.get(hotkey)?.get(coldkey)
    }

    fn lock_mut(&mut self, hotkey: &Hotkey, coldkey: &Coldkey) -> &mut Lock {
        let ratio = self.collateral.drain_ratio;
        let locks = self.collateral.locks.entry(*hotkey).or_default();
        locks.entry(*coldkey).or_insert(Lock { drain_ratio: ratio, ..Lock::default() })
    }

    /// A coldkey's stake on a hotkey that is not locked, in rao.
    #[must_use]
    pub fn free_stake_of(&self, hotkey: &Hotkey, coldkey: &Coldkey) -> u64 {
        let locked = self.lock_of(hotkey, coldkey).map_or(0, |lock| lock.locked);
        self.stake_of(hotkey, coldkey).saturating_sub(locked)
    }

    /// Books earnings against the lock of a hotkey's owner; answers what of `capturable` becomes locked.
    pub(super) fn settle(&mut self, hotkey: &Hotkey, owner: &Coldkey, amount: u64, capturable: u64) -> u64 {
        let Some(locks) = self.collateral.locks.get_mut(hotkey) else { return 0 };
        let Some(lock) = locks.get_mut(owner) else { return 0 };
        let captured = lock.earn(amount, capturable);
        if lock.locked == 0 && lock.min_locked == 0 {
            locks.remove(owner);
        }
        captured
    }
}

/// What a registration with collateral pays, in rao.
struct Charge {
    burned: u64,
    top_up: u64,
}

impl Network {
    /// Whether a registration on a subnet locks collateral.
    pub(super) fn has_collateral(&self, subnet: &Subnet) -> bool {
        self.spec.registration.collateral && subnet.collateral.lock_share > 0
    }

    fn charge(subnet: &Subnet, hotkey: &Hotkey, coldkey: &Coldkey) -> Charge {
        let cost = subnet.registration_price.burn_rao;
        let share = subnet.collateral.lock_share.min(LOCK_SHARE_MAX);
        let part = U64F64::from_int(share).safe_div(U64F64::from_int(u16::MAX));
        let requirement = U64F64::from_int(cost).saturating_mul(part).to_u64();
        let locked = subnet.lock_of(hotkey, coldkey).map_or(0, |lock| lock.locked);
        let credit = U64F64::from_int(locked).saturating_mul(subnet.moving_price.convert()).to_u64();
        Charge { burned: cost - requirement, top_up: requirement.saturating_sub(credit) }
    }

    /// Registers into a slot with one purchase for burn and collateral; unspent TAO stays with the payer.
    pub(super) fn register_with_collateral(
        &mut self,
        bank: &mut impl Bank,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        slot: u16,
    ) -> Result<Uid, OpError> {
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        let Charge { burned, top_up } = Self::charge(subnet, hotkey, coldkey);
        let gross = burned + top_up;
        if bank.balance(coldkey) < gross.saturating_add(self.globals.existential_deposit_rao) {
            return Err(OpError::NotEnoughBalanceToStake);
        }
        let limit = if top_up == 0 { SwapLimit::none(Side::Buy) } else { price_limit(subnet) };
        let swap = subnet.quote(Side::Buy, gross, limit, self.globals.fee_rate)?;
        let spent = swap.paid_in.saturating_add(swap.fee).min(gross);
        bank.debit(coldkey, spent);
        self.deposit(netuid, spent);
        self.adopt(coldkey, hotkey);
        self.total_stake = self.total_stake.saturating_add(swap.paid_in);
        let locked =
            (u128::from(swap.paid_out) * u128::from(top_up)).checked_div(gross.into()).unwrap_or(0) as u64;
        let block = self.block;
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.bought(&swap, swap.paid_in);
        subnet.alpha_out = subnet.alpha_out.saturating_sub(swap.paid_out - locked);
        subnet.user_flow = subnet.user_flow.saturating_add_unsigned(swap.paid_in);
        subnet.place(slot, hotkey, block);
        subnet.registration_price.bump();
        let ratio = subnet.collateral.drain_ratio;
        let lock = subnet.lock_mut(hotkey, coldkey);
        lock.locked = lock.locked.saturating_add(locked);
        lock.drain_ratio = ratio;
        self.credit_stake(netuid, hotkey, coldkey, locked);
        self.pay_author(bank, netuid, swap.fee_to_author);
        Ok(Uid(slot))
    }

    /// Locks free stake as collateral.
    ///
    /// # Errors
    /// A spec without collateral, an unknown subnet, or too little free stake.
    pub fn add_collateral(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: u64,
    ) -> Result<(), OpError> {
        let subnet = self.with_collateral(netuid)?;
        if subnet.free_stake_of(hotkey, coldkey) < alpha_rao {
            return Err(OpError::NotEnoughStakeToWithdraw);
        }
        let lock = subnet.lock_mut(hotkey, coldkey);
        lock.locked = lock.locked.saturating_add(alpha_rao);
        Ok(())
    }

    /// Sets what of a lock stays locked.
    ///
    /// # Errors
    /// A spec without collateral, or an unknown subnet.
    pub fn set_min_collateral(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: u64,
    ) -> Result<(), OpError> {
        self.with_collateral(netuid)?.lock_mut(hotkey, coldkey).min_locked = alpha_rao;
        Ok(())
    }

    fn with_collateral(&mut self, netuid: NetUid) -> Result<&mut Subnet, OpError> {
        if !self.spec.registration.collateral {
            return Err(OpError::CallUnavailable);
        }
        self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)
    }
}

/// Five percent above the spot price.
fn price_limit(subnet: &Subnet) -> SwapLimit {
    let raised = subnet.price().saturating_mul(U64F64::from_int(PRICE_HUNDREDTHS_MAX));
    let limit = raised.safe_div(U64F64::from_int(100)).saturating_mul(U64F64::from_int(RAO_PER_UNIT));
    SwapLimit::rao(limit.to_u64())
}
