//! A chain without a node: blocks one after the other on an in-memory state.

use crate::runtime::*;
use codec::{Decode, Encode};
use frame_support::{dispatch::DispatchResult, traits::UnfilteredDispatchable};
use sp_core::{Pair, sr25519};
use sp_io::TestExternalities;
use sp_runtime::{ApplyExtrinsicResult, generic::Era, traits::Header as _};

/// The chain.
pub struct Harness {
    state: TestExternalities,
    parent: Hash,
    number: BlockNumber,
}

impl Harness {
    /// The default development chain, with block 1 opened.
    pub fn new() -> Self {
        Self::with(genesis::GenesisConfig::default())
    }

    pub fn with(config: genesis::GenesisConfig) -> Self {
        let mut chain = Self { state: TestExternalities::default(), parent: Hash::zero(), number: 0 };
        chain.state.execute_with(|| {
            let document = config.document().to_string().into_bytes();
            let answer = api::dispatch("GenesisBuilder_build_state", &document.encode()).expect("known");
            let built = sp_genesis_builder::Result::decode(&mut &answer[..]).expect("own encoding");
            assert_eq!(built, Ok(()));
        });
        chain.open();
        chain
    }

    fn open(&mut self) {
        self.number += 1;
        let header =
            Header::new(self.number, Default::default(), Default::default(), self.parent, Default::default());
        self.state.execute_with(|| {
            Executive::initialize_block(&header);
            let now = u64::from(self.number) * 12_000;
            let inherent = RuntimeCall::Timestamp(pallet_timestamp::Call::set { now });
            let applied = Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(inherent));
            assert_eq!(applied, Ok(Ok(())));
        });
    }

    /// Closes the open block and opens the next, `blocks` times.
    pub fn advance(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.parent = self.state.execute_with(|| Executive::finalize_block().hash());
            self.open();
        }
    }

    /// Looks at the state inside the open block.
    pub fn run<R>(&mut self, look: impl FnOnce() -> R) -> R {
        self.state.execute_with(look)
    }

    /// Dispatches a call as if signed, without fees.
    pub fn call(&mut self, who: &AccountId, call: impl Into<RuntimeCall>) -> DispatchResult {
        let call = call.into();
        self.run(|| {
            let origin = RuntimeOrigin::signed(who.clone());
            frame_support::storage::with_storage_layer(|| {
                call.dispatch_bypass_filter(origin).map(|_| ()).map_err(|failed| failed.error)
            })
        })
    }

    /// Dispatches a call as root.
    pub fn sudo(&mut self, call: impl Into<RuntimeCall>) {
        let call = call.into();
        let done = self.run(|| call.dispatch_bypass_filter(RuntimeOrigin::root()));
        done.expect("root may");
    }

    /// Applies a signed transaction with fees.
    pub fn submit(&mut self, pair: &sr25519::Pair, call: impl Into<RuntimeCall>) -> ApplyExtrinsicResult {
        let call = call.into();
        self.run(|| Executive::apply_extrinsic(signed(pair, call)))
    }
}

/// A signed transaction with the account's next nonce.
pub fn signed(pair: &sr25519::Pair, call: RuntimeCall) -> UncheckedExtrinsic {
    let who = AccountId::from(pair.public().0);
    let extra = extensions::extra(frame_system::Pallet::<Runtime>::account_nonce(&who), Era::Immortal, 0);
    let payload =
        sp_runtime::generic::SignedPayload::new(call.clone(), extra.clone()).expect("genesis is known");
    let signature = payload.using_encoded(|bytes| pair.sign(bytes));
    UncheckedExtrinsic::new_signed(call, Address::Id(who), Signature::Sr25519(signature), extra)
}
