//! Extensions that carry no bytes and decide nothing on a development chain, but that signers expect
//! at their places.

use crate::runtime::RuntimeCall;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{Weight, impl_tx_ext_default, traits::TransactionExtension};

/// The place where shielded transactions are checked; a chain without the shield has none.
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

    impl_tx_ext_default!(RuntimeCall; validate prepare);
}

/// The place where randomness pulses get their priority; a chain without pulses has none.
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
