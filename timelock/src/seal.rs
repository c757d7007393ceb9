//! Sealing to a round and opening with its signature: Boneh-Franklin FullIdent over BLS12-381.
//!
//! With Q the round's point of G1 and P the beacon's key in G2 (chain interface, section 5.3):
//!
//! ```text
//!  r = H3(sigma, key)      U = r·G2      V = sigma ⊕ H2(e(Q, P)^r)      W = key ⊕ H4(sigma)
//!  opening: sigma = V ⊕ H2(e(signature, U)), key = W ⊕ H4(sigma), then U = H3(sigma, key)·G2 must hold
//! ```

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::pairing::{Pairing as _, PairingOutput};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::PrimeField as _;
use ark_serialize::CanonicalDeserialize as _;
use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::beacon::{Beacon, SIGNATURE_BYTES, compressed, identity};
use crate::layout::{
    self, CIPHERTEXT_BYTES_MAX, LayoutError, MASK_BYTES, NONCE_BYTES, OVERHEAD_BYTES, Parts,
};

/// Bytes of an element of the target group.
const TARGET_BYTES: usize = 576;

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The message is too long for any use of the chain.
    #[error("{bytes} bytes cannot be sealed; at most {} can", CIPHERTEXT_BYTES_MAX - OVERHEAD_BYTES)]
    TooLong {
        /// How many there were.
        bytes: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes, so nothing can be sealed; try again")]
    Entropy,
}

/// Why a ciphertext does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes are no ciphertext.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A point in it lies outside of its group.
    #[error("the timelock ciphertext's point is not of the right group; it is damaged or hostile")]
    Point,
    /// The signature is none.
    #[error("these 48 bytes are no signature of a beacon; fetch the round again")]
    Signature,
    /// The signature is of another round or beacon, or the ciphertext was changed.
    #[error(
        "this signature does not open the timelock ciphertext; it is of another round or beacon, or the bytes were changed"
    )]
    WrongRound,
}

/// The random bytes behind one ciphertext. Used up by [`seal`], so that no key and nonce serve twice.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Entropy {
    sigma: [u8; MASK_BYTES],
    key: [u8; MASK_BYTES],
    nonce: [u8; NONCE_BYTES],
}

impl Entropy {
    /// From the operating system.
    pub fn fresh() -> Result<Self, SealError> {
        let mut entropy = Self { sigma: [0; MASK_BYTES], key: [0; MASK_BYTES], nonce: [0; NONCE_BYTES] };
        for part in [&mut entropy.sigma[..], &mut entropy.key[..], &mut entropy.nonce[..]] {
            rand::rngs::OsRng.try_fill_bytes(part).map_err(|_| SealError::Entropy)?;
        }
        Ok(entropy)
    }

    /// From a seed, so that a test gets the same ciphertext in every run. Whoever knows the seed can open it.
    #[must_use]
    pub fn from_seed_for_tests(seed: u64) -> Self {
        let part = |name: u8| Sha256::digest([&[name][..], &seed.to_le_bytes()].concat());
        let nonce = part(2)[..NONCE_BYTES].try_into().expect("a digest is longer than a nonce");
        Self { sigma: part(0).into(), key: part(1).into(), nonce }
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(secret)")
    }
}

/// Seals a message until the beacon has signed `round`. The result is 244 bytes longer than the message.
pub fn seal(beacon: &Beacon, round: u64, message: &[u8], entropy: Entropy) -> Result<Vec<u8>, SealError> {
    let too_long = SealError::TooLong { bytes: message.len() };
    if message.len() > CIPHERTEXT_BYTES_MAX - OVERHEAD_BYTES {
        return Err(too_long);
    }
    let exponent = exponent(&entropy.sigma, &entropy.key);
    let shared = Bls12_381::pairing(identity(round), beacon.key) * exponent;
    let encrypted =
        Aes256Gcm::new(&entropy.key.into()).encrypt(&entropy.nonce.into(), message).map_err(|_| too_long)?;
    Ok(layout::write(&Parts {
        point: &compressed(&(G2Affine::generator() * exponent).into_affine()),
        masked_sigma: &xor(&entropy.sigma, &digest_of(&shared)),
        masked_key: &xor(&entropy.key, &Sha256::digest(entropy.sigma).into()),
        encrypted: &encrypted,
        nonce: &entropy.nonce,
    }))
}

/// Opens a ciphertext with the signature of its round.
///
/// The signature needs no check of its own before: one of another round or beacon is [`OpenError::WrongRound`].
pub fn open(ciphertext: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Vec<u8>, OpenError> {
    let parts = layout::read(ciphertext)?;
    let point = G2Affine::deserialize_compressed(parts.point.as_slice()).map_err(|_| OpenError::Point)?;
    let signature =
        G1Affine::deserialize_compressed(signature.as_slice()).map_err(|_| OpenError::Signature)?;
    let shared = digest_of(&Bls12_381::pairing(signature, point));
    let sigma = Zeroizing::new(xor(parts.masked_sigma, &shared));
    let key = Zeroizing::new(xor(parts.masked_key, &Sha256::digest(*sigma).into()));
    if (G2Affine::generator() * exponent(&sigma, &key)).into_affine() != point {
        return Err(OpenError::WrongRound);
    }
    let cipher = Aes256Gcm::new((&*key).into());
    cipher.decrypt(parts.nonce.into(), parts.encrypted).map_err(|_| OpenError::WrongRound)
}

/// H3: the exponent that both secrets determine, so that a changed ciphertext is noticed.
fn exponent(sigma: &[u8; MASK_BYTES], key: &[u8; MASK_BYTES]) -> Fr {
    Fr::from_be_bytes_mod_order(&Sha256::new().chain_update(sigma).chain_update(key).finalize())
}

/// H2: the mask that a pairing gives.
fn digest_of(shared: &PairingOutput<Bls12_381>) -> [u8; MASK_BYTES] {
    Sha256::digest(compressed::<TARGET_BYTES>(shared)).into()
}

fn xor(a: &[u8; MASK_BYTES], b: &[u8; MASK_BYTES]) -> [u8; MASK_BYTES] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::LocalBeacon;

    fn local() -> LocalBeacon {
        LocalBeacon::from_seed([9; 32])
    }

    #[test]
    fn a_ciphertext_does_not_open_before_its_round_nor_with_another_beacon() {
        let sealed = seal(&local().beacon(), 50, b"secret", Entropy::fresh().unwrap()).unwrap();
        for round in [0, 1, 49, 51, u64::MAX] {
            assert_eq!(open(&sealed, &local().sign(round)), Err(OpenError::WrongRound));
        }
        let stranger = LocalBeacon::from_seed([8; 32]);
        assert_eq!(open(&sealed, &stranger.sign(50)), Err(OpenError::WrongRound));
        assert_eq!(open(&sealed, &[0xff; 48]), Err(OpenError::Signature));
        assert_eq!(open(&sealed, &local().sign(50)).unwrap(), b"secret");
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let sealed = seal(&local().beacon(), 7, b"12345", Entropy::from_seed_for_tests(1)).unwrap();
        let signature = local().sign(7);
        for at in (0..sealed.len()).step_by(3) {
            let mut changed = sealed.clone();
            changed[at] ^= 4;
            assert!(open(&changed, &signature).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_same_message_is_never_sealed_to_the_same_bytes() {
        let one = || seal(&local().beacon(), 7, b"x", Entropy::fresh().unwrap()).unwrap();
        assert_ne!(one(), one());
        assert_eq!(format!("{:?}", Entropy::fresh().unwrap()), "Entropy(secret)");
    }

    #[test]
    fn a_message_beyond_the_bound_is_refused() {
        let long = vec![0; CIPHERTEXT_BYTES_MAX - OVERHEAD_BYTES + 1];
        let refused = seal(&local().beacon(), 1, &long, Entropy::from_seed_for_tests(1));
        assert!(matches!(refused, Err(SealError::TooLong { .. })));
        let longest = &long[1..];
        let sealed = seal(&local().beacon(), 1, longest, Entropy::from_seed_for_tests(1)).unwrap();
        assert_eq!(sealed.len(), CIPHERTEXT_BYTES_MAX);
        assert_eq!(open(&sealed, &local().sign(1)).unwrap(), longest);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn whatever_is_sealed_opens_again(
            message in proptest::collection::vec(any::<u8>(), 0..600),
            round in any::<u64>(),
            seed in any::<u64>(),
        ) {
            let sealed =
                seal(&local().beacon(), round, &message, Entropy::from_seed_for_tests(seed)).unwrap();
            prop_assert_eq!(sealed.len(), message.len() + OVERHEAD_BYTES);
            prop_assert_eq!(open(&sealed, &local().sign(round)).unwrap(), message);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(open(&bytes, &[0x80; 48]).is_err());
        }
    }
}
