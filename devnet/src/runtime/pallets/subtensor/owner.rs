//! Choices of subnet owners and of root stakers (chain interface, sections 3.6 and 3.7).

use super::economy::{BalancesBank, coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::dispatch::DispatchResult;
use sn3_emission::network::RootClaim;
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;
use std::collections::BTreeSet;

impl<T: Config> Pallet<T> {
    pub(super) fn do_set_tempo(who: AccountId32, netuid: NetUid, tempo: u16) -> DispatchResult {
        Self::operate(|network| network.set_tempo(&coldkey(&who), Net(netuid), tempo))?;
        Self::deposit_event(Event::TempoSet(netuid, tempo));
        Ok(())
    }

    pub(super) fn do_set_activity_factor(who: AccountId32, netuid: NetUid, milli: u32) -> DispatchResult {
        Self::operate(|network| network.set_activity_cutoff_factor(&coldkey(&who), Net(netuid), milli))?;
        Ok(())
    }

    pub(super) fn do_trigger_epoch(who: AccountId32, netuid: NetUid) -> DispatchResult {
        let block = Self::operate(|network| network.trigger_epoch(&coldkey(&who), Net(netuid)))?;
        Self::deposit_event(Event::EpochTriggered { netuid, by: who, fires_at: block });
        Ok(())
    }

    pub(super) fn do_set_auto_stake(who: AccountId32, netuid: NetUid, hot: AccountId32) -> DispatchResult {
        Self::operate(|network| network.set_auto_stake(&coldkey(&who), Net(netuid), &hotkey(&hot)))?;
        Ok(())
    }

    pub(super) fn do_claim_root(who: AccountId32, subnets: BTreeSet<NetUid>) -> DispatchResult {
        let netuids: Vec<Net> = subnets.into_iter().map(Net).collect();
        Self::operate(|network| network.claim_root(&coldkey(&who), &netuids))?;
        Self::deposit_event(Event::RootClaimed { coldkey: who });
        Ok(())
    }

    pub(super) fn do_set_root_claim_type(who: AccountId32, wish: RootClaimTypeEnum) -> DispatchResult {
        let claim = match &wish {
            RootClaimTypeEnum::Swap => RootClaim::Swap,
            RootClaimTypeEnum::Keep => RootClaim::Keep,
            RootClaimTypeEnum::KeepSubnets { subnets } => {
                RootClaim::KeepSubnets(subnets.iter().copied().map(Net).collect())
            }
        };
        Self::operate(|network| {
            network.set_root_claim(&coldkey(&who), claim);
            Ok(())
        })?;
        Self::deposit_event(Event::RootClaimTypeSet { coldkey: who, root_claim_type: wish });
        Ok(())
    }

    /// Dissolves a subnet and pays its TAO out to those who hold its alpha.
    pub(super) fn dissolve(netuid: NetUid) -> DispatchResult {
        let mut bank = BalancesBank::<T>::new();
        Self::operate(|network| network.dissolve_network(&mut bank, Net(netuid)))?;
        Self::deposit_event(Event::NetworkRemoved(netuid));
        Ok(())
    }

    /// Sets how many mechanisms a subnet has.
    pub fn set_mechanism_count(netuid: NetUid, count: MechId) -> DispatchResult {
        frame_support::ensure!(count <= MaxMechanismCount::<T>::get(), Error::<T>::InvalidValue);
        Self::operate(|network| network.set_mechanism_count(Net(netuid), count))?;
        Ok(())
    }

    /// Sets how the mechanisms of a subnet share its emission.
    pub fn set_emission_split(netuid: NetUid, split: Option<Vec<u16>>) -> DispatchResult {
        Self::operate(|network| network.set_emission_split(Net(netuid), split))?;
        Ok(())
    }
}
