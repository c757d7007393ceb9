//! What the pool refuses, and who may send without money.

use super::harness::signed;
use super::{Harness, accounts::*, *};
use pallets::subtensor::{Call, *};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError};

const NET: u16 = 3;

fn validate(chain: &mut Harness, name: &str, call: impl Into<RuntimeCall>) -> Option<InvalidTransaction> {
    let call = call.into();
    chain.run(|| {
        let transaction = signed(&dev_pair(name), call);
        match Executive::validate_transaction(TransactionSource::External, transaction, Hash::zero()) {
            Ok(_) => None,
            Err(TransactionValidityError::Invalid(reason)) => Some(reason),
            Err(other) => panic!("unexpected: {other:?}"),
        }
    })
}

fn axon(ip: u128, port: u16) -> Call<Runtime> {
    Call::serve_axon {
        netuid: NET,
        version: 1,
        ip,
        port,
        ip_type: 4,
        protocol: 0,
        placeholder1: 0,
        placeholder2: 0,
    }
}

#[test]
fn a_hotkey_without_money_may_send_free_calls() {
    let mut chain = Harness::new();
    let hotkey = dev_account("BobHot");
    chain.call(&dev_account("Bob"), Call::burned_register { netuid: NET, hotkey }).expect("registers");
    assert_eq!(validate(&mut chain, "BobHot", axon(0, 8_080)), None);
    let applied = chain.submit(&dev_pair("BobHot"), axon(0, 8_080));
    assert_eq!(applied, Ok(Ok(())));
    chain.run(|| {
        assert_eq!(Axons::<Runtime>::get(NET, dev_account("BobHot")).map(|axon| axon.port), Some(8_080));
        assert_eq!(System::account_nonce(dev_account("BobHot")), 1);
    });
}

#[test]
fn a_paying_call_needs_money() {
    let mut chain = Harness::new();
    let call = Call::<Runtime>::burned_register { netuid: NET, hotkey: dev_account("X") };
    assert_eq!(validate(&mut chain, "Pauper", call), Some(InvalidTransaction::Payment));
}

#[test]
fn fees_reach_the_author() {
    let mut chain = Harness::new();
    let before = chain.run(|| Balances::free_balance(dev_account("One")));
    let call = frame_system::Call::<Runtime>::remark { remark: vec![0; 100] };
    assert_eq!(chain.submit(&dev_pair("Bob"), call), Ok(Ok(())));
    chain.run(|| {
        let paid = 1_000_000 * RAO_PER_TAO - Balances::free_balance(dev_account("Bob"));
        assert!(paid > 54_078, "{paid}");
        assert_eq!(Balances::free_balance(dev_account("One")), before + paid);
    });
}

#[test]
fn guards_answer_with_the_codes_of_the_chain() {
    let mut chain = Harness::new();
    let refused = |code| Some(InvalidTransaction::Custom(code));
    assert_eq!(validate(&mut chain, "BobHot", axon(0, 1)), refused(10));
    assert_eq!(validate(&mut chain, "Alice", axon(0x7F00_0001, 1)), refused(11));
    assert_eq!(validate(&mut chain, "Alice", axon(0, 0)), refused(13));
    let uneven = Call::set_weights { netuid: NET, dests: vec![0], weights: vec![], version_key: 0 };
    assert_eq!(validate(&mut chain, "Alice", uneven), refused(18));
    let reveal =
        Call::reveal_weights { netuid: NET, uids: vec![0], values: vec![1], salt: vec![2], version_key: 0 };
    assert_eq!(validate(&mut chain, "Alice", reveal), refused(16));
}

#[test]
fn only_the_sudo_key_may_call_sudo() {
    let mut chain = Harness::new();
    let call = || {
        let call = Box::new(RuntimeCall::System(frame_system::Call::remark { remark: vec![] }));
        pallet_sudo::Call::<Runtime>::sudo { call }
    };
    assert_eq!(validate(&mut chain, "Bob", call()), Some(InvalidTransaction::BadSigner));
    assert_eq!(validate(&mut chain, "Alice", call()), None);
}

#[test]
fn a_batch_inside_a_batch_is_refused() {
    let mut chain = Harness::new();
    let inner = RuntimeCall::Utility(pallet_utility::Call::batch { calls: vec![] });
    let outer = pallet_utility::Call::<Runtime>::batch { calls: vec![inner] };
    let applied = chain.submit(&dev_pair("Bob"), outer);
    assert!(matches!(applied, Ok(Err(_))), "{applied:?}");
}
