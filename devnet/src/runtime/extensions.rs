//! The transaction extensions, in the order and with the identifiers of the chain
//! (chain interface, section 1.1).

mod charge;
mod markers;
mod metadata_hash;
mod nonce;
mod sudo;

pub use charge::ChargeTransactionPaymentWrapper;
pub use markers::{CheckShieldedTxValidity, DrandPriority};
pub use metadata_hash::{CheckMetadataHash, Mode};
pub use nonce::CheckNonce;
pub use sudo::SudoTransactionExtension;

use super::Runtime;

/// Everything a signed transaction carries besides its call. Nested only because tuples end at twelve;
/// the encoding and the metadata are flat.
pub type TxExtension = (
    (
        frame_system::CheckNonZeroSender<Runtime>,
        frame_system::CheckSpecVersion<Runtime>,
        frame_system::CheckTxVersion<Runtime>,
        frame_system::CheckGenesis<Runtime>,
        frame_system::CheckMortality<Runtime>,
        CheckNonce,
        frame_system::CheckWeight<Runtime>,
    ),
    (ChargeTransactionPaymentWrapper, SudoTransactionExtension, CheckShieldedTxValidity, DrandPriority),
    CheckMetadataHash,
);
