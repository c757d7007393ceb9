//! Root dividends as shares of a validator's basket, specs 441 to 475 (runtime timeline, section 9.1).
//!
//! A basket holds alpha of any subnet, and root stake as cash, for the root stakers of one validator. Its
//! valuation to the rao was never published; this follows the described steps with floors. Trading within
//! baskets and buying into them are not modelled.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::Network;
use super::payout::Shares;
use crate::fixed::{I96F32, U64F64};
use crate::pool::{Side, SwapLimit};

const ROOT: NetUid = NetUid(0);

/// Who holds the baskets' stake.
pub const BASKET_ESCROW: Coldkey = Coldkey(*b"sn3 basket escrow, holds no keys");

/// One validator's basket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Basket {
    /// Shares that nobody claimed yet.
    pub shares: u128,
    /// Shares per rao of root stake since the beginning.
    pub rate: I96F32,
    /// What counts as claimed by each root staker; may be negative.
    pub claimed: BTreeMap<Coldkey, i128>,
    /// Alpha that waits to be worth a deposit, by subnet.
    pub pending: BTreeMap<NetUid, u64>,
}

impl Basket {
    /// Shares that an amount of root stake stands for.
    fn shares_of(&self, stake: u64) -> i128 {
        self.rate.saturating_mul(I96F32::from_int(stake)).to_bits() >> 32
    }
}

impl Network {
    /// Queues root dividends for their validators' baskets, after the take. Validators without a seat on root
    /// have none; theirs is recycled.
    pub(super) fn queue_basket_deposits(&mut self, netuid: NetUid, dividends: Shares) {
        let mut recycled = 0_u64;
        let mut paid = BTreeMap::new();
        for (hotkey, amount) in dividends {
            let rest = self.pay_take(netuid, &hotkey, amount);
            if rest == 0 {
                continue;
            }
            if self.has_root_seat(&hotkey) {
                let waiting = self.baskets.entry(hotkey).or_default().pending.entry(netuid).or_default();
                *waiting = waiting.saturating_add(rest);
                paid.insert(hotkey, rest);
            } else {
                recycled = recycled.saturating_add(rest);
            }
        }
        if let Some(subnet) = self.subnets.get_mut(&netuid) {
            subnet.alpha_out = subnet.alpha_out.saturating_sub(recycled);
            subnet.root_alpha_dividends = paid;
        }
    }

    fn has_root_seat(&self, hotkey: &Hotkey) -> bool {
        self.subnet(ROOT).is_some_and(|root| root.neurons.uid_of(hotkey).is_some())
    }

    /// Deposits what waits for one basket, the next one in every block.
    pub(super) fn flush_next_basket(&mut self) {
        let after = self.basket_cursor;
        let next = self.baskets.keys().find(|hotkey| after.is_none_or(|last| **hotkey > last));
        let next = next.or_else(|| self.baskets.keys().next()).copied();
        if let Some(hotkey) = next {
            self.flush_basket(&hotkey);
        }
        self.basket_cursor = next;
    }

    /// Deposits what waits for a basket and is worth it. Without a seat or without root stakers it is recycled.
    pub fn flush_basket(&mut self, hotkey: &Hotkey) {
        let Some(basket) = self.baskets.get(hotkey) else { return };
        let worth_it = |(netuid, alpha): (&NetUid, &u64)| {
            let value = self.subnet(*netuid).map(|s| s.price().saturating_mul(U64F64::from_int(*alpha)));
            value.is_none_or(|value| value.to_u64() >= self.globals.root_claim_threshold.to_u64())
        };
        let ready: Vec<(NetUid, u64)> =
            basket.pending.iter().filter(|entry| worth_it(*entry)).map(|(n, a)| (*n, *a)).collect();
        if ready.is_empty() {
            return;
        }
        let basket = self.baskets.get_mut(hotkey).expect("just read");
        basket.pending.retain(|netuid, _| !ready.iter().any(|(taken, _)| taken == netuid));
        let stake = self.real_root_stake(hotkey);
        if stake == 0 || !self.has_root_seat(hotkey) || !self.deposit_in_basket(hotkey, &ready, stake) {
            self.recycle(&ready);
        }
    }

    fn recycle(&mut self, amounts: &[(NetUid, u64)]) {
        for (netuid, alpha) in amounts {
            if let Some(subnet) = self.subnets.get_mut(netuid) {
                subnet.alpha_out = subnet.alpha_out.saturating_sub(*alpha);
            }
        }
    }

    /// Root stake on a hotkey that is not the baskets' own.
    fn real_root_stake(&self, hotkey: &Hotkey) -> u64 {
        self.root_stake(hotkey).saturating_sub(self.stake_of(hotkey, &BASKET_ESCROW, ROOT))
    }

    /// Credits alpha to a basket and mints shares for the value that it adds; false, with nothing done, when
    /// that is less than a share.
    fn deposit_in_basket(&mut self, hotkey: &Hotkey, amounts: &[(NetUid, u64)], stake: u64) -> bool {
        let before = self.basket_value(hotkey);
        let added = u128::from(self.basket_value_with(hotkey, amounts).saturating_sub(before));
        let cash = self.stake_of(hotkey, &BASKET_ESCROW, ROOT);
        let basket = self.baskets.get_mut(hotkey).expect("deposits are into known baskets");
        let all = match basket.shares {
            0 => added,
            shares => added.saturating_mul(shares).checked_div(before.into()).unwrap_or(added),
        };
        let minted = all.saturating_mul(stake.into()) / (u128::from(stake) + u128::from(cash));
        let minted_fixed = I96F32::from_int(i128::try_from(minted).unwrap_or(i128::MAX));
        let raise = minted_fixed.safe_div(I96F32::from_int(stake));
        if minted == 0 || raise == I96F32::ZERO {
            return false;
        }
        basket.shares = basket.shares.saturating_add(minted);
        basket.rate = basket.rate.saturating_add(raise);
        for (netuid, alpha) in amounts {
            if self.subnets.contains_key(netuid) {
                self.credit_stake(*netuid, hotkey, &BASKET_ESCROW, *alpha);
            }
        }
        true
    }

    /// What selling everything in a basket would bring, with its cash, in rao.
    #[must_use]
    pub fn basket_value(&self, hotkey: &Hotkey) -> u64 {
        self.basket_value_with(hotkey, &[])
    }

    /// What it would bring with some more alpha in it.
    fn basket_value_with(&self, hotkey: &Hotkey, more: &[(NetUid, u64)]) -> u64 {
        let mut held: BTreeMap<NetUid, u64> = self.basket_holdings(hotkey).into_iter().collect();
        for (netuid, alpha) in more {
            let sum = held.entry(*netuid).or_default();
            *sum = sum.saturating_add(*alpha);
        }
        let value = |(netuid, alpha): (NetUid, u64)| {
            let limit = SwapLimit::none(Side::Sell);
            let swap = self.subnet(netuid)?.quote(Side::Sell, alpha, limit, self.globals.fee_rate).ok()?;
            Some(swap.paid_out)
        };
        held.into_iter().filter_map(value).fold(0, u64::saturating_add)
    }

    /// A basket's stake by subnet; root's is its cash.
    #[must_use]
    pub fn basket_holdings(&self, hotkey: &Hotkey) -> Vec<(NetUid, u64)> {
        let held = |subnet: &super::Subnet| (subnet.netuid, subnet.stake_of(hotkey, &BASKET_ESCROW));
        self.subnets.values().map(held).filter(|(_, alpha)| *alpha > 0).collect()
    }

    /// Shares of a basket that a root staker may claim.
    #[must_use]
    pub fn basket_shares_owed(&self, hotkey: &Hotkey, coldkey: &Coldkey) -> u128 {
        let Some(basket) = self.baskets.get(hotkey) else { return 0 };
        let earned = basket.shares_of(self.stake_of(hotkey, coldkey, ROOT));
        let owed = earned.saturating_sub(basket.claimed.get(coldkey).copied().unwrap_or(0));
        u128::try_from(owed).unwrap_or(0).min(basket.shares)
    }

    /// Sells a root staker's part of a basket and stakes the TAO on root. Less than the claim threshold waits.
    /// Answers the TAO.
    pub fn claim_basket(&mut self, hotkey: &Hotkey, coldkey: &Coldkey) -> u64 {
        self.flush_basket(hotkey);
        let owed = self.basket_shares_owed(hotkey, coldkey);
        let Some(shares) = self.baskets.get(hotkey).map(|basket| basket.shares).filter(|_| owed > 0) else {
            return 0;
        };
        let part = |alpha: u64| (u128::from(alpha).saturating_mul(owed) / shares) as u64;
        let parts: Vec<(NetUid, u64)> =
            self.basket_holdings(hotkey).iter().map(|(n, a)| (*n, part(*a))).collect();
        let quoted = |(netuid, alpha): &(NetUid, u64)| {
            let limit = SwapLimit::none(Side::Sell);
            self.subnets[netuid].quote(Side::Sell, *alpha, limit, 0).map_or(0, |swap| swap.paid_out)
        };
        let worth = parts.iter().map(quoted).fold(0, u64::saturating_add);
        if worth == 0 || worth < self.globals.root_claim_threshold.to_u64() {
            return 0;
        }
        let tao = parts.iter().map(|(netuid, alpha)| self.sell_from_basket(hotkey, *netuid, *alpha)).sum();
        let basket = self.baskets.get_mut(hotkey).expect("just read");
        basket.shares -= owed;
        let claimed = basket.claimed.entry(*coldkey).or_default();
        *claimed = claimed.saturating_add(i128::try_from(owed).unwrap_or(i128::MAX));
        self.grow_root(hotkey, coldkey, tao);
        tao
    }

    /// Sells a basket's stake without fee; the TAO has left the subnet's account.
    fn sell_from_basket(&mut self, hotkey: &Hotkey, netuid: NetUid, alpha: u64) -> u64 {
        let Some(subnet) = self.subnets.get_mut(&netuid).filter(|_| alpha > 0) else { return 0 };
        let Ok(swap) = subnet.quote(Side::Sell, alpha, SwapLimit::none(Side::Sell), 0) else { return 0 };
        if !subnet.debit_stake(hotkey, &BASKET_ESCROW, swap.paid_in) {
            return 0;
        }
        subnet.sold_or_shrunk(&swap);
        subnet.protocol_flow = subnet.protocol_flow.saturating_sub_unsigned(swap.paid_out);
        self.total_stake = self.total_stake.saturating_sub(swap.paid_out);
        swap.paid_out
    }

    /// Moves what counts as claimed along with a change of root stake.
    pub(super) fn shift_basket_claim(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64, up: bool) {
        let Some(basket) = self.baskets.get_mut(hotkey).filter(|_| *coldkey != BASKET_ESCROW) else { return };
        let shift = basket.shares_of(amount);
        let claimed = basket.claimed.entry(*coldkey).or_default();
        *claimed = if up { claimed.saturating_add(shift) } else { claimed.saturating_sub(shift) };
    }

    /// Claims of all of a coldkey's baskets.
    pub(super) fn claim_baskets(&mut self, coldkey: &Coldkey) {
        for hotkey in self.staking_hotkeys.get(coldkey).cloned().unwrap_or_default() {
            self.claim_basket(&hotkey, coldkey);
        }
    }
}
