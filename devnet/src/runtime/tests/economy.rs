//! From registration to pay.

use super::{Harness, accounts::*, *};
use frame_support::{assert_noop, assert_ok};
use pallets::subtensor::{Call, Error, *};

const NET: u16 = 3;

fn register(chain: &mut Harness, cold: &str, hot: &str) -> u16 {
    let (cold, hot) = (dev_account(cold), dev_account(hot));
    assert_ok!(chain.call(&cold, Call::burned_register { netuid: NET, hotkey: hot.clone() }));
    chain.run(|| Uids::<Runtime>::get(NET, &hot)).expect("registered")
}

#[test]
fn a_registration_costs_the_burn_and_raises_it() {
    let mut chain = Harness::new();
    let (before, price) =
        chain.run(|| (Balances::free_balance(dev_account("Bob")), Burn::<Runtime>::get(NET)));
    assert_eq!(register(&mut chain, "Bob", "BobHot"), 1);
    chain.run(|| {
        let hot = dev_account("BobHot");
        assert_eq!(Balances::free_balance(dev_account("Bob")), before - price);
        assert_eq!(Burn::<Runtime>::get(NET), (u128::from(price) * 126 / 100) as u64);
        assert_eq!(Keys::<Runtime>::get(NET, 1), hot);
        assert!(IsNetworkMember::<Runtime>::get(&hot, NET));
        assert_eq!(Owner::<Runtime>::get(&hot), dev_account("Bob"));
        assert_eq!(OwnedHotkeys::<Runtime>::get(dev_account("Bob")), vec![hot]);
        assert_eq!(LastUpdate::<Runtime>::get(NET), vec![0, 1]);
        System::assert_has_event(Event::NeuronRegistered(NET, 1, dev_account("BobHot")).into());
    });
}

#[test]
fn a_limit_below_the_price_stops_a_registration() {
    let mut chain = Harness::new();
    let call = Call::register_limit { netuid: NET, hotkey: dev_account("BobHot"), limit_price: 5 };
    let refused = chain.call(&dev_account("Bob"), call);
    assert_eq!(refused, Err(Error::<Runtime>::RegistrationPriceLimitExceeded.into()));
}

#[test]
fn a_foreign_hotkey_cannot_be_registered() {
    let mut chain = Harness::new();
    let call = Call::burned_register { netuid: NET, hotkey: dev_account("Alice") };
    assert_eq!(
        chain.call(&dev_account("Bob"), call),
        Err(Error::<Runtime>::HotKeyAlreadyRegisteredInSubNet.into())
    );
}

#[test]
fn stake_is_bought_and_sold_through_the_pool() {
    let mut chain = Harness::new();
    register(&mut chain, "Bob", "BobHot");
    let (bob, hot) = (dev_account("Bob"), dev_account("BobHot"));
    let amount_staked = 100 * RAO_PER_TAO;
    assert_ok!(chain.call(&bob, Call::add_stake { hotkey: hot.clone(), netuid: NET, amount_staked }));
    let stake = chain.run(|| {
        let stake = SubtensorModule::stake_of(&hot, &bob, NET);
        assert!(stake > 80 * RAO_PER_TAO && stake < 100 * RAO_PER_TAO, "{stake}");
        assert_eq!(TotalHotkeyAlpha::<Runtime>::get(&hot, NET), stake);
        assert_eq!(StakingHotkeys::<Runtime>::get(&bob), vec![hot.clone()]);
        stake
    });
    assert_ok!(
        chain.call(&bob, Call::remove_stake { hotkey: hot.clone(), netuid: NET, amount_unstaked: stake })
    );
    chain.run(|| {
        assert_eq!(SubtensorModule::stake_of(&hot, &bob, NET), 0);
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
}

#[test]
fn a_price_limit_refuses_or_fills_in_part() {
    let mut chain = Harness::new();
    register(&mut chain, "Bob", "BobHot");
    let (bob, hotkey) = (dev_account("Bob"), dev_account("BobHot"));
    let order = |allow_partial| Call::add_stake_limit {
        hotkey: hotkey.clone(),
        netuid: NET,
        amount_staked: 500 * RAO_PER_TAO,
        limit_price: RAO_PER_TAO * 11 / 10,
        allow_partial,
    };
    assert_eq!(chain.call(&bob, order(false)), Err(Error::<Runtime>::SlippageTooHigh.into()));
    assert_ok!(chain.call(&bob, order(true)));
    chain.run(|| {
        let stake = SubtensorModule::stake_of(&hotkey, &bob, NET);
        assert!(stake > 40 * RAO_PER_TAO && stake < 60 * RAO_PER_TAO, "{stake}");
    });
}

#[test]
fn a_subnet_that_has_not_started_cannot_be_staked_on() {
    let mut chain = Harness::new();
    let zero = AccountId::new([0; 32]);
    let call = Call::add_stake { hotkey: zero, netuid: 1, amount_staked: RAO_PER_TAO };
    assert_eq!(chain.call(&dev_account("Bob"), call), Err(Error::<Runtime>::SubtokenDisabled.into()));
}

/// The whole way: register, stake, permit, weights, epoch, pay.
#[test]
fn an_epoch_pays_the_miner_that_validators_weight() {
    let mut chain = Harness::new();
    let validator = register(&mut chain, "Bob", "BobHot");
    let miner = register(&mut chain, "Charlie", "CharlieHot");
    let hotkey = dev_account("BobHot");
    let stake = Call::add_stake { hotkey: hotkey.clone(), netuid: NET, amount_staked: 500 * RAO_PER_TAO };
    assert_ok!(chain.call(&dev_account("Bob"), stake));
    chain.advance(20);
    chain.run(|| assert!(ValidatorPermit::<Runtime>::get(NET)[usize::from(validator)]));
    let weights =
        Call::set_weights { netuid: NET, dests: vec![miner], weights: vec![65_535], version_key: 0 };
    assert_ok!(chain.call(&hotkey, weights));
    chain.run(|| assert_eq!(LastUpdate::<Runtime>::get(NET)[usize::from(validator)], 21));
    chain.advance(40);
    chain.run(|| {
        let at = usize::from(miner);
        assert_eq!(Incentive::<Runtime>::get(NET)[at], 65_535);
        assert_eq!(Dividends::<Runtime>::get(NET)[usize::from(validator)], 65_535);
        assert!(Emission::<Runtime>::get(NET)[at] > 0);
        let earned = SubtensorModule::stake_of(&dev_account("CharlieHot"), &dev_account("Charlie"), NET);
        assert!(earned > RAO_PER_TAO, "{earned}");
        assert_eq!(TotalHotkeyAlpha::<Runtime>::get(dev_account("CharlieHot"), NET), earned);
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
}

#[test]
fn child_keys_wait_on_a_started_subnet() {
    let mut chain = Harness::new();
    register(&mut chain, "Bob", "BobHot");
    let children = vec![(u64::MAX / 2, dev_account("Child"))];
    let call = Call::set_children { hotkey: dev_account("BobHot"), netuid: NET, children };
    assert_ok!(chain.call(&dev_account("Bob"), call.clone()));
    chain.run(|| {
        assert!(ChildKeys::<Runtime>::get(dev_account("BobHot"), NET).is_empty());
        assert_eq!(PendingChildKeys::<Runtime>::get(NET, dev_account("BobHot")).1, 7_201);
    });
    assert_eq!(chain.call(&dev_account("Bob"), call), Err(Error::<Runtime>::TxRateLimitExceeded.into()));
}

#[test]
fn a_take_can_fall_and_not_rise_above_the_maximum() {
    let mut chain = Harness::new();
    register(&mut chain, "Bob", "BobHot");
    let (bob, hotkey) = (dev_account("Bob"), dev_account("BobHot"));
    assert_ok!(chain.call(&bob, Call::decrease_take { hotkey: hotkey.clone(), take: 100 }));
    chain.run(|| assert_eq!(Delegates::<Runtime>::get(&hotkey), 100));
    let rise = chain.call(&bob, Call::increase_take { hotkey, take: 20_000 });
    assert_eq!(rise, Err(Error::<Runtime>::DelegateTakeTooHigh.into()));
}

#[test]
fn a_setting_reaches_the_economy() {
    let mut chain = Harness::new();
    chain.sudo(pallets::admin::Call::sudo_set_tempo { netuid: NET, tempo: 7 });
    chain.run(|| {
        let economy = SubtensorModule::economy();
        assert_eq!(economy.subnets[&sn3_protocol::NetUid(NET)].params.tempo, 7);
        assert_eq!(SubtensorModule::next_epoch_block(NET), Some(8));
    });
    chain.advance(7);
    chain.run(|| assert_eq!(SubnetEpochIndex::<Runtime>::get(NET), 1));
}

#[test]
fn commitments_need_a_registered_hotkey_and_space() {
    use pallets::commitments::{Call as Commit, CommitmentOf, Error, types::*};
    let mut chain = Harness::new();
    let raw = Data::Raw(vec![7; 128].try_into().expect("fits"));
    let info = CommitmentInfo { fields: vec![raw].try_into().expect("one field") };
    let call = Commit::<Runtime>::set_commitment { netuid: NET, info: Box::new(info.clone()) };
    let stranger = chain.call(&dev_account("BobHot"), call.clone());
    assert_eq!(stranger, Err(Error::<Runtime>::AccountNotAllowedCommit.into()));
    register(&mut chain, "Bob", "BobHot");
    for _ in 0..24 {
        assert_ok!(chain.call(&dev_account("BobHot"), call.clone()));
    }
    let full = chain.call(&dev_account("BobHot"), call);
    assert_eq!(full, Err(Error::<Runtime>::SpaceLimitExceeded.into()));
    chain.run(|| {
        let stored = CommitmentOf::<Runtime>::get(NET, dev_account("BobHot")).expect("committed");
        assert_eq!((stored.deposit, stored.block, stored.info), (0, 1, info));
        assert_noop!(
            Commitments::set_max_space(RuntimeOrigin::signed(dev_account("Bob")), 1),
            sp_runtime::DispatchError::BadOrigin
        );
    });
}
