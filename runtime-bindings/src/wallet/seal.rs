//! The password container of keyfiles: libsodium's secretbox under an Argon2i key (chain interface, section 9).

use argon2::{Algorithm, Argon2, Params, Version};
use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use rand::TryRngCore;
use zeroize::Zeroizing;

/// First bytes of a sealed keyfile.
const MAGIC: &[u8] = b"$NACL";
const NONCE_BYTES: usize = 24;
/// The ecosystem's fixed salt: wallets of one password share a key, so the password must be a good one.
const SALT: [u8; 16] =
    [0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1];
/// Memory of the key derivation: libsodium's "sensitive" preset, 512 MiB.
const MEMORY_KIB: u32 = 512 * 1024;
/// Passes of the key derivation.
const PASSES: u32 = 8;

/// What can go wrong between a password and a sealed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealError {
    WrongPassword,
    Truncated,
    Entropy,
    Memory,
}

/// Whether these bytes are a sealed keyfile.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Seals `plain`: magic, nonce, tag, ciphertext. Takes about two seconds and 512 MiB.
pub(super) fn seal(plain: &[u8], password: &str) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut nonce).map_err(|_| SealError::Entropy)?;
    let sealed =
        cipher(password)?.encrypt(Nonce::from_slice(&nonce), plain).map_err(|_| SealError::Memory)?;
    Ok([MAGIC, &nonce, &sealed].concat())
}

/// Opens what [`seal`] or the official wallet sealed.
pub(super) fn open(bytes: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let body = bytes.strip_prefix(MAGIC).ok_or(SealError::Truncated)?;
    let (nonce, sealed) = body.split_at_checked(NONCE_BYTES).ok_or(SealError::Truncated)?;
    let plain = cipher(password)?.decrypt(Nonce::from_slice(nonce), sealed);
    plain.map(Zeroizing::new).map_err(|_| SealError::WrongPassword)
}

fn cipher(password: &str) -> Result<XSalsa20Poly1305, SealError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("the preset is within Argon2's bounds");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2i, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &SALT, key.as_mut())
        .map_err(|_| SealError::Memory)?;
    Ok(XSalsa20Poly1305::new(Key::from_slice(key.as_ref())))
}
