//! Opens hidden transactions when a block is written (chain interface, section 5.4).

use std::sync::OnceLock;

use codec::DecodeLimit;

use super::{block::ExtrinsicBytes, engine::check_form};
use crate::runtime::{
    RuntimeCall, UncheckedExtrinsic,
    pallets::shield::{Call, ShieldKey},
};

/// The transaction hidden in another one; `None` for an ordinary one, and for an envelope that holds none.
pub fn hidden_in(carrier: &[u8]) -> Option<ExtrinsicBytes> {
    static KEY: OnceLock<ShieldKey> = OnceLock::new();
    let depth = frame_support::MAX_EXTRINSIC_DEPTH;
    let decoded = UncheckedExtrinsic::decode_all_with_depth_limit(depth, &mut &carrier[..]).ok()?;
    let RuntimeCall::MevShield(Call::submit_encrypted { ciphertext }) = decoded.function else { return None };
    let opened = KEY.get_or_init(ShieldKey::of_development).open(&ciphertext);
    let inner =
        opened.inspect_err(|error| tracing::warn!(%error, "a hidden transaction stays hidden")).ok()?;
    let formed = check_form(&inner);
    formed.inspect_err(|error| tracing::warn!(%error, "what was hidden is no transaction")).ok()?;
    Some(inner.into())
}
