//! How the pallets are parameterised.

use super::*;
use codec::Decode;
use frame_support::{
    derive_impl,
    dispatch::DispatchClass,
    parameter_types,
    traits::{ConstU8, ConstU32, ConstU64, Contains, VariantCountOf},
    weights::{
        Weight,
        constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_SECOND},
    },
};
use frame_system::limits::{BlockLength, BlockWeights};
use sp_runtime::Perbill;
use sp_version::RuntimeVersion;
use std::borrow::Cow;

/// The version that transactions are signed for and clients check.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("node-subtensor"),
    impl_name: Cow::Borrowed("node-subtensor"),
    authoring_version: 1,
    spec_version: 425,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// Where the version is kept once it was raised while the chain ran.
pub const SPEC_VERSION_KEY: &[u8] = b":devnet:spec_version";

/// The version at the current state: [`VERSION`], unless it was raised.
pub fn version() -> RuntimeVersion {
    // The metadata is described without any state.
    let stored = sp_externalities::with_externalities(|state| state.storage(SPEC_VERSION_KEY)).flatten();
    let raised = stored.and_then(|bytes| u32::decode(&mut &bytes[..]).ok());
    RuntimeVersion { spec_version: raised.unwrap_or(VERSION.spec_version), ..VERSION }
}

/// [`version`] as a setting of the system pallet.
pub struct Version;

impl frame_support::traits::Get<RuntimeVersion> for Version {
    fn get() -> RuntimeVersion {
        version()
    }
}

/// The share of a block that ordinary transactions may fill.
const NORMAL_DISPATCH_RATIO: Perbill = Perbill::from_percent(75);
/// The time to execute a block, in picoseconds.
const BLOCK_REF_TIME_PS: u64 = 4 * WEIGHT_REF_TIME_PER_SECOND;
/// The fixed cost of one ordinary transaction, in picoseconds.
const EXTRINSIC_BASE_PS: u64 = 108_157_000;
/// The largest block, in bytes.
const BLOCK_BYTES_MAX: u32 = 10 * 1024 * 1024;
/// The time between two blocks, in milliseconds.
pub const SLOT_DURATION_MS: u64 = 12_000;
/// The smallest balance an account may hold, in rao.
pub const EXISTENTIAL_DEPOSIT_RAO: u64 = 500;

parameter_types! {
    /// The weight limits of a block.
    pub Weights: BlockWeights = block_weights();
    /// The length limits of a block.
    pub Length: BlockLength = BlockLength::builder()
        .max_length(BLOCK_BYTES_MAX)
        .modify_max_length_for_class(DispatchClass::Normal, |m| *m = NORMAL_DISPATCH_RATIO * BLOCK_BYTES_MAX)
        .build();
    /// Fees do not follow the load. (The unit type would make the multiplier zero after the first block.)
    pub FeeMultiplier: pallet_transaction_payment::Multiplier = sp_runtime::traits::One::one();
    /// The prefix of addresses in text form.
    pub const SS58Prefix: u16 = 42;
}

fn block_weights() -> BlockWeights {
    let block_max = Weight::from_parts(BLOCK_REF_TIME_PS, u64::MAX);
    BlockWeights::builder()
        .base_block(Weight::zero())
        .for_class(DispatchClass::all(), |class| {
            class.base_extrinsic = Weight::from_parts(EXTRINSIC_BASE_PS, 0)
        })
        .for_class(DispatchClass::Normal, |class| class.max_total = Some(NORMAL_DISPATCH_RATIO * block_max))
        .for_class(DispatchClass::Operational, |class| {
            class.max_total = Some(block_max);
            class.reserved = Some(block_max - NORMAL_DISPATCH_RATIO * block_max);
        })
        .build_or_panic()
}

/// Refuses a batch inside a batch.
pub struct NoNestedBatch;

impl Contains<RuntimeCall> for NoNestedBatch {
    fn contains(call: &RuntimeCall) -> bool {
        use pallet_utility::Call::{batch, batch_all, force_batch};
        match call {
            RuntimeCall::Utility(batch { calls } | batch_all { calls } | force_batch { calls }) => {
                !calls.iter().any(is_batch)
            }
            _ => true,
        }
    }
}

fn is_batch(call: &RuntimeCall) -> bool {
    use pallet_utility::Call::{batch, batch_all, force_batch};
    matches!(call, RuntimeCall::Utility(batch { .. } | batch_all { .. } | force_batch { .. }))
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type AccountData = pallet_balances::AccountData<Balance>;
    type BaseCallFilter = NoNestedBatch;
    type BlockHashCount = ConstU32<2400>;
    type BlockLength = Length;
    type BlockWeights = Weights;
    type DbWeight = RocksDbWeight;
    type Lookup = sp_runtime::traits::AccountIdLookup<AccountId, ()>;
    type MaxConsumers = ConstU32<16>;
    type SS58Prefix = SS58Prefix;
    type Version = Version;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    type OnTimestampSet = ();
    type MinimumPeriod = ConstU64<{ SLOT_DURATION_MS / 2 }>;
    type WeightInfo = ();
}

impl pallets::aura::Config for Runtime {
    type SlotDuration = ConstU64<SLOT_DURATION_MS>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
    type AccountStore = System;
    type Balance = Balance;
    type ExistentialDeposit = ConstU64<EXISTENTIAL_DEPOSIT_RAO>;
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
    type MaxLocks = ConstU32<50>;
    type MaxReserves = ConstU32<50>;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type RuntimeHoldReason = RuntimeHoldReason;
}

impl pallet_transaction_payment::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type OnChargeTransaction = fees::TaoOrAlpha;
    type WeightToFee = fees::RefTimeToFee;
    type LengthToFee = fees::BytesToFee;
    type FeeMultiplierUpdate = pallet_transaction_payment::ConstFeeMultiplier<FeeMultiplier>;
    type OperationalFeeMultiplier = ConstU8<5>;
    type WeightInfo = ();
}

impl pallet_utility::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type PalletsOrigin = OriginCaller;
    type WeightInfo = ();
}

impl pallet_sudo::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type WeightInfo = ();
}

impl pallets::subtensor::Config for Runtime {
    type Author = fees::Author;
    type Commitments = Commitments;
    type Beacon = Drand;
    type Pools = Swap;
}

impl pallets::drand::Config for Runtime {}

impl pallets::swap::Config for Runtime {}

impl pallets::shield::Config for Runtime {
    type Author = fees::AuthorKey;
}

/// The deposit for the first proxy, in rao.
const PROXY_DEPOSIT_BASE_RAO: u64 = 60_000_000;
/// The deposit for each proxy, in rao.
const PROXY_DEPOSIT_FACTOR_RAO: u64 = 33_000_000;

impl pallets::proxy::Config for Runtime {
    type Call = RuntimeCall;
    type Currency = Balances;
    type ProxyType = pallets::proxy::ProxyType;
    type ProxyDepositBase = ConstU64<PROXY_DEPOSIT_BASE_RAO>;
    type ProxyDepositFactor = ConstU64<PROXY_DEPOSIT_FACTOR_RAO>;
    type MaxProxies = ConstU32<20>;
}

impl pallets::commitments::Config for Runtime {}

impl pallets::admin::Config for Runtime {}
