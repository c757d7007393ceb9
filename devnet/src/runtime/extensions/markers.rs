//! The extension that carries no bytes and decides nothing on a development chain, but that signers expect
//! at its place.

use crate::runtime::RuntimeCall;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{Weight, impl_tx_ext_default, traits::TransactionExtension};

/// The place where randomness pulses get their priority; here they come as
/// inherents, which need none.
#[derive(Clone, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct DrandPriority;

impl TransactionExtension<RuntimeCall> for DrandPriority {
    const IDENTIFIER: &'static str = "DrandPriority";
    type Implicit = ();
    type Val = ();
    type Pre = ();

    fn weight(&self, _: &RuntimeCall) -> Weight {
        Weight::zero()
    }

    impl_tx_ext_default!(RuntimeCall; validate prepare);
}
