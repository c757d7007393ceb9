//! What a timelocked commit of weights hides (chain interface, section 5.3).

use codec::{Decode, Encode};

/// Most weights of one commit: a subnet has at most 256 neurons, and uids have sixteen bits.
const WEIGHTS_MAX: usize = 4_096;

/// Why bytes are no weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The SCALE encoding does not hold.
    #[error("the opened commit is no weights payload; it was made by another program")]
    Malformed,
    /// The public key is not 32 bytes.
    #[error("the opened commit's hotkey has {bytes} bytes, not 32")]
    Hotkey {
        /// How many it has.
        bytes: usize,
    },
    /// Uids and values differ in number, or there are too many.
    #[error(
        "the opened commit has {uids} uids and {values} values; the numbers must be equal and at most 4096"
    )]
    Lengths {
        /// How many uids.
        uids: usize,
        /// How many values.
        values: usize,
    },
}

/// Weights with who set them, so that nobody can commit a copy of another's ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsPayload {
    /// Public key of the hotkey that commits.
    pub hotkey: [u8; 32],
    /// Slots.
    pub uids: Vec<u16>,
    /// Their weights; 65535 is the largest.
    pub values: Vec<u16>,
    /// The version key, as in `set_weights`.
    pub version_key: u64,
}

impl WeightsPayload {
    /// The SCALE bytes of (hotkey as a byte vector, uids, values, version key).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        (self.hotkey.to_vec(), &self.uids, &self.values, self.version_key).encode()
    }

    /// Reads [`encode`](Self::encode)'s bytes; bytes after the end are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let input = &mut &bytes[..];
        let fields = <(Vec<u8>, Vec<u16>, Vec<u16>, u64)>::decode(input);
        let (hotkey, uids, values, version_key) = fields.map_err(|_| PayloadError::Malformed)?;
        if !input.is_empty() {
            return Err(PayloadError::Malformed);
        }
        if uids.len() != values.len() || uids.len() > WEIGHTS_MAX {
            return Err(PayloadError::Lengths { uids: uids.len(), values: values.len() });
        }
        let hotkey = hotkey.try_into().map_err(|key: Vec<u8>| PayloadError::Hotkey { bytes: key.len() })?;
        Ok(Self { hotkey, uids, values, version_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_one_that_was_measured() {
        // Chain interface, section 5.3: 33 + 1 + 2n + 1 + 2n + 8 bytes for n < 64.
        let payload = WeightsPayload {
            hotkey: [1; 32],
            uids: vec![0, 1, 2],
            values: vec![1, 2, 65535],
            version_key: 7,
        };
        assert_eq!(payload.encode().len(), 33 + 1 + 6 + 1 + 6 + 8);
        assert_eq!(payload.encode()[0], 0x80);
        assert_eq!(WeightsPayload::decode(&payload.encode()), Ok(payload));
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(WeightsPayload::decode(&[]), Err(PayloadError::Malformed));
        let short = (vec![1u8; 31], vec![1u16], vec![1u16], 0u64).encode();
        assert_eq!(WeightsPayload::decode(&short), Err(PayloadError::Hotkey { bytes: 31 }));
        let uneven = (vec![1u8; 32], vec![1u16], Vec::<u16>::new(), 0u64).encode();
        assert_eq!(WeightsPayload::decode(&uneven), Err(PayloadError::Lengths { uids: 1, values: 0 }));
    }
}
