//! Who may set which weights, plainly and committed.

use super::{Harness, accounts::*, *};
use frame_support::assert_ok;
use pallets::subtensor::{Call, Error, *};
use sn3_emission::network::{Weights as Row, commit_hash};
use sp_core::H256;

const NET: u16 = 3;

/// Alice owns the subnet and has uid 0; Bob's hotkey gets uid 1 and no permit.
fn chain() -> Harness {
    let mut chain = Harness::new();
    let hotkey = dev_account("BobHot");
    assert_ok!(chain.call(&dev_account("Bob"), Call::burned_register { netuid: NET, hotkey }));
    chain
}

/// The hash of Alice's commit to (uid 1, weight 9) with salt 1.
fn hash_of_nine() -> H256 {
    let row = Row { uids: vec![1], values: vec![9], version_key: 0 };
    let key = sn3_protocol::Hotkey(*dev_account("Alice").as_ref());
    H256(commit_hash(&key, sn3_protocol::NetUid(NET), 0, &row, &[1]))
}

fn reveal_nine() -> Call<Runtime> {
    Call::reveal_weights { netuid: NET, uids: vec![1], values: vec![9], salt: vec![1], version_key: 0 }
}

fn set(dests: Vec<u16>, weights: Vec<u16>) -> Call<Runtime> {
    Call::set_weights { netuid: NET, dests, weights, version_key: 0 }
}

#[test]
fn weights_are_stored_upscaled_in_the_order_given() {
    let mut chain = chain();
    assert_ok!(chain.call(&dev_account("Alice"), set(vec![1, 0], vec![100, 50])));
    chain.run(|| {
        assert_eq!(Weights::<Runtime>::get(NET, 0), vec![(1, 65_535), (0, 32_768)]);
        System::assert_has_event(Event::WeightsSet(NET, 0).into());
    });
}

#[test]
fn bad_rows_are_refused_by_name() {
    let mut chain = chain();
    let alice = dev_account("Alice");
    let mut refuse = |who: &AccountId, call, error: Error<Runtime>| {
        assert_eq!(chain.call(who, call), Err(error.into()));
    };
    refuse(&alice, set(vec![1], vec![]), Error::WeightVecNotEqualSize);
    refuse(&alice, set(vec![1, 1], vec![1, 1]), Error::DuplicateUids);
    refuse(&alice, set(vec![7], vec![1]), Error::UidVecContainInvalidOne);
    refuse(&alice, set(vec![0, 1, 2], vec![1, 1, 1]), Error::UidsLengthExceedUidsInSubNet);
    refuse(&dev_account("BobHot"), set(vec![0], vec![1]), Error::NeuronNoValidatorPermit);
    refuse(&dev_account("Stranger"), set(vec![0], vec![1]), Error::HotKeyNotRegisteredInSubNet);
    let root = Call::set_weights { netuid: 0, dests: vec![], weights: vec![], version_key: 0 };
    refuse(&alice, root, Error::CanNotSetRootNetworkWeights);
}

#[test]
fn the_rate_limit_counts_from_the_registration() {
    let mut chain = chain();
    chain.advance(1);
    chain.sudo(pallets::admin::Call::sudo_set_weights_set_rate_limit {
        netuid: NET,
        weights_set_rate_limit: 5,
    });
    let self_weight = set(vec![1], vec![1]);
    let early = chain.call(&dev_account("BobHot"), self_weight.clone());
    assert_eq!(early, Err(Error::<Runtime>::SettingWeightsTooFast.into()));
    chain.advance(4);
    assert_ok!(chain.call(&dev_account("BobHot"), self_weight));
}

#[test]
fn committed_weights_are_revealed_in_their_epoch() {
    let mut chain = chain();
    let alice = dev_account("Alice");
    let enable = pallets::admin::Call::sudo_set_commit_reveal_weights_enabled { netuid: NET, enabled: true };
    chain.sudo(enable);
    let direct = chain.call(&alice, set(vec![1], vec![1]));
    assert_eq!(direct, Err(Error::<Runtime>::CommitRevealEnabled.into()));
    let commit = Call::commit_weights { netuid: NET, commit_hash: hash_of_nine() };
    assert_ok!(chain.call(&alice, commit));
    let reveal = reveal_nine();
    let early = chain.call(&alice, reveal.clone());
    assert_eq!(early, Err(Error::<Runtime>::RevealTooEarly.into()));
    chain.advance(20);
    assert_ok!(chain.call(&alice, reveal.clone()));
    chain.run(|| {
        assert_eq!(Weights::<Runtime>::get(NET, 0), vec![(1, 65_535)]);
        assert!(WeightCommits::<Runtime>::get(NET, &alice).is_none());
        assert_eq!(LastUpdate::<Runtime>::get(NET)[0], 1);
    });
    let again = chain.call(&alice, reveal);
    assert_eq!(again, Err(Error::<Runtime>::NoWeightsCommitFound.into()));
}

#[test]
fn a_commit_expires_after_its_epoch() {
    let mut chain = chain();
    let alice = dev_account("Alice");
    let enable = pallets::admin::Call::sudo_set_commit_reveal_weights_enabled { netuid: NET, enabled: true };
    chain.sudo(enable);
    let commit = Call::commit_weights { netuid: NET, commit_hash: hash_of_nine() };
    assert_ok!(chain.call(&alice, commit));
    chain.advance(41);
    let late = chain.call(&alice, reveal_nine());
    assert_eq!(late, Err(Error::<Runtime>::ExpiredWeightCommit.into()));
}
