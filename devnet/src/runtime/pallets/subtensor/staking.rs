//! Buying, selling and moving stake (chain interface, section 3.6).

use super::economy::{BalancesBank, coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_emission::network::{Position, PriceLimit, StakeMoved};
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    pub(super) fn do_add_stake(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        tao_rao: TaoBalance,
        limit: Option<PriceLimit>,
    ) -> DispatchResult {
        let (cold, key, net) = (coldkey(&who), hotkey(&hot), Net(netuid));
        let mut bank = BalancesBank::<T>::new();
        let moved = Self::operate(|network| match limit {
            None => network.add_stake(&mut bank, &cold, &key, net, tao_rao),
            Some(limit) => network.add_stake_limit(&mut bank, &cold, &key, net, tao_rao, limit),
        })?;
        let StakeMoved { tao, alpha, fee } = moved;
        Self::deposit_event(Event::StakeAdded(who, hot, tao, alpha, netuid, fee));
        Ok(())
    }

    pub(super) fn do_remove_stake(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        alpha_rao: AlphaBalance,
        limit: Option<PriceLimit>,
    ) -> DispatchResult {
        let (cold, key, net) = (coldkey(&who), hotkey(&hot), Net(netuid));
        let mut bank = BalancesBank::<T>::new();
        let moved = Self::operate(|network| match limit {
            None => network.remove_stake(&mut bank, &cold, &key, net, alpha_rao),
            Some(limit) => network.remove_stake_limit(&mut bank, &cold, &key, net, alpha_rao, limit),
        })?;
        let StakeMoved { tao, alpha, fee } = moved;
        Self::deposit_event(Event::StakeRemoved(who, hot, tao, alpha, netuid, fee));
        Ok(())
    }

    pub(super) fn do_move_stake(
        who: AccountId32,
        from: AccountId32,
        to: AccountId32,
        from_netuid: NetUid,
        to_netuid: NetUid,
        alpha_rao: AlphaBalance,
    ) -> DispatchResult {
        let (origin, target) = (position(&who, &from, from_netuid), position(&who, &to, to_netuid));
        let tao = Self::relocate(&origin, &target, alpha_rao)?;
        Self::deposit_event(Event::StakeMoved(who, from, from_netuid, to, to_netuid, tao));
        Ok(())
    }

    pub(super) fn do_transfer_stake(
        who: AccountId32,
        receiver: AccountId32,
        hot: AccountId32,
        from_netuid: NetUid,
        to_netuid: NetUid,
        alpha_rao: AlphaBalance,
    ) -> DispatchResult {
        let (origin, target) = (position(&who, &hot, from_netuid), position(&receiver, &hot, to_netuid));
        let tao = Self::relocate(&origin, &target, alpha_rao)?;
        Self::deposit_event(Event::StakeTransferred(who, receiver, hot, from_netuid, to_netuid, tao));
        Ok(())
    }

    pub(super) fn do_swap_stake(
        who: AccountId32,
        hot: AccountId32,
        from_netuid: NetUid,
        to_netuid: NetUid,
        alpha_rao: AlphaBalance,
    ) -> DispatchResult {
        let (origin, target) = (position(&who, &hot, from_netuid), position(&who, &hot, to_netuid));
        let tao = Self::relocate(&origin, &target, alpha_rao)?;
        Self::deposit_event(Event::StakeSwapped(who, hot, from_netuid, to_netuid, tao));
        Ok(())
    }

    fn relocate(from: &Position, to: &Position, alpha_rao: AlphaBalance) -> Result<TaoBalance, Error<T>> {
        ensure!(NetworksAdded::<T>::get(from.netuid.0), Error::<T>::SubnetNotExists);
        let mut bank = BalancesBank::<T>::new();
        let moved = Self::operate(|network| network.move_stake(&mut bank, from, to, alpha_rao))?;
        Ok(moved.tao)
    }

    /// Takes staked alpha out of the world: recycled alpha leaves the issuance, burned alpha stays in it.
    pub(super) fn do_destroy_stake(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        alpha_rao: AlphaBalance,
        recycle: bool,
    ) -> DispatchResult {
        let (cold, key, net) = (coldkey(&who), hotkey(&hot), Net(netuid));
        let gone = Self::operate(|network| network.destroy_stake(&cold, &key, net, alpha_rao, recycle))?;
        Self::deposit_event(match recycle {
            true => Event::AlphaRecycled(who, hot, gone, netuid),
            false => Event::AlphaBurned(who, hot, gone, netuid),
        });
        Ok(())
    }
}

fn position(cold: &AccountId32, hot: &AccountId32, netuid: NetUid) -> Position {
    Position { hotkey: hotkey(hot), coldkey: coldkey(cold), netuid: Net(netuid) }
}
