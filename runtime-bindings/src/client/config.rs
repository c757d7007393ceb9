//! How this chain builds extrinsics, in subxt's words.

use subxt::ArcMetadata;
use subxt::config::substrate::{AccountId32, MultiAddress, MultiSignature, SubstrateConfig};
use subxt::config::{Config, DefaultTransactionExtensions, HashFor};
use subxt::transactions::Signer;

use crate::wallet::Unlocked;

/// Subtensor's accounts, addresses and transaction extensions (chain interface, sections 1 and 1.1).
///
/// Of its thirteen extensions the five of its own are zero-sized and need no bytes; the others are stock. One that
/// is neither makes building an extrinsic fail with its name, since guessing its bytes would sign something unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubtensorConfig(SubstrateConfig);

impl Config for SubtensorConfig {
    type AccountId = AccountId32;
    type Address = MultiAddress<AccountId32, ()>;
    type Signature = MultiSignature;
    type Hasher = <SubstrateConfig as Config>::Hasher;
    type Header = <SubstrateConfig as Config>::Header;
    type TransactionExtensions = DefaultTransactionExtensions<Self>;
    type AssetId = u32;

    fn genesis_hash(&self) -> Option<HashFor<Self>> {
        self.0.genesis_hash()
    }

    fn metadata_for_spec_version(&self, spec_version: u32) -> Option<ArcMetadata> {
        self.0.metadata_for_spec_version(spec_version)
    }

    fn set_metadata_for_spec_version(&self, spec_version: u32, metadata: ArcMetadata) {
        self.0.set_metadata_for_spec_version(spec_version, metadata);
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
