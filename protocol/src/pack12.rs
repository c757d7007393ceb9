//! The reference's index packing: two 12-bit indices in three bytes (training protocol, section 1.6).
//!
//! Our own payloads code indices in fewer bits ([`crate::wire`]); this is what a reader of the reference's
//! objects needs, and what its vectors are held to.

/// Indices are below this: 64 × 64 positions.
pub const INDEX_END: u16 = 1 << 12;

/// Why indices or bytes are no packing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pack12Error {
    /// Indices go in pairs.
    #[error("{0} indices cannot be packed in pairs; keep an even number in each chunk")]
    Odd(usize),
    /// Twelve bits do not hold it.
    #[error("index {0} does not fit 12 bits; chunks have at most 4,096 positions")]
    TooLarge(u16),
    /// Pairs take three bytes each.
    #[error("{0} bytes are no packed indices: every pair takes three; the object is cut off")]
    Length(usize),
}

/// Packs pairs `(i0, i1)` as `i0 & 255`, `i0 >> 8 | (i1 & 15) << 4`, `i1 >> 4`.
///
/// By hand: 0x123 and 0xabc become 23, 1 | c0, ab.
///
/// ```
/// # use sn3_protocol::pack12::pack;
/// assert_eq!(pack(&[0x123, 0xabc]), Ok(vec![0x23, 0xc1, 0xab]));
/// assert!(pack(&[1, 2, 3]).is_err() && pack(&[4096, 0]).is_err());
/// ```
///
/// # Errors
/// If the number of indices is odd or one of them is 4,096 or more.
pub fn pack(indices: &[u16]) -> Result<Vec<u8>, Pack12Error> {
    if !indices.len().is_multiple_of(2) {
        return Err(Pack12Error::Odd(indices.len()));
    }
    if let Some(&index) = indices.iter().find(|&&index| index >= INDEX_END) {
        return Err(Pack12Error::TooLarge(index));
    }
    let bytes = |pair: &[u16]| {
        let (low, high) = (pair[0], pair[1]);
        [low as u8, (low >> 8) as u8 | ((high & 15) << 4) as u8, (high >> 4) as u8]
    };
    Ok(indices.chunks_exact(2).flat_map(bytes).collect())
}

/// The indices in order, two for every three bytes; the inverse of [`pack`].
///
/// # Errors
/// If three does not divide the number of bytes.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u16>, Pack12Error> {
    if !bytes.len().is_multiple_of(3) {
        return Err(Pack12Error::Length(bytes.len()));
    }
    let pair = |triple: &[u8]| {
        let [first, middle, last] = [triple[0], triple[1], triple[2]].map(u16::from);
        [first | ((middle & 15) << 8), (middle >> 4) | (last << 4)]
    };
    Ok(bytes.chunks_exact(3).flat_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_packing_is_refused() {
        assert_eq!(pack(&[1, 2, 3]), Err(Pack12Error::Odd(3)));
        assert_eq!(pack(&[0, 4096]), Err(Pack12Error::TooLarge(4096)));
        assert_eq!(unpack(&[0; 4]), Err(Pack12Error::Length(4)));
    }

    proptest! {
        #[test]
        fn indices_and_bytes_are_one_to_one(bytes in prop::collection::vec(any::<[u8; 3]>(), 0..100)) {
            let bytes = bytes.concat();
            prop_assert_eq!(pack(&unpack(&bytes).unwrap()).unwrap(), bytes);
        }
    }
}
