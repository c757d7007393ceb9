//! Root dividends in TAO, specs 233 to 333: root's alpha is sold in every block, and the TAO is staked on root at
//! the epoch (runtime timeline, sections 2 and 9).

use sn3_protocol::{Hotkey, NetUid};

use super::Network;
use super::coinbase::add;
use super::payout::Shares;
use crate::fixed::U96F32;
use crate::pool::{Side, SwapLimit};

const ROOT: NetUid = NetUid(0);

impl Network {
    /// Sells alpha of root; the TAO waits in the subnet's account. A pool that refuses keeps nothing: the alpha
    /// stays outside it, owned by nobody.
    pub(super) fn sell_root_part(&mut self, netuid: NetUid, alpha: u64) {
        let fee_rate = if self.spec.pool.protocol_pays { self.globals.fee_rate } else { 0 };
        let Some(subnet) = self.subnets.get_mut(&netuid).filter(|_| alpha > 0) else { return };
        let Ok(swap) = subnet.quote(Side::Sell, alpha, SwapLimit::none(Side::Sell), fee_rate) else { return };
        subnet.sold(&swap);
        add(&mut subnet.account_tao, swap.paid_out);
        add(&mut subnet.pending.root_tao, swap.paid_out);
        add(&mut subnet.block_emission.root_sell_tao, swap.paid_out);
        subnet.protocol_flow = subnet.protocol_flow.saturating_sub_unsigned(swap.paid_out);
        self.total_stake = self.total_stake.saturating_sub(swap.paid_out);
    }

    /// Stakes each hotkey's TAO on root: its take for its owner, the rest for all its root stakers. What
    /// flooring leaves stays in the subnet's account.
    pub(super) fn pay_root_tao(&mut self, netuid: NetUid, dividends: Shares) {
        for (hotkey, amount) in dividends {
            let take = self.take_of(&hotkey).saturating_mul(amount);
            self.stake_on_root(netuid, &hotkey, take, amount.saturating_sub(take));
        }
    }

    fn stake_on_root(&mut self, netuid: NetUid, hotkey: &Hotkey, take: U96F32, rest: U96F32) {
        let Some(owner) = self.owner_of(hotkey) else { return };
        let (take, rest) = (take.to_u64(), rest.to_u64());
        let total = take.saturating_add(rest);
        let subnet = self.subnets.get_mut(&netuid).expect("payouts are to subnets whose epoch ran");
        subnet.account_tao = subnet.account_tao.saturating_sub(total);
        self.credit_stake(ROOT, hotkey, &owner, take);
        let counts = self.spec.payout.root_reserve_counts;
        let root = self.subnets.get_mut(&ROOT).expect("root always exists");
        if rest > 0 {
            root.stakes.entry(*hotkey).or_default().update_all(i64::try_from(rest).unwrap_or(i64::MAX));
        }
        add(&mut root.account_tao, total);
        add(&mut root.alpha_out, total);
        if counts {
            add(&mut root.pool.tao, total);
        }
        self.total_stake = self.total_stake.saturating_add(total);
    }
}
