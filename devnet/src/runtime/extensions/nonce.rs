//! Replay protection that also serves hotkeys without any balance.

use crate::runtime::{AccountId, Nonce, Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::dispatch::{DispatchInfo, Pays};
use scale_info::TypeInfo;
use sp_runtime::{
    Weight,
    traits::{AsSystemOriginSigner, TransactionExtension, ValidateResult},
    transaction_validity::{
        InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
    },
};

/// Checks and counts the nonce. A call that pays needs an account that exists; a free call does not
/// (chain interface, section 1.1).
#[derive(Clone, Eq, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckNonce(#[codec(compact)] pub Nonce);

impl TransactionExtension<RuntimeCall> for CheckNonce {
    const IDENTIFIER: &'static str = "CheckNonce";
    type Implicit = ();
    type Val = Option<AccountId>;
    type Pre = ();

    fn weight(&self, _: &RuntimeCall) -> Weight {
        use frame_system::ExtensionsWeightInfo as _;
        <Runtime as frame_system::Config>::ExtensionsWeightInfo::check_nonce()
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        _: &RuntimeCall,
        info: &DispatchInfo,
        _: usize,
        _: Self::Implicit,
        _: &impl sp_runtime::traits::Implication,
        _: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let Some(who) = origin.as_system_origin_signer().cloned() else {
            return Ok((ValidTransaction::default(), None, origin));
        };
        let account = frame_system::Account::<Runtime>::get(&who);
        let exists = account.providers > 0 || account.sufficients > 0;
        if !exists && info.pays_fee == Pays::Yes {
            return Err(InvalidTransaction::Payment.into());
        }
        if self.0 < account.nonce {
            return Err(InvalidTransaction::Stale.into());
        }
        let provides = vec![(&who, self.0).encode()];
        let requires =
            if account.nonce < self.0 { vec![(&who, self.0.saturating_sub(1)).encode()] } else { Vec::new() };
        Ok((ValidTransaction { provides, requires, ..Default::default() }, Some(who), origin))
    }

    fn prepare(
        self,
        who: Self::Val,
        _: &RuntimeOrigin,
        _: &RuntimeCall,
        _: &DispatchInfo,
        _: usize,
    ) -> Result<(), TransactionValidityError> {
        let Some(who) = who else { return Ok(()) };
        frame_system::Account::<Runtime>::try_mutate(&who, |account| {
            if self.0 > account.nonce {
                return Err(InvalidTransaction::Future.into());
            }
            account.nonce = self.0.wrapping_add(1);
            Ok(())
        })
    }
}
