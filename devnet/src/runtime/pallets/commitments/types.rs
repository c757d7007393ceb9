//! The hand-made encoding of commitment fields (chain interface, section 5.1).

use crate::runtime::pallets::subtensor::types::record;
use codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen, Output};
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};
use sp_core::{ConstU32, bounded::BoundedVec};

/// The largest number of fields of a commitment.
pub const FIELDS_MAX: u32 = 3;
/// The largest field that is encoded without its length, in bytes.
pub const RAW_BYTES_MAX: usize = 128;
const FIRST_AFTER_RAW: u8 = 130;
const TIMELOCKED: u8 = 134;
const RESET_BONDS: u8 = 135;
const BIG_RAW: u8 = 136;

/// One field of a commitment.
#[derive(Clone, PartialEq, Eq, Debug, DecodeWithMemTracking)]
pub enum Data {
    /// Nothing.
    None,
    /// Up to 128 bytes.
    Raw(BoundedVec<u8, ConstU32<{ RAW_BYTES_MAX as u32 }>>),
    /// A hash, and which function made it.
    Hash(HashKind, [u8; 32]),
    /// Bytes that a round of the beacon opens.
    TimelockEncrypted {
        /// The ciphertext.
        encrypted: BoundedVec<u8, ConstU32<1024>>,
        /// The round.
        reveal_round: u64,
    },
    /// The wish to reset the hotkey's bonds.
    ResetBondsFlag,
    /// Up to 512 bytes.
    BigRaw(BoundedVec<u8, ConstU32<512>>),
}

record! {
    /// A hash function.
    #[derive(Copy)]
    pub enum HashKind {
        /// Blake2b of 256 bits.
        BlakeTwo256,
        /// SHA-2 of 256 bits.
        Sha256,
        /// Keccak of 256 bits.
        Keccak256,
        /// SHA-3 of 256 bits.
        ShaThree256,
    }
}

const HASH_KINDS: [HashKind; 4] =
    [HashKind::BlakeTwo256, HashKind::Sha256, HashKind::Keccak256, HashKind::ShaThree256];

impl Data {
    /// The bytes the field counts for, in bytes.
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Data::None | Data::ResetBondsFlag => 0,
            Data::Raw(bytes) => bytes.len(),
            Data::Hash(_, hash) => hash.len(),
            Data::TimelockEncrypted { encrypted, .. } => encrypted.len(),
            Data::BigRaw(bytes) => bytes.len(),
        };
        bytes as u64
    }
}

impl Encode for Data {
    fn encode_to<W: Output + ?Sized>(&self, out: &mut W) {
        match self {
            Data::None => out.push_byte(0),
            Data::Raw(bytes) => {
                out.push_byte(bytes.len() as u8 + 1);
                out.write(bytes);
            }
            Data::Hash(kind, hash) => {
                out.push_byte(FIRST_AFTER_RAW + *kind as u8);
                out.write(hash);
            }
            Data::TimelockEncrypted { encrypted, reveal_round } => {
                out.push_byte(TIMELOCKED);
                encrypted.encode_to(out);
                reveal_round.encode_to(out);
            }
            Data::ResetBondsFlag => out.push_byte(RESET_BONDS),
            Data::BigRaw(bytes) => {
                out.push_byte(BIG_RAW);
                bytes.encode_to(out);
            }
        }
    }
}

impl Decode for Data {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        match input.read_byte()? {
            0 => Ok(Data::None),
            raw @ 1..FIRST_AFTER_RAW => decode_raw(input, usize::from(raw - 1)),
            hash @ FIRST_AFTER_RAW..TIMELOCKED => {
                Ok(Data::Hash(HASH_KINDS[usize::from(hash - FIRST_AFTER_RAW)], Decode::decode(input)?))
            }
            TIMELOCKED => Ok(Data::TimelockEncrypted {
                encrypted: Decode::decode(input)?,
                reveal_round: Decode::decode(input)?,
            }),
            RESET_BONDS => Ok(Data::ResetBondsFlag),
            BIG_RAW => Ok(Data::BigRaw(Decode::decode(input)?)),
            _ => Err("a commitment field starts with 0 to 136".into()),
        }
    }
}

fn decode_raw<I: Input>(input: &mut I, bytes: usize) -> Result<Data, Error> {
    let mut raw = vec![0; bytes];
    input.read(&mut raw)?;
    let raw = BoundedVec::try_from(raw).map_err(|_| Error::from("more than 128 bytes"))?;
    Ok(Data::Raw(raw))
}

impl MaxEncodedLen for Data {
    fn max_encoded_len() -> usize {
        1 + BoundedVec::<u8, ConstU32<1024>>::max_encoded_len() + u64::max_encoded_len()
    }
}

impl TypeInfo for Data {
    type Identity = Self;

    /// Declares each length of raw bytes as a variant of its own, as clients name them.
    fn type_info() -> Type {
        let mut variants = Variants::new().variant("None", |v| v.index(0));
        macro_rules! raw_variants {
            ($($n:literal)*) => {$(
                variants = variants.variant(concat!("Raw", $n), |v| {
                    v.index($n + 1).fields(Fields::unnamed().field(|f| f.ty::<[u8; $n]>()))
                });
            )*};
        }
        raw_variants!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26
            27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50
            51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74
            75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98
            99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116
            117 118 119 120 121 122 123 124 125 126 127 128
        );
        variants = variants
            .variant("BlakeTwo256", |v| v.index(130).fields(Fields::unnamed().field(|f| f.ty::<[u8; 32]>())))
            .variant("Sha256", |v| v.index(131).fields(Fields::unnamed().field(|f| f.ty::<[u8; 32]>())))
            .variant("Keccak256", |v| v.index(132).fields(Fields::unnamed().field(|f| f.ty::<[u8; 32]>())))
            .variant("ShaThree256", |v| v.index(133).fields(Fields::unnamed().field(|f| f.ty::<[u8; 32]>())))
            .variant("TimelockEncrypted", |v| {
                v.index(TIMELOCKED).fields(
                    Fields::named()
                        .field(|f| f.name("encrypted").ty::<BoundedVec<u8, ConstU32<1024>>>())
                        .field(|f| f.name("reveal_round").ty::<u64>()),
                )
            })
            .variant("ResetBondsFlag", |v| v.index(RESET_BONDS))
            .variant("BigRaw", |v| {
                v.index(BIG_RAW).fields(Fields::unnamed().field(|f| f.ty::<BoundedVec<u8, ConstU32<512>>>()))
            });
        Type::builder().path(Path::new("Data", "pallet_commitments::types")).variant(variants)
    }
}

record! {
    /// What a hotkey publishes.
    #[derive(MaxEncodedLen)]
    pub struct CommitmentInfo {
        /// The fields.
        pub fields: BoundedVec<Data, ConstU32<FIELDS_MAX>>,
    }
}

impl CommitmentInfo {
    /// The bytes of all fields together.
    pub fn bytes(&self) -> u64 {
        self.fields.iter().map(Data::bytes).sum()
    }

    /// The round that opens the last timelocked field, if there is one.
    pub fn reveal_round(&self) -> Option<u64> {
        self.fields.iter().rev().find_map(|field| match field {
            Data::TimelockEncrypted { reveal_round, .. } => Some(*reveal_round),
            _ => None,
        })
    }

    /// Whether the hotkey wants its bonds reset.
    pub fn resets_bonds(&self) -> bool {
        self.fields.contains(&Data::ResetBondsFlag)
    }
}

record! {
    /// A commitment and when it was made.
    pub struct Registration {
        /// What was reserved for it: always nothing.
        pub deposit: u64,
        /// The block.
        pub block: u32,
        /// The commitment.
        pub info: CommitmentInfo,
    }
}
record! {
    /// The bytes committed in an epoch.
    #[derive(Copy, Default, MaxEncodedLen)]
    pub struct UsageTracker {
        /// The epoch.
        pub last_epoch: u64,
        /// The bytes.
        pub used_space: u64,
    }
}
