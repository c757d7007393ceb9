//! Keeps hidden transactions that nobody can open out of the pool (chain interface, section 5.4).

use crate::runtime::{
    MevShield, Runtime, RuntimeCall, RuntimeOrigin,
    pallets::shield::{Call, Envelope},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::DispatchInfo;
use scale_info::TypeInfo;
use sp_runtime::{
    Weight, impl_tx_ext_default,
    traits::{Implication, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

/// The pool's code for an envelope that is none.
const FAILED_PARSING: u8 = 23;
/// The pool's code for an envelope made for another key.
const INVALID_KEY_HASH: u8 = 24;

/// Checks the form and the address of envelopes.
#[derive(Clone, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckShieldedTxValidity;

impl TransactionExtension<RuntimeCall> for CheckShieldedTxValidity {
    const IDENTIFIER: &'static str = "CheckShieldedTxValidity";
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
        if let RuntimeCall::MevShield(Call::<Runtime>::submit_encrypted { ciphertext }) = call {
            check(ciphertext).map_err(InvalidTransaction::Custom)?;
        }
        Ok((ValidTransaction::default(), (), origin))
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}

fn check(envelope: &[u8]) -> Result<(), u8> {
    let envelope = Envelope::parse(envelope).map_err(|_| FAILED_PARSING)?;
    match MevShield::is_addressed(&envelope) {
        true => Ok(()),
        false => Err(INVALID_KEY_HASH),
    }
}
