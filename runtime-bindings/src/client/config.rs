//! How this chain builds extrinsics, in subxt's words.

use subxt::ArcMetadata;
use subxt::config::substrate::{AccountId32, MultiAddress, MultiSignature, SubstrateConfig};
use subxt::config::{Config, DefaultTransactionExtensions, HashFor};
use subxt::transactions::Signer;
use subxt::utils::H256;

use crate::wallet::Unlocked;

/// Subtensor's accounts, addresses and transaction extensions (chain interface, sections 1 and 1.1).
///
/// Of its thirteen extensions the five of its own are zero-sized and need no bytes; the others are stock. One that
/// is neither makes building an extrinsic fail with its name, since guessing its bytes would sign something unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubtensorConfig {
    /// Shared by clones: the metadata of each runtime is decoded once.
    base: SubstrateConfig,
    assumed: Option<Assumed>,
}

/// A runtime that blocks are taken to have, so that it is not asked for.
#[derive(Clone, Copy, Debug)]
struct Assumed {
    genesis: H256,
    /// Versions of the runtime and of its transactions.
    versions: (u32, u32),
}

impl SubtensorConfig {
    /// The same configuration for blocks whose runtime is taken to be known.
    pub(crate) fn assuming(&self, genesis: H256, versions: (u32, u32)) -> Self {
        Self { base: self.base.clone(), assumed: Some(Assumed { genesis, versions }) }
    }
}

impl Config for SubtensorConfig {
    type AccountId = AccountId32;
    type Address = MultiAddress<AccountId32, ()>;
    type Signature = MultiSignature;
    type Hasher = <SubstrateConfig as Config>::Hasher;
    type Header = <SubstrateConfig as Config>::Header;
    type TransactionExtensions = DefaultTransactionExtensions<Self>;
    type AssetId = u32;

    fn genesis_hash(&self) -> Option<HashFor<Self>> {
        self.assumed.map(|assumed| assumed.genesis).or(self.base.genesis_hash())
    }

    fn spec_and_transaction_version_for_block_number(&self, block_number: u64) -> Option<(u32, u32)> {
        let known = self.base.spec_and_transaction_version_for_block_number(block_number);
        self.assumed.map(|assumed| assumed.versions).or(known)
    }

    fn metadata_for_spec_version(&self, spec_version: u32) -> Option<ArcMetadata> {
        self.base.metadata_for_spec_version(spec_version)
    }

    fn set_metadata_for_spec_version(&self, spec_version: u32, metadata: ArcMetadata) {
        self.base.set_metadata_for_spec_version(spec_version, metadata);
    }
}

impl Signer<SubtensorConfig> for Unlocked {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.public())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.sign(payload))
    }
}

#[cfg(test)]
mod tests {
    use codec::{Compact, Encode as _};
    use sn3_protocol::address::StoreAddress;
    use sn3_protocol::{NetUid, Signature};
    use subxt::client::{OfflineClient, OfflineClientAtBlock};
    use subxt::config::DefaultExtrinsicParamsBuilder;
    use subxt::config::substrate::SpecVersionForRange;

    use super::*;
    use crate::bindings::transactions;
    use crate::client::commitments::commitment;
    use crate::wallet::HotkeyPair;

    const GENESIS: [u8; 32] = [0x2f; 32];

    /// The checked-in metadata, as if a chain with versions 425 and 1 were connected.
    fn offline() -> OfflineClientAtBlock<SubtensorConfig> {
        let bytes: &[u8] = include_bytes!("../../metadata/devnet.scale");
        let metadata = subxt::Metadata::decode_from(bytes).unwrap();
        let versions =
            SpecVersionForRange { block_range: 0..u64::MAX, spec_version: 425, transaction_version: 1 };
        let config = SubstrateConfig::builder()
            .set_genesis_hash(H256(GENESIS))
            .set_metadata_for_spec_versions([(425, std::sync::Arc::new(metadata))])
            .set_spec_version_for_block_ranges([versions])
            .build();
        let config = SubtensorConfig { base: config, assumed: None };
        OfflineClient::new_with_config(config).at_block(100u64).unwrap()
    }

    #[test]
    fn an_extrinsic_has_exactly_the_specified_bytes() {
        let alice = HotkeyPair::from_uri("//Alice").unwrap();
        let call = transactions().subtensor_module().set_weights(3, vec![1, 2], vec![65535, 7], 9);
        let born = H256([0xb1; 32]);
        let params = DefaultExtrinsicParamsBuilder::<SubtensorConfig>::new()
            .nonce(5)
            .mortal_from_unchecked(64, 100, born);
        let mut signable =
            offline().transactions().create_v4_signable_offline(&call, params.build()).unwrap();
        let extrinsic = signable.sign(&alice.0).unwrap();

        let call = (7u8, 0u8, 3u16, vec![1u16, 2], vec![65535u16, 7], 9u64).encode();
        // Era of 64 blocks from block 100: period 2^6, phase 100 mod 64 = 36; then nonce, tip, metadata hash off.
        let extra = ((5u8 | (36 & 0x0f) << 4, 36u8 >> 4), Compact(5u32), Compact(0u64), 0u8).encode();
        let additional = (425u32, 1u32, GENESIS, born.0, 0u8).encode();
        let body = extrinsic.encoded();
        let (head, rest) = body.split_at(body.len() - call.len() - extra.len());
        assert_eq!(rest, [extra.as_slice(), &call].concat());
        let signature: [u8; 64] = head[head.len() - 64..].try_into().unwrap();
        let signed = [call, extra, additional].concat();
        assert!(Signature(signature).verifies(&alice.public(), &signed));
        let opening = [&[0x84, 0][..], &alice.public().0, &[1]].concat();
        assert!(head[..head.len() - 64].ends_with(&opening));
    }

    #[test]
    fn a_commitment_has_exactly_the_specified_bytes() {
        // Chain interface, section 5.1: pallet 18, call 0, netuid, one field, its length plus one, the bytes.
        let address = StoreAddress::new("x".repeat(127)).unwrap();
        let call =
            subxt::dynamic::tx("Commitments", "set_commitment", commitment(NetUid(3), &address.encode()));
        let data = offline().transactions().call_data(&call).unwrap();
        assert_eq!(data[..6], [0x12, 0x00, 3, 0, 0x04, 0x81]);
        assert_eq!(data[6..], address.encode());
        assert_eq!(data.len(), 134);
    }
}
