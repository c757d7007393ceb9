//! Hotkeys and coldkeys as different types, their SS58 text, and what it takes to sign.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use blake2::{Blake2b512, Digest as _};
use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// SS58 network prefix of Bittensor (`System.SS58Prefix`).
pub const SS58_PREFIX: u8 = 42;

/// Signing context of sr25519 in Substrate; every wallet of the ecosystem uses it.
const SIGNING_CONTEXT: &[u8] = b"substrate";

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no SS58 address with prefix 42: {reason}; check it for typing errors")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

macro_rules! account {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The public key's bytes, which are also the account id.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                by_bytes(&self.0, &other.0)
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&ss58_encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                ss58_decode(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The order of the bytes. Eight of them decide nearly always, without the call that comparing arrays costs: maps of
/// accounts are what a simulated block spends most of its time in.
#[inline]
fn by_bytes(a: &[u8; 32], b: &[u8; 32]) -> Ordering {
    let head = |bytes: &[u8; 32]| bytes.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    head(a).cmp(&head(b)).then_with(|| a.cmp(b))
}

account!(
    /// Identity of a neuron: signs manifests, records and weights. Holds no money.
    Hotkey
);
account!(
    /// Owner of funds and hotkeys. Never needed by a running miner or validator.
    Coldkey
);

/// An sr25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..4]))
    }
}

impl Signature {
    /// Whether `hotkey` signed `message`.
    #[must_use]
    pub fn verifies(&self, hotkey: &Hotkey, message: &[u8]) -> bool {
        let Ok(public) = schnorrkel::PublicKey::from_bytes(&hotkey.0) else {
            return false;
        };
        let Ok(signature) = schnorrkel::Signature::from_bytes(&self.0) else {
            return false;
        };
        public.verify_simple(SIGNING_CONTEXT, message, &signature).is_ok()
    }
}

/// Something that can sign as a hotkey: an unlocked key, or a remote signer.
pub trait Signer: Send + Sync {
    /// Whose signatures these are.
    fn hotkey(&self) -> Hotkey;

    /// Signs `message` under Substrate's sr25519 context.
    fn sign(&self, message: &[u8]) -> Signature;
}

fn ss58_checksum(payload: &[u8]) -> [u8; 2] {
    let hash = Blake2b512::new().chain_update(b"SS58PRE").chain_update(payload).finalize();
    [hash[0], hash[1]]
}

fn ss58_encode(key: &[u8; 32]) -> String {
    let mut bytes = Vec::with_capacity(35);
    bytes.push(SS58_PREFIX);
    bytes.extend_from_slice(key);
    let checksum = ss58_checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bs58::encode(bytes).into_string()
}

fn ss58_decode(text: &str) -> Result<[u8; 32], AddressError> {
    let fail = |reason| AddressError { text: text.chars().take(64).collect(), reason };
    if text.len() > 64 {
        return Err(fail("too long"));
    }
    let bytes = bs58::decode(text).into_vec().map_err(|_| fail("not base 58"))?;
    if bytes.len() != 35 {
        return Err(fail("wrong length"));
    }
    if bytes[0] != SS58_PREFIX {
        return Err(fail("another network's prefix"));
    }
    if ss58_checksum(&bytes[..33]) != bytes[33..] {
        return Err(fail("checksum differs"));
    }
    let mut key = [0; 32];
    key.copy_from_slice(&bytes[1..33]);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn alice_is_alice() {
        let alice: Hotkey = ALICE.parse().unwrap();
        assert_eq!(hex::encode(alice.0), "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
        assert_eq!(alice.to_string(), ALICE);
    }

    #[test]
    fn a_typing_error_is_seen() {
        let wrong = ALICE.replace("HGK", "HGJ");
        assert!(wrong.parse::<Coldkey>().is_err());
        assert!("".parse::<Coldkey>().is_err());
        assert!("0OIl".parse::<Coldkey>().is_err());
    }

    #[test]
    fn accounts_are_ordered_as_their_bytes() {
        // Differences at every place, in both directions, with the other places equal or opposed.
        let base = [0x80; 32];
        for (place, (up, other)) in (0..32).flat_map(|place| [(place, (0x81, 0)), (place, (0xff, 0x7f))]) {
            let mut bytes = base;
            bytes[place] = up;
            bytes[place + 1..].fill(other);
            assert_eq!(Hotkey(bytes).cmp(&Hotkey(base)), bytes.cmp(&base));
            assert_eq!(Hotkey(base).cmp(&Hotkey(bytes)), base.cmp(&bytes));
            assert_eq!(Coldkey(base).partial_cmp(&Coldkey(bytes)), Some(Ordering::Less));
        }
        assert_eq!(Hotkey(base).cmp(&Hotkey(base)), Ordering::Equal);
    }

    #[test]
    fn signatures_bind_message_and_key() {
        let pair = schnorrkel::MiniSecretKey::from_bytes(&[7; 32])
            .unwrap()
            .expand_to_keypair(schnorrkel::ExpansionMode::Ed25519);
        let hotkey = Hotkey(pair.public.to_bytes());
        let signature = Signature(pair.sign_simple(SIGNING_CONTEXT, b"message").to_bytes());
        assert!(signature.verifies(&hotkey, b"message"));
        assert!(!signature.verifies(&hotkey, b"massage"));
        assert!(!signature.verifies(&Hotkey([9; 32]), b"message"));
        assert!(!Signature([0; 64]).verifies(&hotkey, b"message"));
    }
}
