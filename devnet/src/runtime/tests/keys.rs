//! Replacing keys, acting for others, paying with stake.

use super::{Harness, accounts::*, *};
use codec::Encode;
use frame_support::{assert_ok, traits::Currency};
use pallets::subtensor::{Call, Error, *};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::DispatchError;

const NET: u16 = 3;

/// Bob's hotkey is registered and has Bob's stake.
fn chain() -> Harness {
    let mut chain = Harness::new();
    let (bob, hotkey) = (dev_account("Bob"), dev_account("BobHot"));
    assert_ok!(chain.call(&bob, Call::burned_register { netuid: NET, hotkey: hotkey.clone() }));
    let amount_staked = 100 * RAO_PER_TAO;
    assert_ok!(chain.call(&bob, Call::add_stake { hotkey, netuid: NET, amount_staked }));
    chain
}

fn stake(chain: &mut Harness, hot: &str, cold: &str) -> u64 {
    chain.run(|| SubtensorModule::stake_of(&dev_account(hot), &dev_account(cold), NET))
}

#[test]
fn a_hotkey_gives_its_place_and_stake_to_another() {
    let mut chain = chain();
    let held = stake(&mut chain, "BobHot", "Bob");
    let swap =
        Call::swap_hotkey { hotkey: dev_account("BobHot"), new_hotkey: dev_account("BobNew"), netuid: None };
    assert_ok!(chain.call(&dev_account("Bob"), swap.clone()));
    assert_eq!((stake(&mut chain, "BobHot", "Bob"), stake(&mut chain, "BobNew", "Bob")), (0, held));
    chain.run(|| {
        let (old, new) = (dev_account("BobHot"), dev_account("BobNew"));
        assert_eq!((Uids::<Runtime>::get(NET, &old), Uids::<Runtime>::get(NET, &new)), (None, Some(1)));
        assert_eq!(Keys::<Runtime>::get(NET, 1), new);
        assert_eq!(OwnedHotkeys::<Runtime>::get(dev_account("Bob")), vec![new.clone()]);
        assert_eq!(StakingHotkeys::<Runtime>::get(dev_account("Bob")), vec![new]);
        assert!(!Owner::<Runtime>::contains_key(&old));
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
    chain.advance(1);
    let back =
        Call::swap_hotkey { hotkey: dev_account("BobNew"), new_hotkey: dev_account("BobHot"), netuid: None };
    let soon = Err(Error::<Runtime>::HotKeySetTxRateLimitExceeded.into());
    assert_eq!(chain.call(&dev_account("Bob"), back), soon);
    assert_eq!(chain.call(&dev_account("Eve"), swap), Err(Error::<Runtime>::NonAssociatedColdKey.into()));
}

#[test]
fn stake_may_stay_when_one_place_is_given_away() {
    let mut chain = chain();
    let held = stake(&mut chain, "BobHot", "Bob");
    let swap = Call::swap_hotkey_v2 {
        hotkey: dev_account("BobHot"),
        new_hotkey: dev_account("BobNew"),
        netuid: Some(NET),
        keep_stake: true,
    };
    assert_ok!(chain.call(&dev_account("Bob"), swap));
    assert_eq!((stake(&mut chain, "BobHot", "Bob"), stake(&mut chain, "BobNew", "Bob")), (held, 0));
    chain.run(|| assert_eq!(Uids::<Runtime>::get(NET, dev_account("BobNew")), Some(1)));
}

#[test]
fn a_coldkey_gives_all_away_after_an_announcement() {
    let mut chain = chain();
    let (bob, new) = (dev_account("Bob"), dev_account("BobCold"));
    let held = stake(&mut chain, "BobHot", "Bob");
    let hash = H256(blake2_256(&new.encode()));
    chain.run(|| ColdkeySwapAnnouncementDelay::<Runtime>::put(5));
    assert_ok!(chain.call(&bob, Call::announce_coldkey_swap { new_coldkey_hash: hash }));
    let swap = || Call::swap_coldkey_announced { new_coldkey: dev_account("BobCold") };
    assert_eq!(chain.call(&bob, swap()), Err(Error::<Runtime>::ColdkeySwapTooEarly.into()));
    chain.advance(5);
    assert_ok!(chain.call(&bob, swap()));
    assert_eq!(stake(&mut chain, "BobHot", "Bob"), 0);
    assert!(stake(&mut chain, "BobHot", "BobCold").abs_diff(held) <= 1);
    chain.run(|| {
        assert_eq!(Owner::<Runtime>::get(dev_account("BobHot")), new);
        assert_eq!(Balances::free_balance(&bob), 0);
        assert!(Balances::free_balance(&new) > 999_000 * RAO_PER_TAO - held);
    });
}

#[test]
fn a_disputed_coldkey_can_do_nothing() {
    let mut chain = chain();
    let bob = dev_account("Bob");
    assert_ok!(chain.call(&bob, Call::announce_coldkey_swap { new_coldkey_hash: H256::zero() }));
    assert_eq!(announced(&mut chain), (None, Some("ColdkeySwapAnnounced")));
    assert_ok!(chain.call(&bob, Call::dispute_coldkey_swap {}));
    assert_eq!(announced(&mut chain), (Some("ColdkeySwapDisputed"), Some("ColdkeySwapDisputed")));
    chain.sudo(Call::reset_coldkey_swap { coldkey: bob.clone() });
    assert_eq!(announced(&mut chain), (None, None));
}

/// Why Bob may not do what announcements allow, and what they do not.
fn announced(chain: &mut Harness) -> (Option<&'static str>, Option<&'static str>) {
    let refusal = |allowed| {
        let checked = SubtensorModule::check_announced(&dev_account("Bob"), allowed);
        checked.err().map(|error| <&'static str>::from(DispatchError::from(error)))
    };
    chain.run(|| (refusal(true), refusal(false)))
}

#[test]
fn a_coldkey_without_tao_pays_with_the_stake_it_takes_away() {
    let mut chain = chain();
    chain.advance(1);
    let bob = dev_account("Bob");
    chain.run(|| drop(Balances::make_free_balance_be(&bob, 600)));
    let amount_unstaked = 10 * RAO_PER_TAO;
    let call = Call::remove_stake { hotkey: dev_account("BobHot"), netuid: NET, amount_unstaked };
    assert_eq!(chain.submit(&dev_pair("Bob"), call), Ok(Ok(())));
    chain.run(|| {
        let paid = System::events().into_iter().any(|record| {
            matches!(
                record.event,
                RuntimeEvent::SubtensorModule(Event::TransactionFeePaidWithAlpha { alpha_fee, .. }) if alpha_fee > 0
            )
        });
        assert!(paid);
        assert!(Balances::free_balance(&bob) > 9 * RAO_PER_TAO);
    });
}

#[test]
fn all_stake_is_sold_or_moved_to_root_at_once() {
    let mut chain = chain();
    let bob = dev_account("Bob");
    assert_ok!(chain.call(&bob, Call::unstake_all_alpha { hotkey: dev_account("BobHot") }));
    assert_eq!(stake(&mut chain, "BobHot", "Bob"), 0);
    let on_root = chain.run(|| SubtensorModule::stake_of(&dev_account("BobHot"), &bob, 0));
    assert!(on_root > 80 * RAO_PER_TAO, "{on_root}");
    assert_ok!(chain.call(&bob, Call::unstake_all { hotkey: dev_account("BobHot") }));
    assert_eq!(chain.run(|| SubtensorModule::stake_of(&dev_account("BobHot"), &bob, 0)), 0);
}

#[test]
fn a_price_between_two_subnets_limits_a_move() {
    let mut chain = chain();
    let swap = |limit_price, allow_partial| Call::swap_stake_limit {
        hotkey: dev_account("BobHot"),
        origin_netuid: NET,
        destination_netuid: 0,
        alpha_amount: 50 * RAO_PER_TAO,
        limit_price,
        allow_partial,
    };
    let price = chain.run(|| SubtensorModule::alpha_price(NET));
    let bob = dev_account("Bob");
    assert_eq!(chain.call(&bob, swap(price, false)), Err(Error::<Runtime>::SlippageTooHigh.into()));
    assert_ok!(chain.call(&bob, swap(price * 98 / 100, true)));
    chain.run(|| {
        let moved = SubtensorModule::stake_of(&dev_account("BobHot"), &bob, 0);
        assert!(moved > RAO_PER_TAO && moved < 15 * RAO_PER_TAO, "{moved}");
        assert!(SubtensorModule::alpha_price(NET) >= price * 98 / 100 - 1);
    });
}

#[test]
fn bought_stake_can_be_burned_at_once() {
    let mut chain = chain();
    let before = stake(&mut chain, "BobHot", "Bob");
    let (hotkey, amount) = (dev_account("BobHot"), 10 * RAO_PER_TAO);
    let call = Call::add_stake_burn { hotkey, netuid: NET, amount, limit: None };
    assert_ok!(chain.call(&dev_account("Bob"), call));
    assert!(stake(&mut chain, "BobHot", "Bob").abs_diff(before) <= 1);
}

#[test]
fn proxies_act_inside_their_kind() {
    use pallets::proxy::{Call as Proxy, ProxyType};
    let mut chain = chain();
    let (bob, eve) = (dev_account("Bob"), dev_account("Eve"));
    let add = Proxy::add_proxy { delegate: eve.clone().into(), proxy_type: ProxyType::Staking, delay: 0 };
    assert_ok!(chain.call(&bob, add));
    assert_eq!(chain.run(|| Balances::reserved_balance(&bob)), 93_000_000);
    let act = |call: RuntimeCall| Proxy::proxy {
        real: dev_account("Bob").into(),
        force_proxy_type: None,
        call: Box::new(call),
    };
    let sell = Call::unstake_all { hotkey: dev_account("BobHot") };
    assert_ok!(chain.call(&eve, act(sell.into())));
    assert_eq!(stake(&mut chain, "BobHot", "Bob"), 0);
    let steal = pallet_balances::Call::transfer_keep_alive { dest: eve.clone().into(), value: RAO_PER_TAO };
    let before = chain.run(|| Balances::free_balance(&bob));
    assert_ok!(chain.call(&eve, act(steal.into())));
    assert_eq!(chain.run(|| Balances::free_balance(&bob)), before, "the inner call was filtered");
    let remove =
        Proxy::remove_proxy { delegate: eve.clone().into(), proxy_type: ProxyType::Staking, delay: 0 };
    assert_ok!(chain.call(&bob, remove));
    assert_eq!(chain.run(|| Balances::reserved_balance(&bob)), 0);
    assert!(
        chain.call(&eve, act(RuntimeCall::System(frame_system::Call::remark { remark: vec![] }))).is_err()
    );
}

#[test]
fn symbols_are_known_and_unique() {
    let mut chain = Harness::new();
    let alice = dev_account("Alice");
    let update = |symbol: &str| Call::update_symbol { netuid: NET, symbol: symbol.as_bytes().to_vec() };
    assert_ok!(chain.call(&alice, update("ω")));
    assert_eq!(chain.call(&alice, update("α")), Err(Error::<Runtime>::SymbolAlreadyInUse.into()));
    assert_eq!(chain.call(&alice, update("$")), Err(Error::<Runtime>::SymbolDoesNotExist.into()));
    assert_eq!(chain.call(&dev_account("Bob"), update("ψ")), Err(Error::<Runtime>::NotSubnetOwner.into()));
}
