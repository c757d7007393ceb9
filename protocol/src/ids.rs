//! Newtypes for every chain and protocol quantity, so that a window can never be passed for a block.

use std::fmt;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            Encode, Decode, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// `self + n`, or `None` on overflow.
            #[must_use]
            pub fn checked_add(self, n: $inner) -> Option<Self> {
                self.0.checked_add(n).map(Self)
            }

            /// `self - n`, stopping at zero.
            #[must_use]
            pub fn saturating_sub(self, n: $inner) -> Self {
                Self(self.0.saturating_sub(n))
            }

            /// `self + n`, stopping at the largest value.
            #[must_use]
            pub fn saturating_add(self, n: $inner) -> Self {
                Self(self.0.saturating_add(n))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

quantity!(
    /// Height of a block. Subtensor's pallets count blocks in 64 bits.
    BlockNumber(u64)
);
quantity!(
    /// A round on the block clock: `window = block / blocks_per_window` (training protocol, section 3).
    Window(u64)
);
quantity!(
    /// Slot of a neuron on a subnet. Slots change hands; the hotkey is the identity.
    Uid(u16)
);
quantity!(
    /// Number of a subnet.
    NetUid(u16)
);
quantity!(
    /// TAO in parts of 10⁻⁹.
    Rao(u64)
);
quantity!(
    /// A subnet's alpha in parts of 10⁻⁹. Which subnet is said by the context that carries it.
    Alpha(u64)
);

impl BlockNumber {
    /// The window that this block belongs to.
    ///
    /// ```
    /// # use sn3_protocol::{BlockNumber, Window};
    /// assert_eq!(BlockNumber(344).window(115), Window(2));
    /// ```
    #[must_use]
    pub fn window(self, blocks_per_window: u64) -> Window {
        Window(self.0 / blocks_per_window.max(1))
    }
}

impl Window {
    /// The first block of this window.
    #[must_use]
    pub fn first_block(self, blocks_per_window: u64) -> BlockNumber {
        BlockNumber(self.0.saturating_mul(blocks_per_window))
    }

    /// The window after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.saturating_add(1)
    }
}

/// Name of a training run: 1 to 64 characters of `[a-z0-9-]`, since it is part of object keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

/// Why a text is no run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("run id {0:?} is not 1 to 64 characters of a-z, 0-9 and '-'; choose another name")]
pub struct RunIdError(String);

impl RunId {
    /// Longest run id in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Checks and wraps a name.
    pub fn new(name: impl Into<String>) -> Result<Self, RunIdError> {
        let name = name.into();
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > Self::BYTES_MAX || !name.bytes().all(legal) {
            return Err(RunIdError(name));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Decode for RunId {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let name = String::decode(input)?;
        Self::new(name).map_err(|_| "illegal run id".into())
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_partition_the_block_line() {
        for block in 0..1000 {
            let window = BlockNumber(block).window(115);
            assert!(window.first_block(115) <= BlockNumber(block));
            assert!(BlockNumber(block) < window.next().first_block(115));
        }
    }

    #[test]
    fn run_ids_that_could_escape_a_key_are_refused() {
        for bad in ["", "../x", "A", "a/b", &"x".repeat(65)] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
        assert!(RunId::new("covenant-72b").is_ok());
    }
}
