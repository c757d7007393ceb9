//! Who signs the rounds: drand's quicknet, or a beacon of our own for local chains.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine, g1};
use ark_ec::hashing::HashToCurve as _;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::PrimeField as _;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalDeserialize as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// Bytes of a beacon's public key: a compressed point of G2.
pub const PUBLIC_KEY_BYTES: usize = 96;
/// Bytes of a round's signature: a compressed point of G1.
pub const SIGNATURE_BYTES: usize = 48;

/// Domain of the hash to the curve in drand's scheme `bls-unchained-g1-rfc9380` (chain interface, section 5.3).
const HASH_DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const MS_PER_S: u64 = 1_000;

const QUICKNET_KEY: [u8; PUBLIC_KEY_BYTES] = [
    0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22, 0x12,
    0xc4, 0x37, 0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c, 0x8c, 0x4b,
    0x45, 0x0b, 0x6a, 0x0a, 0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51, 0x0d, 0x1f, 0xec,
    0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b, 0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb, 0x5e, 0xd6, 0x63, 0x04,
    0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7, 0x3b, 0xab, 0x4a, 0xf5, 0xa6, 0xe9, 0xc7, 0x6a, 0x4b,
    0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4, 0x5a,
];
const QUICKNET_GENESIS_S: u64 = 1_692_803_367;
const QUICKNET_PERIOD_S: u64 = 3;

/// Why there is no beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// The public key is no point of the right group.
    #[error(
        "the beacon's public key is no point of G2; take it from the chain's beacon settings, 96 bytes, compressed"
    )]
    PublicKey,
    /// Rounds would never end.
    #[error("the beacon's period is {period_s} s; it must be 1 s or more")]
    Period {
        /// What was given, in seconds.
        period_s: u64,
    },
}

/// A beacon's public key and its timetable: round r is out at genesis + (r - 1) × period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beacon {
    pub(crate) key: G2Affine,
    genesis_s: u64,
    period_s: u64,
}

impl Beacon {
    /// drand's quicknet, to which the chain's official clients encrypt (chain interface, section 5.3).
    #[must_use]
    pub fn quicknet() -> Self {
        Self::new(&QUICKNET_KEY, QUICKNET_GENESIS_S, QUICKNET_PERIOD_S)
            .expect("quicknet's key is a point of G2")
    }

    /// A beacon from its compressed public key, the Unix time of round 1 and the seconds between rounds.
    pub fn new(
        public_key: &[u8; PUBLIC_KEY_BYTES],
        genesis_s: u64,
        period_s: u64,
    ) -> Result<Self, BeaconError> {
        if period_s == 0 {
            return Err(BeaconError::Period { period_s });
        }
        let key =
            G2Affine::deserialize_compressed(public_key.as_slice()).map_err(|_| BeaconError::PublicKey)?;
        if key.is_zero() {
            return Err(BeaconError::PublicKey);
        }
        Ok(Self { key, genesis_s, period_s })
    }

    /// The compressed public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        compressed(&self.key)
    }

    /// Unix time of round 1, in seconds.
    #[must_use]
    pub fn genesis_s(&self) -> u64 {
        self.genesis_s
    }

    /// Seconds between rounds.
    #[must_use]
    pub fn period_s(&self) -> u64 {
        self.period_s
    }

    /// The newest round that is out at a Unix time in milliseconds; 0 before the first.
    #[must_use]
    pub fn round_at(&self, unix_ms: u64) -> u64 {
        match unix_ms.checked_sub(self.genesis_s.saturating_mul(MS_PER_S)) {
            Some(elapsed_ms) => (elapsed_ms / MS_PER_S / self.period_s).saturating_add(1),
            None => 0,
        }
    }

    /// The Unix time in seconds at which a round is out.
    #[must_use]
    pub fn published_at_s(&self, round: u64) -> u64 {
        self.genesis_s.saturating_add(round.saturating_sub(1).saturating_mul(self.period_s))
    }

    /// Whether these bytes are this beacon's signature of a round.
    #[must_use]
    pub fn verifies(&self, round: u64, signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let Ok(signature) = G1Affine::deserialize_compressed(signature.as_slice()) else { return false };
        Bls12_381::pairing(signature, G2Affine::generator()) == Bls12_381::pairing(identity(round), self.key)
    }
}

/// A beacon whose secret key is at hand: for local chains, where rounds come when the chain wants them.
///
/// Whoever knows the seed can open every ciphertext at any time, so it protects nothing.
pub struct LocalBeacon {
    secret: Fr,
    genesis_s: u64,
    period_s: u64,
}

impl LocalBeacon {
    /// A beacon with quicknet's timetable; one seed gives one key.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let secret = Fr::from_be_bytes_mod_order(&Sha256::digest(seed));
        Self { secret, genesis_s: QUICKNET_GENESIS_S, period_s: QUICKNET_PERIOD_S }
    }

    /// The same key with another timetable.
    #[must_use]
    pub fn with_timetable(mut self, genesis_s: u64, period_s: std::num::NonZeroU64) -> Self {
        (self.genesis_s, self.period_s) = (genesis_s, period_s.get());
        self
    }

    /// What others need to encrypt to it.
    #[must_use]
    pub fn beacon(&self) -> Beacon {
        let key = (G2Affine::generator() * self.secret).into_affine();
        Beacon { key, genesis_s: self.genesis_s, period_s: self.period_s }
    }

    /// The signature of a round.
    #[must_use]
    pub fn sign(&self, round: u64) -> [u8; SIGNATURE_BYTES] {
        compressed(&(identity(round) * self.secret).into_affine())
    }
}

impl Drop for LocalBeacon {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for LocalBeacon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalBeacon(secret)")
    }
}

/// The point of G1 that a round stands for: the hash of SHA-256 of its number, big-endian.
pub(crate) fn identity(round: u64) -> G1Affine {
    type Hasher = MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g1::Config>>;
    let hasher = Hasher::new(HASH_DOMAIN).expect("the map of the curve is well formed");
    hasher.hash(&Sha256::digest(round.to_be_bytes())).expect("every message maps to a point")
}

/// A point's compressed bytes, whose number is known from its group.
pub(crate) fn compressed<const N: usize>(point: &impl ark_serialize::CanonicalSerialize) -> [u8; N] {
    let mut bytes = [0; N];
    point.serialize_compressed(bytes.as_mut_slice()).expect("the buffer has the point's size");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature of quicknet's round 1000, as drand published it.
    const ROUND_1000: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

    fn signature() -> [u8; SIGNATURE_BYTES] {
        hex::decode(ROUND_1000).unwrap().try_into().unwrap()
    }

    #[test]
    fn quicknets_signature_of_round_1000_verifies_for_that_round_only() {
        let beacon = Beacon::quicknet();
        assert!(beacon.verifies(1000, &signature()));
        assert!(!beacon.verifies(999, &signature()));
        assert!(!beacon.verifies(1000, &[0; SIGNATURE_BYTES]));
        assert!(!LocalBeacon::from_seed([1; 32]).beacon().verifies(1000, &signature()));
    }

    #[test]
    fn a_local_beacon_signs_as_quicknet_does() {
        let local = LocalBeacon::from_seed([1; 32]);
        assert!(local.beacon().verifies(5, &local.sign(5)));
        assert!(!local.beacon().verifies(6, &local.sign(5)));
    }

    #[test]
    fn rounds_follow_the_timetable() {
        // Round 1 at genesis, round 2 three seconds later; 1_692_803_367 s is genesis.
        let beacon = Beacon::quicknet();
        assert_eq!(beacon.round_at(1_692_803_366_999), 0);
        assert_eq!(beacon.round_at(1_692_803_367_000), 1);
        assert_eq!(beacon.round_at(1_692_803_369_999), 1);
        assert_eq!(beacon.round_at(1_692_803_370_000), 2);
        assert_eq!(beacon.published_at_s(2), 1_692_803_370);
        assert_eq!(beacon.published_at_s(u64::MAX), u64::MAX);
        assert_eq!(beacon.round_at(u64::MAX), (u64::MAX / 1000 - 1_692_803_367) / 3 + 1);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(Beacon::new(&[0xff; 96], 0, 3), Err(BeaconError::PublicKey));
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        assert_eq!(Beacon::new(&infinity, 0, 3), Err(BeaconError::PublicKey));
        let key = Beacon::quicknet().public_key();
        assert_eq!(Beacon::new(&key, 0, 0), Err(BeaconError::Period { period_s: 0 }));
        assert!(Beacon::new(&key, 0, 1).is_ok());
    }
}
