//! Key pairs: where they come from, and the two kinds that are never confused.

use std::fmt;

use bip39::{Language, Mnemonic};
use rand::TryRngCore;
use schnorrkel::context::{attach_rng, signing_context};
use schnorrkel::{ExpansionMode, Keypair, MiniSecretKey};
use sn3_protocol::{Coldkey, Hotkey, Signature, Signer};
use sp_core::Pair as _;
use zeroize::Zeroizing;

/// Signing context of sr25519 in Substrate.
const SIGNING_CONTEXT: &[u8] = b"substrate";

/// Bytes of entropy behind a phrase of twelve words.
const ENTROPY_BYTES: usize = 16;

/// Why there is no key pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The words are no BIP39 phrase.
    #[error("these {words} words are no BIP39 phrase: {reason}; compare them with your backup")]
    Phrase {
        /// How many words there were.
        words: usize,
        /// What is wrong, without quoting any of them.
        reason: &'static str,
    },
    /// The text after the phrase is no derivation path that a keyfile can hold.
    #[error(
        "the secret key URI is not usable: {reason}; give something like //Alice, or a phrase followed by //path"
    )]
    Uri {
        /// What is wrong, without quoting it.
        reason: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes, so no key can be made")]
    Entropy,
}

/// Where a key pair comes from. Its secret is wiped from memory when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySource {
    seed: Zeroizing<[u8; 32]>,
    phrase: Option<Zeroizing<String>>,
}

impl KeySource {
    /// A new random phrase of twelve words.
    pub fn generate() -> Result<Self, KeyError> {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        rand::rngs::OsRng.try_fill_bytes(entropy.as_mut()).map_err(|_| KeyError::Entropy)?;
        let phrase =
            Mnemonic::from_entropy_in(Language::English, entropy.as_ref()).expect("16 bytes are legal");
        Self::phrase(&Zeroizing::new(phrase.to_string()))
    }

    /// A BIP39 phrase in English of 12, 15, 18, 21 or 24 words, stretched as Substrate does:
    /// PBKDF2 over the entropy, not over the words (chain interface, section 9).
    pub fn phrase(words: &str) -> Result<Self, KeyError> {
        let words = Zeroizing::new(words.split_whitespace().collect::<Vec<_>>().join(" "));
        let reason = match Mnemonic::parse_in(Language::English, words.as_str()) {
            Ok(_) => "it cannot be stretched",
            Err(bip39::Error::BadWordCount(_)) => "a phrase has 12, 15, 18, 21 or 24 words",
            Err(bip39::Error::UnknownWord(_)) => "one is not in the English list",
            Err(bip39::Error::InvalidChecksum) => "the checksum differs, so a word is wrong or out of place",
            Err(_) => "it is not in English BIP39",
        };
        let fail = |_| KeyError::Phrase { words: words.split_whitespace().count(), reason };
        let (_, seed) = sp_core::sr25519::Pair::from_phrase(&words, None).map_err(fail)?;
        Ok(Self { seed: Zeroizing::new(seed), phrase: Some(words) })
    }

    /// The 32 bytes of a mini-secret key.
    #[must_use]
    pub fn seed(seed: [u8; 32]) -> Self {
        Self { seed: Zeroizing::new(seed), phrase: None }
    }

    /// A secret key URI: an optional phrase or 0x-seed, then hard junctions, e.g. `//Alice`.
    ///
    /// Without a phrase it hangs off Substrate's public development phrase: worth nothing on a real network.
    pub fn uri(uri: &str) -> Result<Self, KeyError> {
        let fail = |_| KeyError::Uri { reason: "it is not a phrase, a 0x-seed or a path" };
        let (_, seed) = sp_core::sr25519::Pair::from_string_with_seed(uri, None).map_err(fail)?;
        let soft = KeyError::Uri { reason: "a soft junction (one slash) leaves no seed to keep" };
        Ok(Self::seed(seed.ok_or(soft)?))
    }

    /// Whatever a person keeps as a backup: a phrase, a seed of 64 hexadecimal digits with or without `0x`, or a secret
    /// key URI with hard junctions.
    ///
    /// ```
    /// use sn3_chain::{ColdkeyPair, KeySource};
    ///
    /// let alice = KeySource::parse("//Alice\n")?;
    /// let seed = KeySource::parse("0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")?;
    /// assert_eq!(ColdkeyPair::new(&alice).public(), ColdkeyPair::new(&seed).public());
    /// # Ok::<(), sn3_chain::wallet::KeyError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut seed = Zeroizing::new([0; 32]);
        if hex::decode_to_slice(digits, seed.as_mut()).is_ok() {
            return Ok(Self { seed, phrase: None });
        }
        if text.contains('/') { Self::uri(text) } else { Self::phrase(text) }
    }

    /// The words, when this came from a phrase; to be shown once to whoever must write them down.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        self.phrase.as_ref().map(|phrase| phrase.as_str())
    }

    pub(super) fn seed_bytes(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(super) fn expand(&self) -> Keypair {
        MiniSecretKey::from_bytes(self.seed.as_ref())
            .expect("a mini-secret key is any 32 bytes")
            .expand_to_keypair(ExpansionMode::Ed25519)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource(secret)")
    }
}

/// An unlocked pair of either kind.
#[derive(Clone)]
pub(crate) struct Unlocked {
    keypair: Keypair,
    deterministic: bool,
}

impl Unlocked {
    fn new(source: &KeySource) -> Self {
        Self { keypair: source.expand(), deterministic: false }
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.keypair.public.to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let transcript = signing_context(SIGNING_CONTEXT).bytes(message);
        if self.deterministic {
            return self.keypair.sign(attach_rng(transcript, NoRandomness)).to_bytes();
        }
        self.keypair.sign(transcript).to_bytes()
    }
}

/// A source that adds nothing: the signature's nonce then depends on the secret key and the message only,
/// because schnorrkel mixes both into it before any randomness.
struct NoRandomness;

impl rand_core::RngCore for NoRandomness {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core::CryptoRng for NoRandomness {}

macro_rules! pair {
    ($(#[$doc:meta])* $name:ident, $public:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub(crate) Unlocked);

        impl $name {
            /// Unlocks the pair that a source stands for.
            #[must_use]
            pub fn new(source: &KeySource) -> Self {
                Self(Unlocked::new(source))
            }

            /// The pair of a secret key URI; see [`KeySource::uri`].
            pub fn from_uri(uri: &str) -> Result<Self, KeyError> {
                KeySource::uri(uri).map(|source| Self::new(&source))
            }

            /// The public key, which is also the account.
            #[must_use]
            pub fn public(&self) -> $public {
                $public(self.0.public())
            }

            /// Signs without outside randomness from now on, so that the same message gives the same bytes.
            ///
            /// For local networks whose blocks must be the same in every run. The nonce still depends on the
            /// secret key and the message; what is lost is the protection of fresh randomness against faults and
            /// side channels.
            #[must_use]
            pub fn with_deterministic_signatures(mut self) -> Self {
                self.0.deterministic = true;
                self
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, secret)"), self.public())
            }
        }
    };
}

pair!(
    /// An unlocked hotkey: signs manifests, records, commitments and weights. Owns no money.
    HotkeyPair,
    Hotkey
);
pair!(
    /// An unlocked coldkey: pays, registers and stakes. No running node needs one.
    ColdkeyPair,
    Coldkey
);

impl Signer for HotkeyPair {
    fn hotkey(&self) -> Hotkey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_accounts_have_their_well_known_addresses() {
        let known = [
            ("//Alice", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
            ("//Bob", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
            ("//Charlie", "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y"),
        ];
        for (uri, address) in known {
            assert_eq!(ColdkeyPair::from_uri(uri).unwrap().public().to_string(), address);
        }
    }

    #[test]
    fn deterministic_signatures_repeat_and_verify() {
        let pair = HotkeyPair::from_uri("//Alice").unwrap();
        let fixed = pair.clone().with_deterministic_signatures();
        assert_eq!(fixed.sign(b"message"), fixed.sign(b"message"));
        assert_ne!(fixed.sign(b"message"), fixed.sign(b"massage"));
        assert_ne!(pair.sign(b"message"), pair.sign(b"message"));
        for signature in [fixed.sign(b"message"), pair.sign(b"message")] {
            assert!(signature.verifies(&pair.hotkey(), b"message"));
        }
    }

    #[test]
    fn a_nonce_is_never_shared_between_messages() {
        // The first half of a signature is the nonce's commitment: were it equal, the secret key would be exposed.
        let fixed = HotkeyPair::from_uri("//Alice").unwrap().with_deterministic_signatures();
        assert_ne!(fixed.sign(b"one").0[..32], fixed.sign(b"two").0[..32]);
    }

    #[test]
    fn secrets_are_not_printed() {
        let source = KeySource::generate().unwrap();
        let shown = format!("{source:?} {:?} {:?}", HotkeyPair::new(&source), ColdkeyPair::new(&source));
        for word in source.words().unwrap().split(' ') {
            assert!(!shown.contains(&format!(" {word} ")), "{shown}");
        }
        assert!(!shown.contains(&hex::encode(source.seed_bytes())));
    }

    #[test]
    fn bad_words_are_refused_without_being_quoted() {
        let twelve = "abandon ".repeat(12);
        assert!(matches!(KeySource::phrase(&twelve), Err(KeyError::Phrase { words: 12, .. })));
        let error = KeySource::phrase("hunter2 abandon").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(KeySource::uri("//Alice/soft").is_err());
    }

    #[test]
    fn spaces_between_words_do_not_matter() {
        let clean = KeySource::generate().unwrap();
        let messy = format!("  {}\n", clean.words().unwrap().replace(' ', "  "));
        assert_eq!(KeySource::phrase(&messy).unwrap(), clean);
    }
}
