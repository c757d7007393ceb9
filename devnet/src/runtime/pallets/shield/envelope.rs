//! The bytes of a hidden transaction, and how to open them.
//!
//! ```text
//! twox-128 of the key (16) | length of the capsule (u16 LE) | capsule (1088) | nonce (24) | ciphertext
//! ```
//!
//! The capsule is ML-KEM-768's; its shared secret is the key of XChaCha20-Poly1305.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, aead::Aead};
use ml_kem::{Decapsulate, DecapsulationKey, KeyExport, MlKem768};
use sp_io::hashing::{blake2_256, twox_128};

/// The length of a key's name.
const KEY_NAME_BYTES: usize = 16;
/// The length of the number that says how long the capsule is.
const LENGTH_BYTES: usize = 2;
/// The length of ML-KEM-768's capsule.
const CAPSULE_BYTES: usize = 1_088;
/// The length of XChaCha20-Poly1305's nonce.
const NONCE_BYTES: usize = 24;
/// What the development chain's key is made from. Whoever reads this can open everything, on development chains.
const KEY_SEED: &[u8] = b"sn3 devnet: not a secret shield";

/// Why an envelope was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes are no envelope.
    #[error("the envelope of {bytes} bytes is malformed; it holds key name, capsule, nonce and ciphertext")]
    Malformed {
        /// Its length.
        bytes: usize,
    },
    /// It was made for another key.
    #[error("the envelope is for another key; read MevShield.NextKey again and encrypt to that")]
    OtherKey,
    /// The ciphertext is not what the sender made.
    #[error("the envelope does not open: its bytes were changed, or it was sealed with another secret")]
    Sealed,
}

/// The parts of an envelope.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    key_name: &'a [u8],
    capsule: &'a [u8; CAPSULE_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes the bytes apart.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let malformed = EnvelopeError::Malformed { bytes: bytes.len() };
        let parts = || {
            let (key_name, rest) = bytes.split_at_checked(KEY_NAME_BYTES)?;
            let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
            if usize::from(u16::from_le_bytes(*length)) != CAPSULE_BYTES {
                return None;
            }
            let (capsule, rest) = rest.split_first_chunk::<CAPSULE_BYTES>()?;
            let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>()?;
            Some(Self { key_name, capsule, nonce, ciphertext })
        };
        parts().ok_or(malformed)
    }

    /// Whether it is made for this encapsulation key.
    pub fn is_for(&self, key: &[u8]) -> bool {
        self.key_name == twox_128(key).as_slice()
    }
}

/// The author's key pair.
pub struct ShieldKey(DecapsulationKey<MlKem768>);

impl ShieldKey {
    /// The key of development chains.
    pub fn of_development() -> Self {
        let halves = [blake2_256(KEY_SEED), blake2_256(&blake2_256(KEY_SEED))].concat();
        let seed: [u8; 64] = halves.try_into().expect("two hashes of 32 bytes");
        Self(DecapsulationKey::from_seed(seed.into()))
    }

    /// The encapsulation key, 1184 bytes.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.0.encapsulation_key().to_bytes().to_vec()
    }

    /// The hidden transaction in an envelope.
    pub fn open(&self, bytes: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        let envelope = Envelope::parse(bytes)?;
        if !envelope.is_for(&self.public_bytes()) {
            return Err(EnvelopeError::OtherKey);
        }
        let secret = self.0.decapsulate(&(*envelope.capsule).into());
        let cipher = XChaCha20Poly1305::new_from_slice(&secret).expect("the shared secret has 32 bytes");
        let opened = cipher.decrypt(envelope.nonce.into(), envelope.ciphertext);
        opened.map_err(|_| EnvelopeError::Sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(message: &[u8]) -> Vec<u8> {
        let key = ShieldKey::of_development();
        let (capsule, secret) = key.0.encapsulation_key().encapsulate_deterministic(&[5; 32].into());
        let nonce = [9; NONCE_BYTES];
        let cipher = XChaCha20Poly1305::new_from_slice(&secret).unwrap();
        let ciphertext = cipher.encrypt(&nonce.into(), message).unwrap();
        let length = (CAPSULE_BYTES as u16).to_le_bytes();
        [&twox_128(&key.public_bytes())[..], &length, &capsule, &nonce, &ciphertext].concat()
    }

    #[test]
    fn what_is_sealed_opens() {
        assert_eq!(ShieldKey::of_development().open(&sealed(b"inner")), Ok(b"inner".to_vec()));
        assert_eq!(ShieldKey::of_development().public_bytes().len(), 1_184);
    }

    #[test]
    fn changed_cut_and_misaddressed_envelopes_are_told_apart() {
        let key = ShieldKey::of_development();
        let envelope = sealed(b"inner");
        for (place, error) in [
            (0, EnvelopeError::OtherKey),
            (16, EnvelopeError::Malformed { bytes: envelope.len() }),
            (20, EnvelopeError::Sealed),
            (envelope.len() - 1, EnvelopeError::Sealed),
        ] {
            let mut changed = envelope.clone();
            changed[place] ^= 1;
            assert_eq!(key.open(&changed), Err(error), "byte {place}");
        }
        for length in 0..1_130 {
            assert_eq!(key.open(&envelope[..length]), Err(EnvelopeError::Malformed { bytes: length }));
        }
    }
}
