//! Fees in TAO that are no part of the amount, specs 233 to 282 (runtime timeline, section 3.1).

use sn3_protocol::{Hotkey, NetUid};

use super::Network;
use super::coinbase::add;
use crate::pool::Swap;
use crate::spec::TradeFee;

/// The flat fee in rao.
pub const FLAT_FEE_RAO: u64 = 50_000;
/// One part in this many is 0.00005.
const PART: u64 = 20_000;

impl Network {
    /// What staking costs before the swap.
    pub(super) fn flat_stake_fee(&self) -> u64 {
        if self.spec.pool.fee == TradeFee::Rate { 0 } else { FLAT_FEE_RAO }
    }

    /// What is kept of a sale's TAO, at most all of it.
    pub(super) fn flat_unstake_fee(&self, netuid: NetUid, hotkey: &Hotkey, swap: &Swap) -> u64 {
        let fee = match self.spec.pool.fee {
            TradeFee::Rate => 0,
            TradeFee::FlatOrPart if netuid.0 != 0 => swap.paid_in / PART,
            TradeFee::FlatOrYield if netuid.0 != 0 => {
                FLAT_FEE_RAO.max(swap.paid_out / PART).max(self.epoch_yield(netuid, hotkey, swap.paid_out))
            }
            _ => FLAT_FEE_RAO,
        };
        fee.min(swap.paid_out)
    }

    /// What the amount would have earned in the last epoch: `tao · dividends / stake at the epoch`.
    fn epoch_yield(&self, netuid: NetUid, hotkey: &Hotkey, tao: u64) -> u64 {
        let Some(subnet) = self.subnet(netuid) else { return 0 };
        let dividends = subnet.alpha_dividends.get(hotkey).copied().unwrap_or(0);
        let stake = subnet.stake_at_epoch.get(hotkey).copied().unwrap_or(0);
        let earned = (u128::from(tao) * u128::from(dividends)).checked_div(stake.into()).unwrap_or(0);
        u64::try_from(earned).unwrap_or(u64::MAX)
    }

    /// A fee that is in the subnet's account joins the reserve, which lifts the price a little.
    pub(super) fn lift_pool(&mut self, netuid: NetUid, fee: u64) {
        if let Some(subnet) = self.subnets.get_mut(&netuid) {
            add(&mut subnet.pool.tao, fee);
            add(&mut self.total_stake, fee);
        }
    }

    /// A fee taken out of a sale's TAO goes back to the pool.
    pub(super) fn return_to_pool(&mut self, netuid: NetUid, fee: u64) {
        if let Some(subnet) = self.subnets.get_mut(&netuid) {
            add(&mut subnet.account_tao, fee);
        }
        self.lift_pool(netuid, fee);
    }
}
