//! The transaction extensions, in the order and with the identifiers of the chain
//! (chain interface, section 1.1).

mod charge;
mod guards;
mod markers;
mod metadata_hash;
mod mortality;
mod nonce;
mod shield;
mod sudo;

pub use charge::ChargeTransactionPaymentWrapper;
pub use guards::SubtensorTransactionExtension;
pub use markers::DrandPriority;
pub use metadata_hash::{CheckMetadataHash, Mode};
pub use mortality::CheckMortality;
pub use nonce::CheckNonce;
pub use shield::CheckShieldedTxValidity;
pub use sudo::SudoTransactionExtension;

use super::{Nonce, Runtime};
use sp_runtime::generic::Era;

/// Everything a signed transaction carries besides its call. Nested only because tuples end at twelve;
/// the encoding and the metadata are flat.
pub type TxExtension = (
    (
        frame_system::CheckNonZeroSender<Runtime>,
        frame_system::CheckSpecVersion<Runtime>,
        frame_system::CheckTxVersion<Runtime>,
        frame_system::CheckGenesis<Runtime>,
        CheckMortality,
        CheckNonce,
        frame_system::CheckWeight<Runtime>,
    ),
    (
        ChargeTransactionPaymentWrapper,
        SudoTransactionExtension,
        CheckShieldedTxValidity,
        SubtensorTransactionExtension,
        DrandPriority,
    ),
    CheckMetadataHash,
);

/// What a signed transaction carries: the next nonce, how long it is valid, and a tip in rao.
pub fn extra(nonce: Nonce, era: Era, tip_rao: u64) -> TxExtension {
    (
        (
            frame_system::CheckNonZeroSender::new(),
            frame_system::CheckSpecVersion::new(),
            frame_system::CheckTxVersion::new(),
            frame_system::CheckGenesis::new(),
            CheckMortality::new(era),
            CheckNonce(nonce),
            frame_system::CheckWeight::new(),
        ),
        (
            ChargeTransactionPaymentWrapper::new(tip_rao),
            SudoTransactionExtension,
            CheckShieldedTxValidity,
            SubtensorTransactionExtension,
            DrandPriority,
        ),
        CheckMetadataHash::default(),
    )
}
