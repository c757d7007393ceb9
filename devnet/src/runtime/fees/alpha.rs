//! Fees of coldkeys that have stake but no TAO: operations that take stake away may be paid with it.

use super::{Balance, ToAuthor};
use crate::runtime::{
    AccountId, Balances, Runtime, RuntimeCall, SubtensorModule,
    pallets::subtensor::{Call, types::NetUid},
};
use frame_support::dispatch::{DispatchInfo, PostDispatchInfo};
use pallet_transaction_payment::{FungibleAdapter, OnChargeTransaction, TxCreditHold};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

type Inner = FungibleAdapter<Balances, ToAuthor>;
type Held = <Inner as OnChargeTransaction<Runtime>>::LiquidityInfo;

/// Takes fees in TAO. Where that is not enough and the call takes stake away, enough of that stake is sold.
pub struct TaoOrAlpha;

impl TxCreditHold<Runtime> for TaoOrAlpha {
    type Credit = <Inner as TxCreditHold<Runtime>>::Credit;
}

impl OnChargeTransaction<Runtime> for TaoOrAlpha {
    type Balance = Balance;
    type LiquidityInfo = Held;

    fn withdraw_fee(
        who: &AccountId,
        call: &RuntimeCall,
        info: &DispatchInfo,
        fee_with_tip: Balance,
        tip: Balance,
    ) -> Result<Held, TransactionValidityError> {
        let paid = <Inner as OnChargeTransaction<Runtime>>::withdraw_fee(who, call, info, fee_with_tip, tip);
        match (paid, stake_taken(call)) {
            (Err(_), Some((hotkey, netuid))) => {
                SubtensorModule::sell_for_fee(who, hotkey, netuid, fee_with_tip)
                    .map_err(|_| InvalidTransaction::Payment)?;
                <Inner as OnChargeTransaction<Runtime>>::withdraw_fee(who, call, info, fee_with_tip, tip)
            }
            (paid, _) => paid,
        }
    }

    fn can_withdraw_fee(
        who: &AccountId,
        call: &RuntimeCall,
        info: &DispatchInfo,
        fee_with_tip: Balance,
        tip: Balance,
    ) -> Result<(), TransactionValidityError> {
        let can =
            <Inner as OnChargeTransaction<Runtime>>::can_withdraw_fee(who, call, info, fee_with_tip, tip);
        match (can, stake_taken(call)) {
            (Err(refusal), Some((hotkey, netuid))) => {
                let alpha = SubtensorModule::alpha_for_fee(who, hotkey, netuid, fee_with_tip);
                alpha.map(drop).ok_or(refusal)
            }
            (can, _) => can,
        }
    }

    fn correct_and_deposit_fee(
        who: &AccountId,
        info: &DispatchInfo,
        post_info: &PostDispatchInfo,
        corrected_fee_with_tip: Balance,
        tip: Balance,
        held: Held,
    ) -> Result<(), TransactionValidityError> {
        <Inner as OnChargeTransaction<Runtime>>::correct_and_deposit_fee(
            who,
            info,
            post_info,
            corrected_fee_with_tip,
            tip,
            held,
        )
    }
}

/// The stake that the call takes away, where it is on one hotkey and subnet.
fn stake_taken(call: &RuntimeCall) -> Option<(&AccountId, NetUid)> {
    let RuntimeCall::SubtensorModule(call) = call else { return None };
    match call {
        Call::remove_stake { hotkey, netuid, .. }
        | Call::remove_stake_limit { hotkey, netuid, .. }
        | Call::remove_stake_full_limit { hotkey, netuid, .. }
        | Call::recycle_alpha { hotkey, netuid, .. }
        | Call::burn_alpha { hotkey, netuid, .. } => Some((hotkey, *netuid)),
        Call::swap_stake { hotkey, origin_netuid, .. }
        | Call::swap_stake_limit { hotkey, origin_netuid, .. }
        | Call::transfer_stake { hotkey, origin_netuid, .. } => Some((hotkey, *origin_netuid)),
        Call::move_stake { origin_hotkey, origin_netuid, .. } => Some((origin_hotkey, *origin_netuid)),
        _ => None,
    }
}
