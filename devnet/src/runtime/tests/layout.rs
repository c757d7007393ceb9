//! Numbers and keys that clients depend on without asking the metadata.

use super::{Harness, accounts::dev_account, *};
use codec::Encode;
use pallets::subtensor::{Call, Error, Event as SubnetEvent, *};
use sp_io::hashing::{blake2_128, twox_64, twox_128};

fn call_number(call: impl Into<RuntimeCall>) -> [u8; 2] {
    let bytes = call.into().encode();
    [bytes[0], bytes[1]]
}

#[test]
fn calls_have_the_numbers_of_the_chain() {
    let account = AccountId::new([1; 32]);
    let weights = Call::<Runtime>::set_weights { netuid: 3, dests: vec![], weights: vec![], version_key: 0 };
    assert_eq!(call_number(weights), [7, 0]);
    assert_eq!(call_number(Call::<Runtime>::burned_register { netuid: 3, hotkey: account.clone() }), [7, 7]);
    assert_eq!(call_number(Call::<Runtime>::register_network { hotkey: account.clone() }), [7, 59]);
    assert_eq!(call_number(Call::<Runtime>::start_call { netuid: 3 }), [7, 92]);
    let limit = Call::<Runtime>::register_limit { netuid: 3, hotkey: account, limit_price: 0 };
    assert_eq!(call_number(limit), [7, 134]);
    let emission =
        pallets::admin::Call::<Runtime>::sudo_set_subnet_emission_enabled { netuid: 3, enabled: true };
    assert_eq!(call_number(emission), [19, 94]);
}

#[test]
fn errors_have_the_numbers_of_the_chain() {
    let numbers: [(Error<Runtime>, u8); 6] = [
        (Error::NotEnoughStakeToSetWeights, 10),
        (Error::TooManyRegistrationsThisBlock, 20),
        (Error::CommitRevealEnabled, 53),
        (Error::SubnetNotExists, 76),
        (Error::IncorrectCommitRevealVersion, 110),
        (Error::AccountRejectsLockedAlpha, 146),
    ];
    for (error, number) in numbers {
        assert_eq!(error.encode()[0], number, "{error:?}");
    }
}

#[test]
fn events_have_the_numbers_of_the_chain() {
    let account = AccountId::new([1; 32]);
    assert_eq!(SubnetEvent::<Runtime>::WeightsSet(3, 0).encode()[0], 5);
    assert_eq!(SubnetEvent::<Runtime>::NeuronRegistered(3, 0, account.clone()).encode()[0], 6);
    assert_eq!(SubnetEvent::<Runtime>::AxonServed(3, account).encode()[0], 28);
    assert_eq!(SubnetEvent::<Runtime>::FirstEmissionBlockNumberSet(3, 0).encode()[0], 95);
}

/// A templar bucket record: pallet 18, call 0, netuid, one field `Raw128`.
#[test]
fn a_commitment_call_has_the_bytes_of_the_chain() {
    use pallets::commitments::{Call as Commit, types::*};
    let raw = Data::Raw(vec![b'a'; 128].try_into().expect("fits"));
    let info = CommitmentInfo { fields: vec![raw].try_into().expect("one field") };
    let call: RuntimeCall = Commit::<Runtime>::set_commitment { netuid: 3, info: Box::new(info) }.into();
    let mut bytes = vec![0x12, 0x00, 0x03, 0x00, 0x04, 0x81];
    bytes.extend([b'a'; 128]);
    assert_eq!(call.encode(), bytes);
}

#[test]
fn storage_keys_are_hashed_as_on_the_chain() {
    let hotkey = AccountId::new([7; 32]);
    let prefix = |pallet: &str, item: &str| [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat();
    let mut uids = prefix("SubtensorModule", "Uids");
    uids.extend(3u16.encode());
    uids.extend(blake2_128(hotkey.as_ref()));
    uids.extend(hotkey.encode());
    assert_eq!(Uids::<Runtime>::hashed_key_for(3, &hotkey), uids);
    let mut commitment = prefix("Commitments", "CommitmentOf");
    commitment.extend(3u16.encode());
    commitment.extend(twox_64(hotkey.as_ref()));
    commitment.extend(hotkey.encode());
    assert_eq!(pallets::commitments::CommitmentOf::<Runtime>::hashed_key_for(3, &hotkey), commitment);
    let mut yuma = prefix("SubtensorModule", "Yuma3On");
    yuma.extend(blake2_128(&3u16.encode()));
    yuma.extend(3u16.encode());
    assert_eq!(Yuma3On::<Runtime>::hashed_key_for(3), yuma);
}

#[test]
fn transaction_extensions_have_the_names_and_order_of_the_chain() {
    use sp_runtime::traits::TransactionExtension;
    let names: Vec<&str> = <extensions::TxExtension as TransactionExtension<RuntimeCall>>::metadata()
        .iter()
        .map(|extension| extension.identifier)
        .collect();
    assert_eq!(
        names,
        [
            "CheckNonZeroSender",
            "CheckSpecVersion",
            "CheckTxVersion",
            "CheckGenesis",
            "CheckMortality",
            "CheckNonce",
            "CheckWeight",
            "ChargeTransactionPayment",
            "SudoTransactionExtension",
            "CheckShieldedTxValidity",
            "SubtensorTransactionExtension",
            "DrandPriority",
            "CheckMetadataHash",
        ]
    );
}

#[test]
fn refused_stakes_are_named_as_on_the_chain() {
    let mut chain = Harness::new();
    let mut refused = |amount_staked, error: Error<Runtime>| {
        let call = Call::add_stake { hotkey: dev_account("Alice"), netuid: 3, amount_staked };
        assert_eq!(chain.call(&dev_account("Dave"), call), Err(error.into()));
    };
    refused(1, Error::AmountTooLow);
    refused(3_000 * accounts::RAO_PER_TAO, Error::NotEnoughBalanceToStake);
    refused(2_000_000 * accounts::RAO_PER_TAO, Error::InsufficientLiquidity);
}
