//! The economic state in storage is the one that is computed on.

use super::{Harness, accounts::*, *};
use frame_support::{assert_ok, storage::with_storage_layer};
use pallets::subtensor::{Call, *};
use sp_runtime::{DispatchError, StateVersion};

const NET: u16 = 3;

/// Remembered or decoded, it is the same.
fn check(chain: &mut Harness) {
    chain.run(|| {
        let remembered = SubtensorModule::economy();
        assert!(remembered == SubtensorModule::economy_from_storage(), "storage has another economy");
    });
}

fn root(chain: &mut Harness) -> (Vec<u8>, [u8; 32]) {
    chain.run(|| (sp_io::storage::root(StateVersion::V1), EconomyStamp::<Runtime>::get()))
}

#[test]
fn the_parts_in_storage_are_the_whole_economy() {
    let mut chain = Harness::new();
    check(&mut chain);
    let (bob, hotkey) = (dev_account("Bob"), dev_account("BobHot"));
    assert_ok!(chain.call(&bob, Call::burned_register { netuid: NET, hotkey: hotkey.clone() }));
    check(&mut chain);
    let amount_staked = 100 * RAO_PER_TAO;
    assert_ok!(chain.call(&bob, Call::add_stake { hotkey: hotkey.clone(), netuid: NET, amount_staked }));
    check(&mut chain);
    chain.advance(25);
    check(&mut chain);
    let weights = Call::set_weights { netuid: NET, dests: vec![0, 1], weights: vec![1, 2], version_key: 0 };
    assert_ok!(chain.call(&hotkey, weights));
    check(&mut chain);
    chain.sudo(pallets::admin::Call::sudo_set_tempo { netuid: NET, tempo: 7 });
    chain.advance(25);
    check(&mut chain);
    assert_ok!(chain.call(&bob, Call::register_network { hotkey: dev_account("BobOwner") }));
    check(&mut chain);
    chain.sudo(Call::root_dissolve_network { netuid: NET });
    check(&mut chain);
    chain.advance(2);
    check(&mut chain);
    chain.run(|| assert!(!Economy::<Runtime>::contains_key((2, NET)), "nothing of a dissolved subnet stays"));
}

#[test]
fn every_change_of_the_economy_shows_in_the_root() {
    let mut chain = Harness::new();
    let first = root(&mut chain);
    chain.advance(1);
    let second = root(&mut chain);
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[test]
fn what_is_rolled_back_never_was() {
    let mut chain = Harness::new();
    let (before, economy) = (root(&mut chain), chain.run(SubtensorModule::economy));
    chain.run(|| {
        let outcome: Result<(), DispatchError> = with_storage_layer(|| {
            let hotkey = dev_account("BobHot");
            let call = RuntimeCall::from(Call::burned_register { netuid: NET, hotkey });
            let origin = RuntimeOrigin::signed(dev_account("Bob"));
            frame_support::traits::UnfilteredDispatchable::dispatch_bypass_filter(call, origin)
                .map_err(|failed| failed.error)?;
            assert!(SubtensorModule::economy() != economy);
            Err(DispatchError::Other("taken back"))
        });
        assert!(outcome.is_err());
        assert!(SubtensorModule::economy() == economy);
    });
    assert_eq!(root(&mut chain), before);
    check(&mut chain);
}
