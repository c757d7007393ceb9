//! The bytes of a ciphertext (chain interface, section 5.3).
//!
//! ```text
//!  U (96) │ 32 as u64 │ V (32) │ 32 as u64 │ W (32) │ n as u64 │ body (n) │ 8 as u64 │ "AES_GCM_"
//!                                                    body = m as u64 │ AES-256-GCM with tag (m) │ 12 as u64 │ nonce (12)
//! ```
//!
//! All lengths are little-endian.

/// Bytes of the random point.
pub(crate) const POINT_BYTES: usize = 96;
/// Bytes of a masked secret.
pub(crate) const MASK_BYTES: usize = 32;
/// Bytes of the cipher's nonce.
pub(crate) const NONCE_BYTES: usize = 12;
/// Bytes of the cipher's tag, which ends its output.
pub(crate) const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 8;
const SUITE: &[u8; 8] = b"AES_GCM_";

/// How much longer a ciphertext is than what it hides.
pub const OVERHEAD_BYTES: usize =
    POINT_BYTES + 2 * MASK_BYTES + SUITE.len() + 6 * LENGTH_BYTES + TAG_BYTES + NONCE_BYTES;
/// Longest ciphertext that is made or read; the chain takes 5,000 bytes for weights and 1,024 in a commitment.
pub const CIPHERTEXT_BYTES_MAX: usize = 65_536;

/// Why bytes are no ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// More bytes than any ciphertext has.
    #[error("{bytes} bytes are no timelock ciphertext; at most 65536 are read")]
    TooLong {
        /// How many there were.
        bytes: usize,
    },
    /// The bytes end before a part does.
    #[error("the timelock ciphertext is cut off in its {part}; fetch it again")]
    CutOff {
        /// Which part.
        part: &'static str,
    },
    /// A part has a length that it cannot have.
    #[error("the timelock ciphertext's {part} is said to have {length} bytes, not {demanded}; it is damaged")]
    Length {
        /// Which part.
        part: &'static str,
        /// What its length field says.
        length: u64,
        /// What it must be.
        demanded: usize,
    },
    /// The cipher is another one.
    #[error("the timelock ciphertext names another cipher than AES_GCM_; this program cannot open it")]
    Suite,
    /// Something follows the end.
    #[error("{bytes} bytes follow the end of the timelock ciphertext; it is damaged")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// A ciphertext taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) point: &'a [u8; POINT_BYTES],
    pub(crate) masked_sigma: &'a [u8; MASK_BYTES],
    pub(crate) masked_key: &'a [u8; MASK_BYTES],
    pub(crate) encrypted: &'a [u8],
    pub(crate) nonce: &'a [u8; NONCE_BYTES],
}

/// Puts a ciphertext together.
pub(crate) fn write(parts: &Parts<'_>) -> Vec<u8> {
    let body = parts.encrypted.len() + 2 * LENGTH_BYTES + NONCE_BYTES;
    let mut out = Vec::with_capacity(OVERHEAD_BYTES + parts.encrypted.len());
    out.extend_from_slice(parts.point);
    push(&mut out, parts.masked_sigma);
    push(&mut out, parts.masked_key);
    out.extend_from_slice(&(body as u64).to_le_bytes());
    push(&mut out, parts.encrypted);
    push(&mut out, parts.nonce);
    push(&mut out, SUITE);
    out
}

fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_le_bytes());
    out.extend_from_slice(part);
}

/// Takes a ciphertext apart; nothing is copied.
pub(crate) fn read(bytes: &[u8]) -> Result<Parts<'_>, LayoutError> {
    if bytes.len() > CIPHERTEXT_BYTES_MAX {
        return Err(LayoutError::TooLong { bytes: bytes.len() });
    }
    let mut input = bytes;
    let point = fixed(&mut input, "point")?;
    let masked_sigma = sized(&mut input, "first mask")?;
    let masked_key = sized(&mut input, "second mask")?;
    let mut body = counted(&mut input, "body")?;
    let suite: &[u8; 8] = sized(&mut input, "cipher name")?;
    if suite != SUITE {
        return Err(LayoutError::Suite);
    }
    let encrypted = counted(&mut body, "message")?;
    let nonce = sized(&mut body, "nonce")?;
    match input.len() + body.len() {
        0 => Ok(Parts { point, masked_sigma, masked_key, encrypted, nonce }),
        bytes => Err(LayoutError::Trailing { bytes }),
    }
}

fn fixed<'a, const N: usize>(input: &mut &'a [u8], part: &'static str) -> Result<&'a [u8; N], LayoutError> {
    let (head, rest) = input.split_first_chunk().ok_or(LayoutError::CutOff { part })?;
    *input = rest;
    Ok(head)
}

/// A length field that must say `N`, and what follows it.
fn sized<'a, const N: usize>(input: &mut &'a [u8], part: &'static str) -> Result<&'a [u8; N], LayoutError> {
    let length = u64::from_le_bytes(*fixed(input, part)?);
    if length != N as u64 {
        return Err(LayoutError::Length { part, length, demanded: N });
    }
    fixed(input, part)
}

/// A length field and as many bytes.
fn counted<'a>(input: &mut &'a [u8], part: &'static str) -> Result<&'a [u8], LayoutError> {
    let length = u64::from_le_bytes(*fixed(input, part)?);
    let length = usize::try_from(length).map_err(|_| LayoutError::CutOff { part })?;
    let (head, rest) = input.split_at_checked(length).ok_or(LayoutError::CutOff { part })?;
    *input = rest;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        write(&Parts {
            point: &[1; 96],
            masked_sigma: &[2; 32],
            masked_key: &[3; 32],
            encrypted: &[4; 20],
            nonce: &[5; 12],
        })
    }

    #[test]
    fn the_overhead_is_244_bytes() {
        // Chain interface, section 5.3: total = plaintext + 244; the tag is 16 of the 20 encrypted bytes here.
        assert_eq!(OVERHEAD_BYTES, 244);
        assert_eq!(sample().len(), 4 + OVERHEAD_BYTES);
    }

    #[test]
    fn every_cut_and_every_wrong_length_is_noticed() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in [96, 136, 176, 184, 212, 232] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(read(&wrong).is_err(), "length at {at}");
            wrong[at + 7] = 0xff;
            assert!(read(&wrong).is_err(), "huge length at {at}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(read(&longer).err(), Some(LayoutError::Trailing { bytes: 1 }));
        assert!(matches!(read(&vec![0; CIPHERTEXT_BYTES_MAX + 1]).err(), Some(LayoutError::TooLong { .. })));
    }
}
