//! Who owns a hotkey, what it takes, whom it lends stake weight to, what it says of itself
//! (chain interface, section 3.7).

use super::economy::{coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;

/// How many blocks lie between two changes of a hotkey's children.
const SET_CHILDREN_BLOCKS_MIN: u64 = 150;
/// The number of [`TransactionKeyLastBlock`] for changes of children.
const KEY_SET_CHILDREN: u16 = 0;
/// The number of [`TransactionKeyLastBlock`] for changes of child-key takes.
const KEY_SET_CHILDKEY_TAKE: u16 = 1;
/// The longest description of a coldkey or subnet, in bytes.
const IDENTITY_BYTES_MAX: usize = 8 * 1024;

impl<T: Config> Pallet<T> {
    /// Whether a coldkey has claimed the hotkey.
    pub fn hotkey_exists(hotkey: &AccountId32) -> bool {
        Owner::<T>::contains_key(hotkey)
    }

    /// Whether the coldkey owns the hotkey.
    pub fn owns(coldkey: &AccountId32, hotkey: &AccountId32) -> bool {
        Self::hotkey_exists(hotkey) && Owner::<T>::get(hotkey) == *coldkey
    }

    /// Claims a hotkey that nobody owns yet; does nothing otherwise.
    pub(super) fn do_try_associate_hotkey(who: AccountId32, hot: AccountId32) -> DispatchResult {
        Self::operate(|network| {
            network.adopt(&coldkey(&who), &hotkey(&hot));
            Ok(())
        })?;
        Ok(())
    }

    fn ensure_owns(coldkey: &AccountId32, hotkey: &AccountId32) -> Result<(), Error<T>> {
        ensure!(Self::hotkey_exists(hotkey), Error::<T>::HotKeyAccountNotExists);
        ensure!(Self::owns(coldkey, hotkey), Error::<T>::NonAssociatedColdKey);
        Ok(())
    }

    pub(super) fn do_decrease_take(who: AccountId32, hotkey: AccountId32, take: u16) -> DispatchResult {
        Self::check_decrease_take(&who, &hotkey, take)?;
        Self::store_take(&hotkey, take)?;
        Self::deposit_event(Event::TakeDecreased(who, hotkey, take));
        Ok(())
    }

    pub(super) fn do_increase_take(who: AccountId32, hotkey: AccountId32, take: u16) -> DispatchResult {
        Self::check_increase_take(&who, &hotkey, take)?;
        Self::store_take(&hotkey, take)?;
        Self::deposit_event(Event::TakeIncreased(who, hotkey, take));
        Ok(())
    }

    fn store_take(hot: &AccountId32, take: u16) -> Result<(), Error<T>> {
        LastTxBlockDelegateTake::<T>::insert(hot, Self::now());
        Self::operate(|network| {
            if let Some(state) = network.hotkeys.get_mut(&hotkey(hot)) {
                state.take = Some(take);
            }
            Ok(())
        })
    }

    /// Whether the coldkey may lower the hotkey's take to this.
    pub fn check_decrease_take(who: &AccountId32, hotkey: &AccountId32, take: u16) -> Result<(), Error<T>> {
        Self::ensure_owns(who, hotkey)?;
        let lower = take < Delegates::<T>::get(hotkey) && take >= MinDelegateTake::<T>::get();
        ensure!(lower, Error::<T>::DelegateTakeTooLow);
        Ok(())
    }

    /// Whether the coldkey may raise the hotkey's take to this, now.
    pub fn check_increase_take(who: &AccountId32, hotkey: &AccountId32, take: u16) -> Result<(), Error<T>> {
        Self::ensure_owns(who, hotkey)?;
        ensure!(take > Delegates::<T>::get(hotkey), Error::<T>::DelegateTakeTooLow);
        ensure!(take <= MaxDelegateTake::<T>::get(), Error::<T>::DelegateTakeTooHigh);
        let (last, now) = (LastTxBlockDelegateTake::<T>::get(hotkey), Self::now());
        let rested = last == 0 || now - last >= TxDelegateTakeRateLimit::<T>::get();
        ensure!(rested, Error::<T>::DelegateTxRateLimitExceeded);
        Ok(())
    }

    pub(super) fn do_set_childkey_take(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        take: u16,
    ) -> DispatchResult {
        ensure!(Self::owns(&who, &hot), Error::<T>::NonAssociatedColdKey);
        let least = MinChildkeyTake::<T>::get().max(MinChildkeyTakePerSubnet::<T>::get(netuid));
        ensure!((least..=MaxChildkeyTake::<T>::get()).contains(&take), Error::<T>::InvalidChildkeyTake);
        let key = (&hot, netuid, KEY_SET_CHILDKEY_TAKE);
        if take > ChildkeyTake::<T>::get(&hot, netuid) {
            let (last, now) = (TransactionKeyLastBlock::<T>::get(key), Self::now());
            let rested = last == 0 || now - last >= TxChildkeyTakeRateLimit::<T>::get();
            ensure!(rested, Error::<T>::TxChildkeyTakeRateLimitExceeded);
        }
        TransactionKeyLastBlock::<T>::insert(key, Self::now());
        let cold = coldkey(&who);
        Self::operate(|network| network.set_childkey_take(&cold, &hotkey(&hot), Net(netuid), take))?;
        Self::deposit_event(Event::ChildKeyTakeSet(hot, take));
        Ok(())
    }

    pub(super) fn do_set_children(
        who: AccountId32,
        hot: AccountId32,
        netuid: NetUid,
        children: Vec<(u64, AccountId32)>,
    ) -> DispatchResult {
        let key = (&hot, netuid, KEY_SET_CHILDREN);
        let (last, now) = (TransactionKeyLastBlock::<T>::get(key), Self::now());
        ensure!(last == 0 || now - last >= SET_CHILDREN_BLOCKS_MIN, Error::<T>::TxRateLimitExceeded);
        let relations = children.iter().map(|(part, child)| (*part, hotkey(child))).collect();
        Self::operate(|network| network.set_children(&coldkey(&who), &hotkey(&hot), Net(netuid), relations))?;
        TransactionKeyLastBlock::<T>::insert(key, now);
        let due = PendingChildKeys::<T>::get(netuid, &hot).1;
        Self::deposit_event(match SubtokenEnabled::<T>::get(netuid) {
            true => Event::SetChildrenScheduled(hot, netuid, due, children),
            false => Event::SetChildren(hot, netuid, children),
        });
        Ok(())
    }

    pub(super) fn do_set_auto_parent(who: AccountId32, hotkey: AccountId32, enabled: bool) -> DispatchResult {
        Self::ensure_owns(&who, &hotkey)?;
        AutoParentDelegationEnabled::<T>::insert(&hotkey, enabled);
        Self::deposit_event(Event::AutoParentDelegationEnabledSet { hotkey, enabled });
        Ok(())
    }

    pub(super) fn do_set_identity(who: AccountId32, identity: ChainIdentityV2) -> DispatchResult {
        let registered = OwnedHotkeys::<T>::get(&who).iter().any(Self::registered_anywhere);
        ensure!(registered, Error::<T>::HotKeyNotRegisteredInNetwork);
        ensure!(codec::Encode::encoded_size(&identity) <= IDENTITY_BYTES_MAX, Error::<T>::InvalidIdentity);
        IdentitiesV2::<T>::insert(&who, identity);
        Self::deposit_event(Event::ChainIdentitySet(who));
        Ok(())
    }

    fn registered_anywhere(hotkey: &AccountId32) -> bool {
        IsNetworkMember::<T>::iter_prefix(hotkey).any(|(_, member)| member)
    }

    pub(super) fn do_set_subnet_identity(
        who: AccountId32,
        netuid: NetUid,
        identity: SubnetIdentityV3,
    ) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubnetOwner::<T>::get(netuid) == who, Error::<T>::NotSubnetOwner);
        Self::describe_subnet(netuid, identity)?;
        Ok(())
    }

    pub(super) fn describe_subnet(netuid: NetUid, identity: SubnetIdentityV3) -> Result<(), Error<T>> {
        ensure!(codec::Encode::encoded_size(&identity) <= IDENTITY_BYTES_MAX, Error::<T>::InvalidIdentity);
        SubnetIdentitiesV3::<T>::insert(netuid, identity);
        Self::deposit_event(Event::SubnetIdentitySet(netuid));
        Ok(())
    }
}

/// Appends a hotkey to a list that holds each only once.
pub(super) fn push_once(hotkeys: &mut Vec<AccountId32>, hotkey: &AccountId32) {
    if !hotkeys.contains(hotkey) {
        hotkeys.push(hotkey.clone());
    }
}
