//! Raising the runtime's version between two blocks.

use codec::Encode;
use sp_core::Pair;
use sp_io::hashing::blake2_256;

use super::{Engine, SubmitError};
use crate::runtime::{
    Address, RuntimeCall, SPEC_VERSION_KEY, Signature, UncheckedExtrinsic, VERSION, accounts::dev_pair,
    extensions::extra,
};
use sp_runtime::{AccountId32, generic::Era};

/// Payloads longer than this are hashed before they are signed.
const PAYLOAD_BYTES_MAX: usize = 256;
/// `CheckMetadataHash` adds nothing to the payload.
const NO_METADATA_HASH: u8 = 0;

impl Engine {
    /// Sends the transaction that lets the runtime call itself `spec_version` from its block on. It is an
    /// ordinary one, signed by the chain's superuser, so a replayed chain changes its version at the same
    /// place. Only the number changes: the calls, storage and metadata stay what they are.
    pub fn upgrade_runtime(&self, spec_version: u32) -> Result<(), SubmitError> {
        let items = vec![(SPEC_VERSION_KEY.to_vec(), spec_version.encode())];
        let set = RuntimeCall::System(frame_system::Call::set_storage { items });
        let call = RuntimeCall::Sudo(pallet_sudo::Call::sudo { call: Box::new(set) });
        let bytes = self.signed_by_superuser(call)?;
        self.submit(&bytes).map(drop)
    }

    fn signed_by_superuser(&self, call: RuntimeCall) -> Result<Vec<u8>, SubmitError> {
        let pair = dev_pair("Alice");
        let account = AccountId32::from(pair.public().0);
        let extra = extra(self.next_nonce(&account)?, Era::Immortal, 0);
        let genesis = self.genesis_hash();
        let (spec, transaction) = (self.spec_version()?, VERSION.transaction_version);
        let payload = (&call, &extra, spec, transaction, genesis, genesis, NO_METADATA_HASH).encode();
        let signature = match payload.len() > PAYLOAD_BYTES_MAX {
            true => pair.sign(&blake2_256(&payload)),
            false => pair.sign(&payload),
        };
        let signature = Signature::Sr25519(signature);
        Ok(UncheckedExtrinsic::new_signed(call, Address::Id(account), signature, extra).encode())
    }

    fn spec_version(&self) -> Result<u32, SubmitError> {
        let (state, _) = self.chain.state(None)?;
        let answer = state.call("Core_version", &[])?;
        let version: sp_version::RuntimeVersion = crate::node::block::decode_answer("Core_version", &answer);
        Ok(version.spec_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Compact;

    #[test]
    fn payload_order_is_that_of_the_extensions() {
        let call = RuntimeCall::System(frame_system::Call::remark { remark: vec![1] });
        let bytes = (&call, &extra(3, Era::Immortal, 0)).encode();
        let expected = [vec![0, 0, 4, 1], vec![0], Compact(3u32).encode(), vec![0], vec![0]].concat();
        assert_eq!(bytes, expected, "call, era, nonce, tip, metadata hash mode");
    }
}
