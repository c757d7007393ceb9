//! The records that storage, calls and runtime APIs share (chain interface, sections 4 and 5).

use codec::{Compact, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ConstU32, bounded::BoundedVec};
use std::collections::BTreeSet;

/// The number of a network.
pub type NetUid = u16;
/// The number of a network and mechanism: netuid + 4096 × mechanism.
pub type NetUidStorageIndex = u16;
/// The number of a mechanism inside a subnet.
pub type MechId = u8;
/// An amount of TAO in rao.
pub type TaoBalance = u64;
/// An amount of a subnet's alpha in rao.
pub type AlphaBalance = u64;

/// The number of networks that can be told apart in a [`NetUidStorageIndex`].
pub const NETUIDS_PER_MECHANISM: u16 = 4096;
/// The largest timelocked commit, in bytes.
pub const TIMELOCKED_BYTES_MAX: u32 = 5_000;

/// The bytes of a timelocked commit.
pub type TimelockedBytes = BoundedVec<u8, ConstU32<TIMELOCKED_BYTES_MAX>>;

macro_rules! record {
    ($item:item) => {
        #[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
        $item
    };
}
pub(crate) use record;

record! {
    /// A signed fixed-point number; the reader knows how many fraction bits it has.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub struct FixedI128 {
        /// The number, times two to the number of fraction bits.
        pub bits: i128,
    }
}
record! {
    /// An unsigned fixed-point number; the reader knows how many fraction bits it has.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub struct FixedU128 {
        /// The number, times two to the number of fraction bits.
        pub bits: u128,
    }
}
record! {
    /// A number of stake shares: mantissa × 10^exponent.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub struct SafeFloat {
        /// The digits.
        pub mantissa: u128,
        /// The power of ten.
        pub exponent: i64,
    }
}
record! {
    /// Where a neuron serves.
    #[derive(Default, MaxEncodedLen)]
    pub struct AxonInfo {
        /// The block of the announcement.
        pub block: u64,
        /// The version of the serving software.
        pub version: u32,
        /// The address as a number.
        pub ip: u128,
        /// The port.
        pub port: u16,
        /// 4 or 6.
        pub ip_type: u8,
        /// The protocol, as the serving software counts them.
        pub protocol: u8,
        /// Unused.
        pub placeholder1: u8,
        /// Unused.
        pub placeholder2: u8,
    }
}
record! {
    /// Where a neuron publishes metrics.
    #[derive(Default, MaxEncodedLen)]
    pub struct PrometheusInfo {
        /// The block of the announcement.
        pub block: u64,
        /// The version of the serving software.
        pub version: u32,
        /// The address as a number.
        pub ip: u128,
        /// The port.
        pub port: u16,
        /// 4 or 6.
        pub ip_type: u8,
    }
}
record! {
    /// The certificate of a neuron's endpoint.
    #[derive(MaxEncodedLen)]
    pub struct NeuronCertificate {
        /// The public key.
        pub public_key: BoundedVec<u8, ConstU32<64>>,
        /// The number of the algorithm.
        pub algorithm: u8,
    }
}
record! {
    /// What a coldkey says of itself.
    #[derive(Default)]
    pub struct ChainIdentityV2 {
        /// The name.
        pub name: Vec<u8>,
        /// The home page.
        pub url: Vec<u8>,
        /// The source code.
        pub github_repo: Vec<u8>,
        /// A picture.
        pub image: Vec<u8>,
        /// A chat name.
        pub discord: Vec<u8>,
        /// A description.
        pub description: Vec<u8>,
        /// Anything else.
        pub additional: Vec<u8>,
    }
}
record! {
    /// What a subnet says of itself.
    #[derive(Default)]
    pub struct SubnetIdentityV3 {
        /// The name.
        pub subnet_name: Vec<u8>,
        /// The source code.
        pub github_repo: Vec<u8>,
        /// Whom to ask.
        pub subnet_contact: Vec<u8>,
        /// The home page.
        pub subnet_url: Vec<u8>,
        /// A chat name.
        pub discord: Vec<u8>,
        /// A description.
        pub description: Vec<u8>,
        /// A picture.
        pub logo_url: Vec<u8>,
        /// Anything else.
        pub additional: Vec<u8>,
    }
}
record! {
    /// Locked stake and the conviction it has earned.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub struct LockState {
        /// The locked alpha, in rao.
        pub locked_mass: u64,
        /// The conviction, with 64 fraction bits.
        pub conviction: FixedU128,
        /// The block these numbers are for.
        pub last_update: u64,
    }
}
record! {
    /// Something that may happen only so often.
    #[derive(Copy, MaxEncodedLen)]
    pub enum RateLimitKey<AccountId> {
        /// The owner's hotkey of a subnet was changed.
        SetSNOwnerHotkey(NetUid),
        /// The owner changed a setting: (subnet, number of the setting).
        OwnerHyperparamUpdate(NetUid, u8),
        /// A network was registered.
        NetworkLastRegistered,
        /// An account sent a limited transaction.
        LastTxBlock(AccountId),
        /// An account raised a child-key take.
        LastTxBlockChildKeyTake(AccountId),
        /// An account raised a delegate take.
        LastTxBlockDelegateTake(AccountId),
        /// A subnet's stake was bought and burned.
        AddStakeBurn(NetUid),
    }
}
record! {
    /// What happens to miner emission that the owner withholds.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub enum RecycleOrBurnEnum {
        /// It stays issued and belongs to nobody.
        #[default]
        Burn,
        /// It is taken out of issuance.
        Recycle,
    }
}
record! {
    /// How a subnet comes to its epochs' results.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub enum EpochConsensus {
        /// By stake-weighted agreement.
        #[default]
        Yuma,
        /// By its single validator.
        Null,
    }
}
record! {
    /// What a coldkey wants its root dividends as.
    #[derive(Default)]
    pub enum RootClaimTypeEnum {
        /// As TAO on root.
        #[default]
        Swap,
        /// As alpha.
        Keep,
        /// As alpha of these subnets, else as TAO on root.
        KeepSubnets {
            /// The subnets whose alpha is kept.
            subnets: BTreeSet<NetUid>,
        },
    }
}

/// A netuid as batch calls carry it.
pub type CompactNetUid = Compact<NetUid>;

/// The storage index of a mechanism.
pub fn storage_index(netuid: NetUid, mechanism: MechId) -> NetUidStorageIndex {
    netuid + NETUIDS_PER_MECHANISM * u16::from(mechanism)
}
