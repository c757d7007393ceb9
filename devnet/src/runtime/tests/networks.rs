//! The life of a subnet: registered, started, enabled, dissolved.

use super::{Harness, accounts::*, *};
use frame_support::assert_ok;
use pallets::{
    admin::Call as Admin,
    subtensor::{Call, Error, *},
};

#[test]
fn a_subnet_is_registered_started_and_emits() {
    let mut chain = Harness::new();
    let (owner, hotkey) = (dev_account("Dave"), dev_account("DaveHot"));
    let cost = chain.run(SubtensorModule::network_cost);
    let before = chain.run(|| Balances::free_balance(&owner));
    assert_ok!(chain.call(&owner, Call::register_network { hotkey: hotkey.clone() }));
    chain.run(|| {
        assert_eq!(Balances::free_balance(&owner), before - cost);
        assert_eq!(SubnetOwner::<Runtime>::get(2), owner);
        assert_eq!(SubnetOwnerHotkey::<Runtime>::get(2), hotkey);
        assert_eq!(Keys::<Runtime>::get(2, 0), hotkey);
        assert_eq!(SubnetLocked::<Runtime>::get(2), cost);
        assert_eq!(SubnetTAO::<Runtime>::get(2), cost);
        assert_eq!(
            (
                Tempo::<Runtime>::get(2),
                MaxAllowedValidators::<Runtime>::get(2),
                ImmunityPeriod::<Runtime>::get(2)
            ),
            (360, 64, 5_000)
        );
        assert!(Yuma3On::<Runtime>::get(2) && !SubnetEmissionEnabled::<Runtime>::get(2));
        assert_eq!(TokenSymbol::<Runtime>::get(2), "β".as_bytes());
        System::assert_has_event(Event::NetworkAdded(2, 1).into());
    });
    let stranger = chain.call(&dev_account("Eve"), Call::start_call { netuid: 2 });
    assert_eq!(stranger, Err(sp_runtime::DispatchError::BadOrigin));
    assert_ok!(chain.call(&owner, Call::start_call { netuid: 2 }));
    let again = chain.call(&owner, Call::start_call { netuid: 2 });
    assert_eq!(again, Err(Error::<Runtime>::FirstEmissionBlockNumberAlreadySet.into()));
    chain.sudo(Admin::sudo_set_subnet_emission_enabled { netuid: 2, enabled: true });
    chain.advance(3);
    chain.run(|| {
        assert_eq!(FirstEmissionBlockNumber::<Runtime>::get(2), Some(2));
        assert!(SubnetAlphaOutEmission::<Runtime>::get(2) > 0);
        assert!(PendingServerEmission::<Runtime>::get(2) > 0);
    });
}

#[test]
fn registrations_of_subnets_are_limited_in_their_rate() {
    let mut chain = Harness::new();
    chain.sudo(Admin::sudo_set_network_rate_limit { rate_limit: 10 });
    let call = |hot| Call::register_network { hotkey: dev_account(hot) };
    assert_ok!(chain.call(&dev_account("Dave"), call("DaveHot")));
    let early = chain.call(&dev_account("Eve"), call("EveHot"));
    assert_eq!(early, Err(Error::<Runtime>::NetworkTxRateLimitExceeded.into()));
    chain.advance(10);
    assert_ok!(chain.call(&dev_account("Eve"), call("EveHot")));
}

#[test]
fn a_dissolved_subnet_leaves_nothing_behind() {
    let mut chain = Harness::new();
    chain.advance(2);
    chain.sudo(Call::root_dissolve_network { netuid: 3 });
    chain.run(|| {
        assert!(!NetworksAdded::<Runtime>::get(3));
        assert_eq!(SubnetworkN::<Runtime>::get(3), 0);
        assert_eq!(Uids::<Runtime>::get(3, dev_account("Alice")), None);
        assert_eq!(SubnetTAO::<Runtime>::get(3), 0);
        assert_eq!(Balances::free_balance(SubtensorModule::subnet_account(3)), 0);
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
    chain.advance(2);
}

#[test]
fn root_takes_one_registration_in_a_block() {
    let mut chain = Harness::new();
    let call = |hot| Call::root_register { hotkey: dev_account(hot) };
    assert_ok!(chain.call(&dev_account("Bob"), call("BobHot")));
    let second = chain.call(&dev_account("Charlie"), call("CharlieHot"));
    assert_eq!(second, Err(Error::<Runtime>::TooManyRegistrationsThisBlock.into()));
    chain.advance(1);
    assert_ok!(chain.call(&dev_account("Charlie"), call("CharlieHot")));
    chain.run(|| {
        assert_eq!(SubnetworkN::<Runtime>::get(0), 2);
        assert_eq!(Delegates::<Runtime>::try_get(dev_account("BobHot")), Ok(11_796));
    });
}

#[test]
fn owners_change_settings_only_so_often_and_not_near_an_epoch() {
    let mut chain = Harness::new();
    chain.advance(1);
    let alice = dev_account("Alice");
    let call = |immunity_period| Admin::sudo_set_immunity_period { netuid: 3, immunity_period };
    assert_ok!(chain.call(&alice, call(7)));
    chain.run(|| assert_eq!(ImmunityPeriod::<Runtime>::get(3), 7));
    assert_eq!(chain.call(&alice, call(8)), Err(Error::<Runtime>::TxRateLimitExceeded.into()));
    let stranger = chain.call(&dev_account("Bob"), call(8));
    assert_eq!(stranger, Err(sp_runtime::DispatchError::BadOrigin));
    chain.sudo(Admin::sudo_set_admin_freeze_window { window: 20 });
    let frozen = chain.call(&alice, Admin::sudo_set_rho { netuid: 3, rho: 1 });
    assert_eq!(frozen, Err(Error::<Runtime>::AdminActionProhibitedDuringWeightsWindow.into()));
}

/// Root stake is TAO one to one, and counts on every subnet with the weight of TAO.
#[test]
fn root_stake_counts_on_subnets() {
    let mut chain = Harness::new();
    let (bob, hotkey) = (dev_account("Bob"), dev_account("BobHot"));
    assert_ok!(chain.call(&bob, Call::root_register { hotkey: hotkey.clone() }));
    let amount_staked = 1_000 * RAO_PER_TAO;
    let stake = Call::add_stake { hotkey: hotkey.clone(), netuid: 0, amount_staked };
    assert_ok!(chain.call(&bob, stake));
    chain.run(|| {
        assert_eq!(SubtensorModule::stake_of(&hotkey, &bob, 0), amount_staked);
        let weight = SubtensorModule::stake_weight(&hotkey, 3);
        let expected = amount_staked / 1_000_000 * 52_677;
        assert!(weight.abs_diff(expected) < RAO_PER_TAO / 100, "{weight}");
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
    let call = Call::remove_stake { hotkey, netuid: 0, amount_unstaked: amount_staked };
    assert_ok!(chain.call(&bob, call));
}
