//! Weights and commitments that the beacon opens.

use super::{Harness, accounts::*, *};
use frame_support::assert_ok;
use pallets::{
    drand::{self, own_beacon},
    subtensor::{Call, Error, types::TimelockedBytes, *},
};
use sn3_timelock::{Entropy, WeightsPayload, seal};

const NET: u16 = 3;
const ROUND: u64 = 1_000;

fn chain() -> Harness {
    let mut chain = Harness::new();
    let hotkey = dev_account("BobHot");
    assert_ok!(chain.call(&dev_account("Bob"), Call::burned_register { netuid: NET, hotkey }));
    chain.run(|| SubtensorModule::switch_commit_reveal(NET, true));
    chain
}

fn sealed(author: &str, message_of: &str) -> TimelockedBytes {
    let payload = WeightsPayload {
        hotkey: *dev_account(message_of).as_ref(),
        uids: vec![1],
        values: vec![9],
        version_key: 0,
    };
    let seed = author.len() as u64;
    let bytes = seal(&own_beacon().beacon(), ROUND, &payload.encode(), Entropy::from_seed_for_tests(seed));
    bytes.expect("a small message").try_into().expect("far below the bound")
}

fn commit(message_of: &str) -> Call<Runtime> {
    let commit = sealed("Alice", message_of);
    Call::commit_timelocked_mechanism_weights {
        netuid: NET,
        mecid: 0,
        commit,
        reveal_round: ROUND,
        commit_reveal_version: 4,
    }
}

fn publish(round: u64) {
    let pulse = drand::types::Pulse::signed(round, &own_beacon().sign(round));
    drand::Pulses::<Runtime>::insert(round, pulse);
}

#[test]
fn the_beacon_opens_weights_in_their_epoch() {
    let mut chain = chain();
    assert_ok!(chain.call(&dev_account("Alice"), commit("Alice")));
    chain.run(|| {
        assert!(drand::WantedRounds::<Runtime>::get().contains(&ROUND));
        assert_eq!(TimelockedWeightCommits::<Runtime>::get(NET, 0).len(), 1);
        assert_eq!(LastUpdate::<Runtime>::get(NET)[0], 1);
    });
    chain.advance(18);
    chain.run(|| assert!(Weights::<Runtime>::get(NET, 0).is_empty(), "the reveal epoch has not come"));
    chain.advance(3);
    chain.run(|| {
        assert!(Weights::<Runtime>::get(NET, 0).is_empty(), "the round is not published");
        publish(ROUND);
    });
    chain.advance(1);
    chain.run(|| {
        assert_eq!(Weights::<Runtime>::get(NET, 0), vec![(1, 65_535)]);
        assert!(TimelockedWeightCommits::<Runtime>::get(NET, 0).is_empty());
        System::assert_has_event(Event::TimelockedWeightsRevealed(NET, dev_account("Alice")).into());
    });
}

#[test]
fn a_copy_of_anothers_weights_is_dropped() {
    let mut chain = chain();
    assert_ok!(chain.call(&dev_account("Alice"), commit("Bob")));
    chain.run(|| publish(ROUND));
    chain.advance(22);
    chain.run(|| {
        assert!(Weights::<Runtime>::get(NET, 0).is_empty());
        assert!(TimelockedWeightCommits::<Runtime>::get(NET, 0).is_empty());
    });
}

#[test]
fn past_rounds_and_other_versions_are_refused() {
    let mut chain = chain();
    let alice = dev_account("Alice");
    chain.run(|| drand::LastStoredRound::<Runtime>::put(ROUND + 1));
    assert_eq!(chain.call(&alice, commit("Alice")), Err(Error::<Runtime>::InvalidRevealRound.into()));
    let commit = sealed("Alice", "Alice");
    let old = Call::commit_timelocked_weights {
        netuid: NET,
        commit,
        reveal_round: ROUND + 2,
        commit_reveal_version: 3,
    };
    assert_eq!(chain.call(&alice, old), Err(Error::<Runtime>::IncorrectCommitRevealVersion.into()));
}

#[test]
fn a_timelocked_commitment_opens_with_its_round() {
    use pallets::commitments::{Call as Commit, RevealedCommitments, TimelockedIndex, types::*};
    let mut chain = chain();
    let bytes =
        seal(&own_beacon().beacon(), ROUND, b"later", Entropy::from_seed_for_tests(1)).expect("small");
    let encrypted = bytes.try_into().expect("below the bound");
    let fields = vec![Data::TimelockEncrypted { encrypted, reveal_round: ROUND }];
    let info = Box::new(CommitmentInfo { fields: fields.try_into().expect("one field") });
    let alice = dev_account("Alice");
    assert_ok!(chain.call(&alice, Commit::<Runtime>::set_commitment { netuid: NET, info }));
    chain.advance(1);
    chain.run(|| {
        assert_eq!(RevealedCommitments::<Runtime>::get(NET, &alice), None);
        publish(ROUND);
    });
    chain.advance(1);
    chain.run(|| {
        assert_eq!(RevealedCommitments::<Runtime>::get(NET, &alice), Some(vec![(b"later".to_vec(), 3)]));
        assert!(TimelockedIndex::<Runtime>::get().is_empty());
    });
}
