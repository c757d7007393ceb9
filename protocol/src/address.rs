//! Where a node's objects lie: the typed, versioned record that its hotkey commits on chain.

use serde::{Deserialize, Serialize};

/// Address of an object store, e.g. `https://host/bucket/prefix`, `s3://bucket/prefix?endpoint=…` or `file:///path`.
///
/// Encoded: one version byte (1), then the URL in UTF-8. At most 128 bytes, which is the largest field that the
/// chain's Commitments pallet takes (chain interface, section 5.1). Never a secret: the record is public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoreAddress {
    url: String,
}

/// Why bytes or a text are no store address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreAddressError {
    /// Nothing there.
    #[error("the store address is empty; give a folder or a URL")]
    Empty,
    /// Too long for the chain.
    #[error("the store address has {0} bytes; the chain takes {max}: use a shorter path or prefix", max = StoreAddress::URL_BYTES_MAX)]
    TooLong(usize),
    /// Control characters, spaces or other bytes that no URL has.
    #[error("the store address has a byte 0x{0:02x}, which no URL has; percent-encode it")]
    Character(u8),
    /// A version that this release does not know.
    #[error("the committed store address has version {0}; this release reads version 1: upgrade")]
    Version(u8),
}

impl StoreAddress {
    /// Longest encoded address.
    pub const BYTES_MAX: usize = 128;
    /// Longest URL.
    pub const URL_BYTES_MAX: usize = Self::BYTES_MAX - 1;
    const VERSION: u8 = 1;

    /// Checks and wraps a URL.
    pub fn new(url: impl Into<String>) -> Result<Self, StoreAddressError> {
        let url = url.into();
        if url.is_empty() {
            return Err(StoreAddressError::Empty);
        }
        if url.len() > Self::URL_BYTES_MAX {
            return Err(StoreAddressError::TooLong(url.len()));
        }
        match url.bytes().find(|byte| !byte.is_ascii_graphic()) {
            Some(byte) => Err(StoreAddressError::Character(byte)),
            None => Ok(Self { url }),
        }
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bytes that are committed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![Self::VERSION];
        bytes.extend_from_slice(self.url.as_bytes());
        bytes
    }

    /// Reads committed bytes; a peer wrote them, so anything may stand there.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreAddressError> {
        let Some((version, url)) = bytes.split_first() else { return Err(StoreAddressError::Empty) };
        if *version != Self::VERSION {
            return Err(StoreAddressError::Version(*version));
        }
        if let Some(byte) = url.iter().find(|byte| !byte.is_ascii_graphic()) {
            return Err(StoreAddressError::Character(*byte));
        }
        Self::new(String::from_utf8_lossy(url))
    }
}

impl TryFrom<String> for StoreAddress {
    type Error = StoreAddressError;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        Self::new(url)
    }
}

impl From<StoreAddress> for String {
    fn from(address: StoreAddress) -> Self {
        address.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_chain() {
        let address =
            StoreAddress::new("s3://sn3/miner-1?endpoint=http://store:8333&region=us-east-1").unwrap();
        let bytes = address.encode();
        assert!(bytes.len() <= StoreAddress::BYTES_MAX);
        assert_eq!(StoreAddress::decode(&bytes), Ok(address));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(StoreAddress::decode(&[]), Err(StoreAddressError::Empty));
        assert_eq!(StoreAddress::decode(&[1]), Err(StoreAddressError::Empty));
        assert_eq!(StoreAddress::decode(&[2, b'x']), Err(StoreAddressError::Version(2)));
        assert_eq!(StoreAddress::decode(&[1, 0xff]), Err(StoreAddressError::Character(0xff)));
        assert_eq!(StoreAddress::new("a b"), Err(StoreAddressError::Character(b' ')));
        assert_eq!(StoreAddress::new("x".repeat(128)), Err(StoreAddressError::TooLong(128)));
    }
}
