//! Keeps false claims to the sudo key out of the pool.

use crate::runtime::{Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::DispatchInfo;
use scale_info::TypeInfo;
use sp_runtime::{
    Weight, impl_tx_ext_default,
    traits::{AsSystemOriginSigner, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

/// Refuses a call of the Sudo pallet that the sudo key did not sign.
#[derive(Clone, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SudoTransactionExtension;

impl TransactionExtension<RuntimeCall> for SudoTransactionExtension {
    const IDENTIFIER: &'static str = "SudoTransactionExtension";
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
        _: &impl sp_runtime::traits::Implication,
        _: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let is_sudo_call = matches!(call, RuntimeCall::Sudo(_));
        if is_sudo_call && origin.as_system_origin_signer() != pallet_sudo::Key::<Runtime>::get().as_ref() {
            return Err(InvalidTransaction::BadSigner.into());
        }
        Ok((ValidTransaction::default(), (), origin))
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}
