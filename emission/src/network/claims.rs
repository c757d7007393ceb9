//! Claims of root dividends (emission mathematics, section 2.7.4).

use std::collections::BTreeSet;

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{Network, RootClaim};
use crate::fixed::I96F32;
use crate::pool::{Side, SwapLimit};

const ROOT: NetUid = NetUid(0);

impl Network {
    /// Claims for a pseudo-random sample of root stakers, drawn from the parent block's hash.
    pub(super) fn auto_claim(&mut self, parent_hash: &[u8; 32]) {
        for index in self.drawn_stakers(parent_hash) {
            let coldkey = self.root_stakers[index];
            self.claim_all(&coldkey);
        }
    }

    fn drawn_stakers(&self, hash: &[u8; 32]) -> BTreeSet<usize> {
        let n = self.root_stakers.len() as u64;
        if n == 0 {
            return BTreeSet::new();
        }
        let word = |at: usize| {
            let bytes: [u8; 8] = std::array::from_fn(|i| hash[(at + i) % 32]);
            u64::from_be_bytes(bytes)
        };
        let mut last = word(0);
        (0..self.globals.root_claims_per_block)
            .map(|i| {
                last = last.saturating_add(word((8 * i as usize) % 32)) % n;
                last as usize
            })
            .collect()
    }

    /// Claims everything a coldkey may claim, by the claim type it chose.
    pub fn claim_all(&mut self, coldkey: &Coldkey) {
        self.claim_on(coldkey, |_| true);
    }

    pub(super) fn claim_on(&mut self, coldkey: &Coldkey, wanted: impl Fn(NetUid) -> bool) {
        let hotkeys = self.staking_hotkeys.get(coldkey).cloned().unwrap_or_default();
        for hotkey in hotkeys {
            let claimable = self.hotkeys.get(&hotkey).map(|state| &state.claimable);
            let netuids: Vec<NetUid> =
                claimable.into_iter().flat_map(|c| c.keys().copied()).filter(|n| wanted(*n)).collect();
            for netuid in netuids {
                self.claim(&hotkey, coldkey, netuid);
            }
        }
    }

    /// What a coldkey may still claim on a subnet.
    #[must_use]
    pub fn owed(&self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid) -> I96F32 {
        let Some(state) = self.hotkeys.get(hotkey) else { return I96F32::ZERO };
        let rate = state.claimable.get(&netuid).copied().unwrap_or(I96F32::ZERO);
        let stake = self.stake_of(hotkey, coldkey, ROOT);
        let claimed = state.claimed.get(&netuid).and_then(|by| by.get(coldkey)).copied().unwrap_or(0);
        let claimed = I96F32::from_int(i128::try_from(claimed).unwrap_or(i128::MAX));
        rate.saturating_mul(I96F32::from_int(stake)).saturating_sub(claimed)
    }

    fn claim(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid) {
        let owed = self.owed(hotkey, coldkey, netuid);
        let amount = owed.to_u64();
        if owed < self.globals.root_claim_threshold || amount == 0 || !self.subnets.contains_key(&netuid) {
            return;
        }
        let keep = match self.root_claims.get(coldkey) {
            None | Some(RootClaim::Swap) => false,
            Some(RootClaim::Keep) => true,
            Some(RootClaim::KeepSubnets(kept)) => kept.contains(&netuid),
        };
        if keep {
            self.credit_stake(netuid, hotkey, coldkey, amount);
        } else if !self.swap_claim(hotkey, coldkey, netuid, amount) {
            return;
        }
        self.add_claimed(hotkey, coldkey, netuid, amount.into());
    }

    /// Sells claimed alpha and stakes the TAO on root; false when the pool refuses.
    fn swap_claim(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid, alpha: u64) -> bool {
        let Some(subnet) = self.subnets.get_mut(&netuid) else { return false };
        let Ok(swap) = subnet.quote(Side::Sell, alpha, SwapLimit::none(Side::Sell), 0) else {
            return false;
        };
        subnet.sold(&swap);
        let tao = swap.paid_out;
        subnet.block_emission.root_sell_tao = subnet.block_emission.root_sell_tao.saturating_add(tao);
        subnet.protocol_flow = subnet.protocol_flow.saturating_sub_unsigned(tao);
        self.total_stake = self.total_stake.saturating_sub(tao);
        self.grow_root(hotkey, coldkey, tao);
        true
    }

    /// Adds root stake with the TAO that came to root's account, without back-pay of dividends.
    pub(super) fn grow_root(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, tao: u64) {
        self.flush_basket(hotkey);
        self.credit_stake(ROOT, hotkey, coldkey, tao);
        let root = self.subnets.get_mut(&ROOT).expect("root always exists");
        root.account_tao = root.account_tao.saturating_add(tao);
        root.pool.tao = root.pool.tao.saturating_add(tao);
        root.alpha_out = root.alpha_out.saturating_add(tao);
        self.total_stake = self.total_stake.saturating_add(tao);
        self.shift_claimed(hotkey, coldkey, tao, true);
        self.remember_root_staker(coldkey);
    }

    pub(super) fn remember_root_staker(&mut self, coldkey: &Coldkey) {
        if !self.root_stakers.contains(coldkey) {
            self.root_stakers.push(*coldkey);
        }
    }

    /// Moves what counts as claimed along with a change of root stake.
    pub(super) fn shift_claimed(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64, up: bool) {
        self.shift_basket_claim(hotkey, coldkey, amount, up);
        let Some(state) = self.hotkeys.get_mut(hotkey) else { return };
        for (netuid, rate) in &state.claimable {
            let shift = u128::from(rate.saturating_mul(I96F32::from_int(amount)).to_u64());
            let claimed = state.claimed.entry(*netuid).or_default().entry(*coldkey).or_default();
            *claimed = if up { claimed.saturating_add(shift) } else { claimed.saturating_sub(shift) };
        }
    }

    fn add_claimed(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid, amount: u128) {
        if let Some(state) = self.hotkeys.get_mut(hotkey) {
            let claimed = state.claimed.entry(netuid).or_default().entry(*coldkey).or_default();
            *claimed = claimed.saturating_add(amount);
        }
    }
}
