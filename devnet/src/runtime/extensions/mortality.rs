//! How long a transaction is valid, with the shorter limit of hidden ones.

use crate::runtime::{Hash, Runtime, RuntimeCall, RuntimeOrigin, pallets::shield::Call};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::DispatchInfo;
use scale_info::TypeInfo;
use sp_runtime::{
    Weight,
    generic::Era,
    impl_tx_ext_default,
    traits::{Implication, TransactionExtension, TransactionExtensionMetadata, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
};

type Inner = frame_system::CheckMortality<Runtime>;

/// The longest life of a hidden transaction, in blocks.
const SHIELDED_BLOCKS_MAX: u64 = 8;

/// [`frame_system::CheckMortality`], which the metadata shows, with a limit for hidden transactions.
#[derive(Encode, Decode, DecodeWithMemTracking, Clone, Eq, PartialEq, Debug, TypeInfo)]
pub struct CheckMortality(Inner);

impl CheckMortality {
    /// Valid for this long.
    pub fn new(era: Era) -> Self {
        Self(Inner::from(era))
    }
}

impl TransactionExtension<RuntimeCall> for CheckMortality {
    const IDENTIFIER: &'static str = "CheckMortality";
    type Implicit = Hash;
    type Val = ();
    type Pre = ();

    fn metadata() -> Vec<TransactionExtensionMetadata> {
        <Inner as TransactionExtension<RuntimeCall>>::metadata()
    }

    fn implicit(&self) -> Result<Hash, TransactionValidityError> {
        TransactionExtension::<RuntimeCall>::implicit(&self.0)
    }

    fn weight(&self, call: &RuntimeCall) -> Weight {
        TransactionExtension::<RuntimeCall>::weight(&self.0, call)
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        info: &DispatchInfo,
        len: usize,
        implicit: Hash,
        implication: &impl Implication,
        source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        if let RuntimeCall::MevShield(Call::<Runtime>::submit_encrypted { .. }) = call
            && !is_short(self.0.0)
        {
            return Err(InvalidTransaction::Stale.into());
        }
        self.0.validate(origin, call, info, len, implicit, implication, source)
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}

fn is_short(era: Era) -> bool {
    matches!(era, Era::Mortal(period, _) if period <= SHIELDED_BLOCKS_MAX)
}
