//! Stake operations on all there is, within a price between two subnets, and for fees
//! (chain interface, sections 1.2 and 3.6).

use super::economy::{BalancesBank, coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_emission::{
    Network, OpError,
    network::{Bank, Position, PriceLimit, Subnet},
    pool::{Side, Swap, SwapLimit},
};
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;

/// How often the alpha for a fee is estimated anew.
const FEE_TRIES_MAX: usize = 16;
const RAO_PER_UNIT: u128 = 1_000_000_000;

impl<T: Config> Pallet<T> {
    /// Sells all stake on the hotkey; what cannot be sold stays.
    pub(super) fn do_unstake_all(who: AccountId32, hot: AccountId32) -> DispatchResult {
        ensure!(Self::hotkey_exists(&hot), Error::<T>::HotKeyAccountNotExists);
        for netuid in Self::staked_on(&who, &hot) {
            // A subnet that is not started, or too small a rest, does not keep the others from being sold.
            let _stays = Self::sell_all(&who, &hot, netuid);
        }
        Ok(())
    }

    /// Sells all alpha on the hotkey and stakes the proceeds on root.
    pub(super) fn do_unstake_all_alpha(who: AccountId32, hot: AccountId32) -> DispatchResult {
        ensure!(Self::hotkey_exists(&hot), Error::<T>::HotKeyAccountNotExists);
        let alpha = Self::staked_on(&who, &hot).into_iter().filter(|netuid| *netuid != 0);
        let sold = alpha.filter_map(|netuid| Self::sell_all(&who, &hot, netuid).ok());
        let proceeds_rao = sold.fold(0u64, u64::saturating_add);
        ensure!(proceeds_rao > 0, Error::<T>::AmountTooLow);
        Self::do_add_stake(who, hot, 0, proceeds_rao, None)
    }

    fn staked_on(who: &AccountId32, hot: &AccountId32) -> Vec<NetUid> {
        let (cold, key) = (coldkey(who), hotkey(hot));
        let network = Self::economy();
        let holds = |subnet: &&Subnet| subnet.stake_of(&key, &cold) > 0;
        network.subnets.values().filter(holds).map(|subnet| subnet.netuid.0).collect()
    }

    fn sell_all(who: &AccountId32, hot: &AccountId32, netuid: NetUid) -> Result<TaoBalance, Error<T>> {
        let mut bank = BalancesBank::<T>::new();
        let (cold, key, net) = (coldkey(who), hotkey(hot), Net(netuid));
        let sold = Self::operate(|network| network.remove_stake(&mut bank, &cold, &key, net, u64::MAX))?;
        let (tao, alpha, fee) = (sold.tao, sold.alpha, sold.fee);
        Self::deposit_event(Event::StakeRemoved(who.clone(), hot.clone(), tao, alpha, netuid, fee));
        Ok(tao)
    }

    /// Sells all stake on one subnet, at least at the price when one is given.
    pub(super) fn do_remove_stake_full(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        limit_rao: Option<TaoBalance>,
    ) -> DispatchResult {
        let all = Self::stake_of(&hot, &who, netuid);
        let limit = limit_rao.map(|price_rao| PriceLimit { price_rao, allow_partial: false });
        Self::do_remove_stake(who, hot, netuid, all, limit)
    }

    /// Buys stake and burns it.
    pub(super) fn do_add_stake_burn(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        amount: TaoBalance,
        limit_rao: Option<TaoBalance>,
    ) -> DispatchResult {
        ensure!(netuid != 0, Error::<T>::CannotBurnOrRecycleOnRootSubnet);
        let before = Self::stake_of(&hot, &who, netuid);
        let limit = limit_rao.map(|price_rao| PriceLimit { price_rao, allow_partial: false });
        Self::do_add_stake(who.clone(), hot.clone(), netuid, amount, limit)?;
        let bought = Self::stake_of(&hot, &who, netuid).saturating_sub(before);
        let (cold, key, net) = (coldkey(&who), hotkey(&hot), Net(netuid));
        let alpha = Self::operate(|network| network.destroy_stake(&cold, &key, net, bought, false))?;
        Self::deposit_event(Event::AddStakeBurn { netuid, hotkey: hot, amount, alpha });
        Ok(())
    }

    /// Moves stake to another subnet while the price of the first in units of the second stays above the limit.
    pub(super) fn do_swap_stake_limit(
        who: AccountId32,
        hot: AccountId32,
        from_netuid: NetUid,
        to_netuid: NetUid,
        alpha_rao: AlphaBalance,
        limit: PriceLimit,
    ) -> DispatchResult {
        let network = Self::economy();
        let subnet = |netuid| network.subnet(Net(netuid)).ok_or(Error::<T>::SubnetNotExists);
        let possible = most_within(subnet(from_netuid)?, subnet(to_netuid)?, alpha_rao, limit.price_rao);
        ensure!(possible == alpha_rao || limit.allow_partial, Error::<T>::SlippageTooHigh);
        ensure!(possible > 0, Error::<T>::SlippageTooHigh);
        Self::do_swap_stake(who, hot, from_netuid, to_netuid, possible)
    }

    /// How much alpha of this stake is worth the fee, if it is worth it at all.
    pub fn alpha_for_fee(who: &AccountId32, hot: &AccountId32, netuid: NetUid, fee_rao: u64) -> Option<u64> {
        alpha_for(&Self::economy(), &at(who, hot, netuid), fee_rao)
    }

    /// Sells enough stake for a fee, so that the coldkey can pay it.
    pub fn sell_for_fee(
        who: &AccountId32,
        hot: &AccountId32,
        netuid: NetUid,
        fee_rao: u64,
    ) -> Result<(), Error<T>> {
        let mut bank = BalancesBank::<T>::new();
        let from = at(who, hot, netuid);
        let alpha_fee = Self::operate(|network| {
            let alpha = alpha_for(network, &from, fee_rao).ok_or(OpError::NotEnoughStakeToWithdraw)?;
            sell_free(network, &mut bank, &from, alpha)?;
            Ok(alpha)
        })?;
        Self::deposit_event(Event::TransactionFeePaidWithAlpha { who: who.clone(), alpha_fee });
        Ok(())
    }
}

fn at(who: &AccountId32, hot: &AccountId32, netuid: NetUid) -> Position {
    Position { hotkey: hotkey(hot), coldkey: coldkey(who), netuid: Net(netuid) }
}

/// A sale without the fee and minimum of ordinary ones.
fn sell_free(
    network: &mut Network,
    bank: &mut impl Bank,
    from: &Position,
    alpha: u64,
) -> Result<(), OpError> {
    let settings = network.globals.clone();
    (network.globals.min_stake_rao, network.globals.fee_rate) = (0, 0);
    let sold = network.remove_stake(bank, &from.coldkey, &from.hotkey, from.netuid, alpha);
    network.globals = settings;
    sold.map(drop)
}

fn alpha_for(network: &Network, from: &Position, fee_rao: u64) -> Option<u64> {
    let subnet = network.subnet(from.netuid).filter(|subnet| subnet.subtoken_enabled)?;
    let held = subnet.stake_of(&from.hotkey, &from.coldkey);
    let mut alpha = 0;
    let mut missing = fee_rao;
    for _ in 0..FEE_TRIES_MAX {
        alpha += worth(subnet, missing)? + 1;
        let paid = subnet.quote(Side::Sell, alpha, SwapLimit::none(Side::Sell), 0).ok()?.paid_out;
        missing = fee_rao.saturating_sub(paid);
        if alpha > held || missing == 0 {
            return (alpha <= held).then_some(alpha);
        }
    }
    None
}

/// Alpha for this much TAO at the price of the moment.
fn worth(subnet: &Subnet, tao_rao: u64) -> Option<u64> {
    let price_rao = u128::from(price_rao(subnet));
    u64::try_from((u128::from(tao_rao) * RAO_PER_UNIT).checked_div(price_rao)?).ok()
}

/// The price of a whole alpha, in rao.
fn price_rao(subnet: &Subnet) -> u64 {
    use sn3_emission::fixed::U64F64;
    subnet.price().saturating_mul(U64F64::from_int(RAO_PER_UNIT as u64)).to_u64()
}

/// The most alpha, at most `alpha`, that can be moved before the price of `from` in `to` falls below the
/// limit. Both prices move only one way, so the place is found by halving.
fn most_within(from: &Subnet, to: &Subnet, alpha: u64, limit_rao: u64) -> u64 {
    if stays_above(from, to, alpha, limit_rao) {
        return alpha;
    }
    let (mut fits, mut too_much) = (0, alpha);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        match stays_above(from, to, middle, limit_rao) {
            true => fits = middle,
            false => too_much = middle,
        }
    }
    fits
}

fn stays_above(from: &Subnet, to: &Subnet, alpha: u64, limit_rao: u64) -> bool {
    let Some((sold, tao)) = after(from, Side::Sell, alpha) else { return false };
    let Some((bought, _)) = after(to, Side::Buy, tao) else { return false };
    let (one, other) = (u128::from(price_rao(&sold)), u128::from(price_rao(&bought)));
    one * RAO_PER_UNIT >= u128::from(limit_rao) * other
}

/// The subnet after a swap, and what the swap pays out.
fn after(subnet: &Subnet, side: Side, amount: u64) -> Option<(Subnet, u64)> {
    let swap: Swap = subnet.quote(side, amount, SwapLimit::none(side), 0).ok()?;
    let mut moved = Subnet::new(subnet.netuid, 0);
    (moved.dynamic, moved.pool) = (subnet.dynamic, subnet.pool);
    if moved.dynamic {
        moved.pool.apply(side, &swap);
    }
    Some((moved, swap.paid_out))
}
