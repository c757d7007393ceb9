//! Fees, without letting tips reorder transactions.

use crate::runtime::{Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::{DispatchClass, DispatchInfo, PostDispatchInfo};
use pallet_transaction_payment::ChargeTransactionPayment;
use scale_info::TypeInfo;
use sp_runtime::{
    DispatchResult, Weight,
    traits::{TransactionExtension, TransactionExtensionMetadata, ValidateResult},
    transaction_validity::{TransactionPriority, TransactionSource, TransactionValidityError},
};

type Inner = ChargeTransactionPayment<Runtime>;

/// The priority of ordinary transactions.
const NORMAL_PRIORITY: TransactionPriority = 1;
/// The priority of operational transactions.
const OPERATIONAL_PRIORITY: TransactionPriority = 10_000_000_000;

/// [`ChargeTransactionPayment`] with a priority that depends only on the class of the call. Metadata
/// shows the wrapped extension, whose encoding this is.
#[derive(Clone, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ChargeTransactionPaymentWrapper(Inner);

impl ChargeTransactionPaymentWrapper {
    /// Charges the fee and `tip_rao` on top.
    pub fn new(tip_rao: u64) -> Self {
        Self(Inner::from(tip_rao))
    }
}

impl TransactionExtension<RuntimeCall> for ChargeTransactionPaymentWrapper {
    const IDENTIFIER: &'static str = "ChargeTransactionPayment";
    type Implicit = ();
    type Val = <Inner as TransactionExtension<RuntimeCall>>::Val;
    type Pre = <Inner as TransactionExtension<RuntimeCall>>::Pre;

    fn metadata() -> Vec<TransactionExtensionMetadata> {
        <Inner as TransactionExtension<RuntimeCall>>::metadata()
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
        implicit: (),
        implication: &impl sp_runtime::traits::Implication,
        source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let (mut validity, val, origin) =
            self.0.validate(origin, call, info, len, implicit, implication, source)?;
        validity.priority = priority(info.class);
        Ok((validity, val, origin))
    }

    fn prepare(
        self,
        val: Self::Val,
        origin: &RuntimeOrigin,
        call: &RuntimeCall,
        info: &DispatchInfo,
        len: usize,
    ) -> Result<Self::Pre, TransactionValidityError> {
        self.0.prepare(val, origin, call, info, len)
    }

    fn post_dispatch_details(
        pre: Self::Pre,
        info: &DispatchInfo,
        post_info: &PostDispatchInfo,
        len: usize,
        result: &DispatchResult,
    ) -> Result<Weight, TransactionValidityError> {
        <Inner as TransactionExtension<RuntimeCall>>::post_dispatch_details(pre, info, post_info, len, result)
    }
}

fn priority(class: DispatchClass) -> TransactionPriority {
    match class {
        DispatchClass::Normal => NORMAL_PRIORITY,
        DispatchClass::Operational | DispatchClass::Mandatory => OPERATIONAL_PRIORITY,
    }
}
