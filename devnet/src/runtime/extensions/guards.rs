//! Checks that keep hopeless transactions out of the pool (chain interface, section 3.2).

use crate::runtime::{
    AccountId, Drand, Runtime, RuntimeCall, RuntimeOrigin, SubtensorModule,
    pallets::subtensor::{
        self, Beacon, Call, CommitRevealWeightsEnabled, Error, Uids,
        types::{AxonInfo, MechId, NetUid, PrometheusInfo},
    },
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{dispatch::DispatchInfo, ensure};
use scale_info::TypeInfo;
use sn3_emission::network::Weights as Row;
use sp_runtime::{
    Weight, impl_tx_ext_default,
    traits::{AsSystemOriginSigner, Implication, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

type Refusal = Error<Runtime>;

/// Runs the checks of the subnet pallet that need no execution, and reports them as
/// `InvalidTransaction::Custom`.
#[derive(Clone, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SubtensorTransactionExtension;

impl TransactionExtension<RuntimeCall> for SubtensorTransactionExtension {
    const IDENTIFIER: &'static str = "SubtensorTransactionExtension";
    type Implicit = ();
    type Val = ();
    type Pre = ();

    fn weight(&self, _: &RuntimeCall) -> Weight {
        Weight::zero()
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        _: &DispatchInfo,
        _: usize,
        _: Self::Implicit,
        _: &impl Implication,
        _: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        if let Some(who) = origin.as_system_origin_signer() {
            let refused = |refusal| InvalidTransaction::Custom(code(&refusal));
            SubtensorModule::check_announced(who, passes_announced(call)).map_err(refused)?;
            if let RuntimeCall::SubtensorModule(call) = call {
                guard(who, call).map_err(refused)?;
            }
        }
        Ok((ValidTransaction::default(), (), origin))
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}

/// What a coldkey that has announced its swap may still do.
fn passes_announced(call: &RuntimeCall) -> bool {
    match call {
        RuntimeCall::MevShield(_) => true,
        RuntimeCall::SubtensorModule(call) => matches!(
            call,
            Call::announce_coldkey_swap { .. }
                | Call::swap_coldkey_announced { .. }
                | Call::dispute_coldkey_swap { .. }
                | Call::clear_coldkey_swap_announcement { .. }
        ),
        _ => false,
    }
}

fn guard(who: &AccountId, call: &Call<Runtime>) -> Result<(), Refusal> {
    guard_weights(who, call)?;
    guard_serving(who, call)?;
    match call {
        Call::register_network { .. } | Call::register_network_with_identity { .. } => {
            ensure!(SubtensorModule::network_registration_rested(), Refusal::NetworkTxRateLimitExceeded);
            Ok(())
        }
        Call::increase_take { hotkey, take } => SubtensorModule::check_increase_take(who, hotkey, *take),
        Call::decrease_take { hotkey, take } => SubtensorModule::check_decrease_take(who, hotkey, *take),
        _ => Ok(()),
    }
}

fn guard_weights(who: &AccountId, call: &Call<Runtime>) -> Result<(), Refusal> {
    match call {
        Call::set_weights { netuid, dests, weights, .. } => guard_set(who, *netuid, 0, dests, weights),
        Call::set_mechanism_weights { netuid, mecid, dests, weights, .. } => {
            guard_set(who, *netuid, *mecid, dests, weights)
        }
        Call::commit_weights { netuid, .. } => guard_commit(who, *netuid, 0),
        Call::commit_mechanism_weights { netuid, mecid, .. } => guard_commit(who, *netuid, *mecid),
        Call::reveal_weights { netuid, uids, values, salt, version_key } => {
            guard_reveal(who, *netuid, 0, &row(uids, values, *version_key), salt)
        }
        Call::reveal_mechanism_weights { netuid, mecid, uids, values, salt, version_key } => {
            guard_reveal(who, *netuid, *mecid, &row(uids, values, *version_key), salt)
        }
        Call::commit_timelocked_weights { netuid, reveal_round, .. }
        | Call::commit_timelocked_mechanism_weights { netuid, reveal_round, .. }
        | Call::commit_crv3_mechanism_weights { netuid, reveal_round, .. } => {
            guard_stake(who, *netuid)?;
            ensure!(*reveal_round >= Drand::last_round(), Refusal::InvalidRevealRound);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn row(uids: &[u16], values: &[u16], version_key: u64) -> Row {
    Row { uids: uids.to_vec(), values: values.to_vec(), version_key }
}

fn guard_set(
    who: &AccountId,
    netuid: NetUid,
    mechanism: MechId,
    dests: &[u16],
    weights: &[u16],
) -> Result<(), Refusal> {
    ensure!(dests.len() == weights.len(), Refusal::InputLengthsUnequal);
    guard_stake(who, netuid)?;
    let direct = !CommitRevealWeightsEnabled::<Runtime>::get(netuid);
    ensure!(!direct || rested(who, netuid, mechanism), Refusal::SettingWeightsTooFast);
    Ok(())
}

fn guard_commit(who: &AccountId, netuid: NetUid, mechanism: MechId) -> Result<(), Refusal> {
    guard_stake(who, netuid)?;
    ensure!(rested(who, netuid, mechanism), Refusal::CommittingWeightsTooFast);
    Ok(())
}

fn guard_reveal(
    who: &AccountId,
    netuid: NetUid,
    mechanism: MechId,
    row: &Row,
    salt: &[u16],
) -> Result<(), Refusal> {
    ensure!(row.uids.len() == row.values.len(), Refusal::InputLengthsUnequal);
    guard_stake(who, netuid)?;
    let in_time = SubtensorModule::commit_revealable(who, netuid, mechanism, row, salt)
        .ok_or(Refusal::NoWeightsCommitFound)?;
    ensure!(in_time, Refusal::RevealTooEarly);
    Ok(())
}

fn guard_stake(who: &AccountId, netuid: NetUid) -> Result<(), Refusal> {
    ensure!(SubtensorModule::stake_suffices(who, netuid), Refusal::NotEnoughStakeToSetWeights);
    Ok(())
}

/// A hotkey without a uid passes; the call itself refuses it.
fn rested(who: &AccountId, netuid: NetUid, mechanism: MechId) -> bool {
    let uid = Uids::<Runtime>::get(netuid, who);
    uid.is_none_or(|uid| SubtensorModule::weights_rested(netuid, mechanism, uid))
}

fn guard_serving(who: &AccountId, call: &Call<Runtime>) -> Result<(), Refusal> {
    match call {
        Call::serve_axon { netuid, ip, port, ip_type, .. }
        | Call::serve_axon_tls { netuid, ip, port, ip_type, .. } => {
            let axon = AxonInfo { ip: *ip, port: *port, ip_type: *ip_type, ..Default::default() };
            SubtensorModule::check_axon(who, *netuid, &axon)
        }
        Call::serve_prometheus { netuid, ip, port, ip_type, .. } => {
            let endpoint = PrometheusInfo { ip: *ip, port: *port, ip_type: *ip_type, ..Default::default() };
            SubtensorModule::check_prometheus(who, *netuid, &endpoint)
        }
        _ => Ok(()),
    }
}

/// The code for transactions that no other code describes.
const BAD_REQUEST: u8 = 255;

/// The pool's code for an error of the subnet pallet.
pub fn code(refusal: &subtensor::Error<Runtime>) -> u8 {
    match refusal {
        Refusal::ColdkeySwapAnnounced => 0,
        Refusal::ColdkeySwapDisputed => 21,
        Refusal::NotEnoughStakeToSetWeights | Refusal::AmountTooLow => 1,
        Refusal::NotEnoughBalanceToStake => 2,
        Refusal::SubnetNotExists => 3,
        Refusal::HotKeyAccountNotExists => 4,
        Refusal::NotEnoughStakeToWithdraw => 5,
        Refusal::SettingWeightsTooFast
        | Refusal::CommittingWeightsTooFast
        | Refusal::NetworkTxRateLimitExceeded
        | Refusal::DelegateTxRateLimitExceeded => 6,
        Refusal::InsufficientLiquidity => 7,
        Refusal::SlippageTooHigh => 8,
        Refusal::TransferDisallowed => 9,
        Refusal::HotKeyNotRegisteredInNetwork => 10,
        Refusal::InvalidIpType | Refusal::InvalidIpAddress => 11,
        Refusal::ServingRateLimitExceeded => 12,
        Refusal::InvalidPort => 13,
        Refusal::InvalidRevealRound => 15,
        Refusal::NoWeightsCommitFound | Refusal::InvalidRevealCommitHashNotMatch => 16,
        Refusal::RevealTooEarly => 17,
        Refusal::InputLengthsUnequal => 18,
        Refusal::NonAssociatedColdKey => 25,
        Refusal::DelegateTakeTooLow => 26,
        Refusal::DelegateTakeTooHigh => 27,
        _ => BAD_REQUEST,
    }
}
