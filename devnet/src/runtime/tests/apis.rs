//! The answers of the runtime APIs, as clients ask for them.

use super::{Harness, accounts::*, *};
use codec::{Decode, Encode};
use frame_support::assert_ok;
use pallets::subtensor::{
    Call,
    info::{
        metagraph::{Metagraph, SelectiveMetagraph},
        records::*,
    },
};

const NET: u16 = 3;

fn ask<R: Decode>(chain: &mut Harness, method: &str, arguments: impl Encode) -> R {
    let answer = chain.run(|| api::dispatch(method, &arguments.encode())).expect("known method");
    let mut rest = &answer[..];
    let decoded = R::decode(&mut rest).expect("the declared type");
    assert!(rest.is_empty(), "{method} answered more than its type");
    decoded
}

/// Bob validates with 500 TAO, Charlie mines, and two epochs have run.
fn running() -> Harness {
    let mut chain = Harness::new();
    for name in ["Bob", "Charlie"] {
        let hotkey = dev_account(&format!("{name}Hot"));
        assert_ok!(chain.call(&dev_account(name), Call::burned_register { netuid: NET, hotkey }));
    }
    let hotkey = dev_account("BobHot");
    let amount_staked = 500 * RAO_PER_TAO;
    let stake = Call::add_stake { hotkey: hotkey.clone(), netuid: NET, amount_staked };
    assert_ok!(chain.call(&dev_account("Bob"), stake));
    chain.advance(20);
    let weights = Call::set_weights { netuid: NET, dests: vec![2], weights: vec![1], version_key: 0 };
    assert_ok!(chain.call(&hotkey, weights));
    chain.advance(20);
    chain
}

#[test]
fn the_metagraph_has_a_column_for_each_property() {
    let mut chain = running();
    let graph: Option<Metagraph> = ask(&mut chain, "SubnetInfoRuntimeApi_get_metagraph", NET);
    let graph = graph.expect("the subnet exists");
    let hotkeys = ["Alice", "BobHot", "CharlieHot"].map(dev_account);
    assert_eq!(graph.hotkeys, hotkeys);
    assert_eq!(graph.coldkeys, ["Alice", "Bob", "Charlie"].map(dev_account));
    assert_eq!(graph.block.0, 41);
    assert_eq!(graph.incentives[2].0, 65_535);
    assert_eq!(graph.dividends[1].0, 65_535);
    assert_eq!(graph.last_update[1].0, 21);
    assert!(graph.validator_permit[1]);
    assert_eq!(graph.total_stake[1], graph.alpha_stake[1]);
    assert!(graph.emission[2].0 > 0);
    let paid =
        |(hotkey, alpha): &(AccountId, codec::Compact<u64>)| *hotkey == dev_account("BobHot") && alpha.0 > 0;
    assert!(graph.alpha_dividends_per_hotkey.iter().any(paid));
    for column in [&graph.pruning_score, &graph.trust, &graph.rank] {
        assert_eq!(column.len(), 3);
    }
}

#[test]
fn a_selective_metagraph_has_only_what_was_asked_for() {
    let mut chain = running();
    let method = "SubnetInfoRuntimeApi_get_selective_metagraph";
    let graph: Option<SelectiveMetagraph> = ask(&mut chain, method, (NET, vec![7u16, 52, 72]));
    let graph = graph.expect("the subnet exists");
    assert_eq!(graph.block.map(|block| block.0), Some(41));
    assert_eq!(graph.hotkeys.map(|hotkeys| hotkeys.len()), Some(3));
    assert!(graph.validators.is_some_and(|uids| uids.iter().any(|uid| uid.0 == 1)));
    assert!(graph.coldkeys.is_none() && graph.commitments.is_none() && graph.axons.is_none());
}

#[test]
fn neurons_are_answered_one_by_one() {
    let mut chain = running();
    let all: Vec<NeuronInfoLite> = ask(&mut chain, "NeuronInfoRuntimeApi_get_neurons_lite", NET);
    assert_eq!(all.iter().map(|neuron| neuron.uid.0).collect::<Vec<_>>(), [0, 1, 2]);
    let bob: Option<NeuronInfo> = ask(&mut chain, "NeuronInfoRuntimeApi_get_neuron", (NET, 1u16));
    let bob = bob.expect("uid 1 exists");
    assert_eq!(bob.weights.iter().map(|(uid, weight)| (uid.0, weight.0)).collect::<Vec<_>>(), [(2, 65_535)]);
    let nobody: Option<NeuronInfo> = ask(&mut chain, "NeuronInfoRuntimeApi_get_neuron", (NET, 9u16));
    assert_eq!(nobody, None);
}

#[test]
fn stakes_are_answered_by_coldkey() {
    let mut chain = running();
    let bob = dev_account("Bob");
    let stakes: Vec<StakeInfo> =
        ask(&mut chain, "StakeInfoRuntimeApi_get_stake_info_for_coldkey", bob.clone());
    assert_eq!(stakes.len(), 1);
    assert_eq!((stakes[0].netuid.0, stakes[0].is_registered), (NET, true));
    let same: Option<StakeInfo> = ask(
        &mut chain,
        "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid",
        (dev_account("BobHot"), bob, NET),
    );
    assert_eq!(same.as_ref(), stakes.first());
}

/// 1000 TAO against 1000 alpha is a price of one; buying ten TAO of it costs a fee of 33/65535.
#[test]
fn a_simulated_swap_is_what_staking_then_does() {
    let mut chain = Harness::new();
    let price: u64 = ask(&mut chain, "SwapRuntimeApi_current_alpha_price", NET);
    assert!(price.abs_diff(RAO_PER_TAO) < RAO_PER_TAO / 100, "{price}");
    let tao = 10 * RAO_PER_TAO;
    let swap: SimSwapResult = ask(&mut chain, "SwapRuntimeApi_sim_swap_tao_for_alpha", (NET, tao));
    assert_eq!(swap.tao_fee, tao * 33 / 65_535);
    assert_eq!(swap.tao_amount + swap.tao_fee, tao);
    let alice = dev_account("Alice");
    let stake = Call::add_stake { hotkey: alice.clone(), netuid: NET, amount_staked: tao };
    assert_ok!(chain.call(&alice, stake));
    let staked = chain.run(|| SubtensorModule::stake_of(&alice, &alice, NET));
    assert_eq!(staked, swap.alpha_amount);
}

#[test]
fn dynamic_infos_skip_absent_subnets_and_settings_are_complete() {
    let mut chain = Harness::new();
    let all: Vec<Option<DynamicInfo>> = ask(&mut chain, "SubnetInfoRuntimeApi_get_all_dynamic_info", ());
    let netuids: Vec<u16> = all.into_iter().map(|info| info.expect("no gaps").netuid.0).collect();
    assert_eq!(netuids, [0, 1, 3]);
    let settings: Option<Vec<HyperparamEntry>> =
        ask(&mut chain, "SubnetInfoRuntimeApi_get_subnet_hyperparams_v3", NET);
    let settings = settings.expect("the subnet exists");
    assert_eq!(settings.len(), 33);
    assert_eq!(settings[4].name, b"tempo");
    assert_eq!(settings[4].value, HyperparamValue::U16(codec::Compact(20)));
    let next: Option<u64> = ask(&mut chain, "SubnetInfoRuntimeApi_get_next_epoch_start_block", NET);
    assert_eq!(next, Some(20));
}

#[test]
fn delegates_show_their_nominators() {
    let mut chain = running();
    let hotkey = dev_account("BobHot");
    let stake = Call::add_stake { hotkey: hotkey.clone(), netuid: NET, amount_staked: 50 * RAO_PER_TAO };
    assert_ok!(chain.call(&dev_account("Dave"), stake));
    assert_ok!(chain.call(&dev_account("Bob"), Call::decrease_take { hotkey: hotkey.clone(), take: 655 }));
    let delegate: Option<DelegateInfo> = ask(&mut chain, "DelegateInfoRuntimeApi_get_delegate", hotkey);
    let delegate = delegate.expect("it set its take");
    assert_eq!((delegate.take.0, delegate.nominators.len()), (655, 2));
    assert_eq!(delegate.owner_ss58, dev_account("Bob"));
}
