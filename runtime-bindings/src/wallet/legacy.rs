//! The two password containers that the ecosystem used before: Ansible Vault and Fernet. They are read, never written.
//!
//! ```text
//!  "$ANSIBLE_VAULT;1.1;AES256" newline, hex of: hex salt, hex HMAC, hex ciphertext, one per line
//!      PBKDF2-SHA256 (10,000) ─► cipher key 32 │ HMAC key 32 │ counter 16;  AES-256-CTR, PKCS#7
//!  base64url of: 0x80 │ time 8 │ IV 16 │ ciphertext │ HMAC 32
//!      PBKDF2-SHA256 (10,000,000) ─► HMAC key 16 │ cipher key 16;  AES-128-CBC, PKCS#7
//! ```

use aes_gcm::aes::cipher::{BlockDecrypt as _, BlockEncrypt as _, KeyInit as _};
use aes_gcm::aes::{Aes128, Aes256, Block};
use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::seal::SealError;

const VAULT_HEADER: &[u8] = b"$ANSIBLE_VAULT";
const VAULT_PASSES: u32 = 10_000;
const FERNET_HEADER: &[u8] = b"gAAAAA";
const FERNET_SALT: &[u8] = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins";
const FERNET_PASSES: u32 = 10_000_000;
const BLOCK_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// Whether these bytes are an Ansible Vault.
pub(super) fn is_vault(bytes: &[u8]) -> bool {
    bytes.starts_with(VAULT_HEADER)
}

/// Whether these bytes are a Fernet token.
pub(super) fn is_fernet(bytes: &[u8]) -> bool {
    bytes.starts_with(FERNET_HEADER)
}

/// Opens an Ansible Vault.
pub(super) fn open_vault(bytes: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SealError::Truncated)?;
    let digits: String = text.lines().skip(1).map(str::trim).collect();
    let inner = hex::decode(digits).map_err(|_| SealError::Truncated)?;
    let mut parts =
        inner.split(|byte| *byte == b'\n').map(|part| hex::decode(part).map_err(|_| SealError::Truncated));
    let mut part = || parts.next().unwrap_or(Err(SealError::Truncated));
    let (salt, tag, mut body) = (part()?, part()?, Zeroizing::new(part()?));
    let mut keys = Zeroizing::new([0; 80]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, VAULT_PASSES, keys.as_mut());
    check(&keys[32..64], &body, &tag)?;
    let cipher = Aes256::new_from_slice(&keys[..32]).map_err(|_| SealError::Truncated)?;
    let mut counter = u128::from_be_bytes(keys[64..].try_into().expect("sixteen of eighty bytes are left"));
    for chunk in body.chunks_mut(BLOCK_BYTES) {
        let mut stream = Block::from(counter.to_be_bytes());
        cipher.encrypt_block(&mut stream);
        chunk.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
        counter = counter.wrapping_add(1);
    }
    unpadded(body)
}

/// Opens a Fernet token under the ecosystem's fixed salt. Its ten million passes take some seconds.
pub(super) fn open_fernet(bytes: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let token = base64::engine::general_purpose::URL_SAFE.decode(bytes.trim_ascii());
    let token = token.map_err(|_| SealError::Truncated)?;
    let (signed, tag) = token.split_last_chunk::<TAG_BYTES>().ok_or(SealError::Truncated)?;
    let (head, body) = signed.split_at_checked(1 + 8 + BLOCK_BYTES).ok_or(SealError::Truncated)?;
    let mut keys = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), FERNET_SALT, FERNET_PASSES, keys.as_mut());
    check(&keys[..16], signed, tag)?;
    let cipher = Aes128::new_from_slice(&keys[16..]).map_err(|_| SealError::Truncated)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut before = &head[9..];
    for chunk in body.chunks_exact(BLOCK_BYTES) {
        let mut block = Block::clone_from_slice(chunk);
        cipher.decrypt_block(&mut block);
        plain.extend(block.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        before = chunk;
    }
    unpadded(plain)
}

/// The tag is what tells a wrong password.
fn check(key: &[u8], body: &[u8], tag: &[u8]) -> Result<(), SealError> {
    let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).map_err(|_| SealError::Truncated)?;
    mac.chain_update(body).verify_slice(tag).map_err(|_| SealError::WrongPassword)
}

fn unpadded(mut plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let pad = usize::from(*plain.last().ok_or(SealError::Truncated)?);
    if !(1..=BLOCK_BYTES).contains(&pad) || pad > plain.len() {
        return Err(SealError::Truncated);
    }
    let length = plain.len() - pad;
    plain.truncate(length);
    Ok(plain)
}
