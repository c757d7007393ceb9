//! The beacon's settings and rounds, in the encodings of the chain (chain interface, section 4.4).

use crate::runtime::pallets::subtensor::types::record;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sn3_timelock::{Beacon, PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
use sp_core::{ConstU32, bounded::BoundedVec};
use sp_io::hashing::sha2_256;

/// At most this many bytes.
type Bytes<const MAX: u32> = BoundedVec<u8, ConstU32<MAX>>;

/// The scheme: unchained rounds, signatures in G1.
const SCHEME: &[u8] = b"bls-unchained-g1-rfc9380";

record! {
    /// Which beacon is listened to.
    #[derive(Default)]
    pub struct BeaconConfiguration {
        /// The compressed public key in G2.
        pub public_key: Bytes<96>,
        /// Seconds between two rounds.
        pub period: u32,
        /// The Unix time of round 1.
        pub genesis_time: u32,
        /// What drand calls the chain's hash.
        pub hash: Bytes<32>,
        /// What drand calls the group's hash.
        pub group_hash: Bytes<32>,
        /// The scheme's name.
        pub scheme_id: Bytes<32>,
        /// More names.
        pub metadata: Metadata,
    }
}
record! {
    /// The beacon's name.
    #[derive(Default)]
    pub struct Metadata {
        /// The name.
        pub beacon_id: Bytes<32>,
    }
}
record! {
    /// One published round.
    pub struct Pulse {
        /// Its number.
        pub round: u64,
        /// The SHA-256 of the signature.
        pub randomness: Bytes<32>,
        /// The signature, 48 bytes in practice.
        pub signature: Bytes<144>,
    }
}
record! {
    /// Published rounds, as whoever brings them signs them.
    pub struct PulsesPayload<Public, BlockNumber> {
        /// When they were fetched.
        pub block_number: BlockNumber,
        /// The rounds.
        pub pulses: Vec<Pulse>,
        /// Who brings them.
        pub public: Public,
    }
}

impl BeaconConfiguration {
    /// The settings of a beacon. Its hashes are those of its key, since no drand network stands behind it.
    pub fn of(beacon: &Beacon, name: &[u8]) -> Self {
        let key = beacon.public_key();
        let hash = bounded(&sha2_256(&key));
        Self {
            public_key: bounded(&key),
            period: u32::try_from(beacon.period_s()).expect("a beacon of this chain has a short period"),
            genesis_time: u32::try_from(beacon.genesis_s())
                .expect("a beacon of this chain starts before 2106"),
            group_hash: hash.clone(),
            hash,
            scheme_id: bounded(SCHEME),
            metadata: Metadata { beacon_id: bounded(name) },
        }
    }

    /// The beacon, unless the settings make none.
    pub fn beacon(&self) -> Option<Beacon> {
        let key: [u8; PUBLIC_KEY_BYTES] = self.public_key.as_slice().try_into().ok()?;
        Beacon::new(&key, self.genesis_time.into(), self.period.into()).ok()
    }
}

impl Pulse {
    /// A round with its signature.
    pub fn signed(round: u64, signature: &[u8; SIGNATURE_BYTES]) -> Self {
        Self { round, randomness: bounded(&sha2_256(signature)), signature: bounded(signature) }
    }

    /// The signature, if it has the length of one.
    pub fn signature_bytes(&self) -> Option<[u8; SIGNATURE_BYTES]> {
        self.signature.as_slice().try_into().ok()
    }
}

fn bounded<const MAX: u32>(bytes: &[u8]) -> Bytes<MAX> {
    BoundedVec::try_from(bytes.to_vec()).expect("the lengths of keys, hashes and names here are fixed")
}
