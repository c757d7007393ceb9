//! Whether the signer bound the transaction to a hash of the metadata.

use crate::runtime::{RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::DispatchInfo;
use scale_info::TypeInfo;
use sp_runtime::{
    Weight, impl_tx_ext_default,
    traits::TransactionExtension,
    transaction_validity::{TransactionValidityError, UnknownTransaction},
};

/// The signer's wish.
#[derive(Clone, Copy, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Mode {
    /// The signature does not cover a metadata hash.
    #[default]
    Disabled,
    /// The signature covers the metadata hash. This chain knows no hash to compare with and refuses.
    Enabled,
}

/// Accepts transactions that do not bind themselves to a metadata hash.
#[derive(Clone, Default, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckMetadataHash {
    mode: Mode,
}

impl TransactionExtension<RuntimeCall> for CheckMetadataHash {
    const IDENTIFIER: &'static str = "CheckMetadataHash";
    type Implicit = Option<[u8; 32]>;
    type Val = ();
    type Pre = ();

    fn implicit(&self) -> Result<Self::Implicit, TransactionValidityError> {
        match self.mode {
            Mode::Disabled => Ok(None),
            Mode::Enabled => Err(UnknownTransaction::CannotLookup.into()),
        }
    }

    fn weight(&self, _: &RuntimeCall) -> Weight {
        Weight::zero()
    }

    fn prepare(
        self,
        (): (),
        _: &RuntimeOrigin,
        _: &RuntimeCall,
        _: &DispatchInfo,
        _: usize,
    ) -> Result<(), TransactionValidityError> {
        Ok(())
    }

    impl_tx_ext_default!(RuntimeCall; validate);
}
