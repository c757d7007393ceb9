//! What the wallet commands do, as plain data: list, regenerate, sign, verify, balances.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, Rao, Signature};

use super::{KeySource, Wallet, WalletError, checked, disk, io, legacy, seal};
use crate::client::StakePosition;
use crate::{BlockRef, ChainClient, ColdkeyPair, HotkeyPair, ReadError};

/// Wallets of one directory that are listed.
const WALLETS_MAX: usize = 10_000;

/// How a keyfile keeps its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyfileFormat {
    /// In the clear.
    Plain,
    /// NaCl secretbox under an Argon2i key: what is written today.
    Nacl,
    /// Ansible Vault, of old wallets.
    AnsibleVault,
    /// Fernet, of the oldest ones.
    Fernet,
}

impl KeyfileFormat {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            bytes if seal::is_sealed(bytes) => Self::Nacl,
            bytes if legacy::is_vault(bytes) => Self::AnsibleVault,
            bytes if legacy::is_fernet(bytes) => Self::Fernet,
            _ => Self::Plain,
        }
    }
}

/// One wallet of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletReport {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// The coldkey's address; none where its public file is missing or damaged.
    pub coldkey: Option<Coldkey>,
    /// How the coldkey lies on this machine; none where only its public part is here.
    pub coldkey_format: Option<KeyfileFormat>,
    /// The hotkeys in alphabetical order.
    pub hotkeys: Vec<HotkeyReport>,
    /// Private files that others could read, or directories that others could enter.
    pub exposed: Vec<PathBuf>,
    /// Why the wallet cannot be looked at, when it cannot.
    pub problem: Option<String>,
}

/// One hotkey of a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotkeyReport {
    /// Its name.
    pub name: String,
    /// Its address; none where it cannot be read without a password.
    pub address: Option<Hotkey>,
}

/// A signature over a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureReport {
    /// Who signed.
    pub address: String,
    /// 64 bytes of sr25519 in hexadecimal digits.
    pub signature: String,
}

/// What one coldkey owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceReport {
    /// Whose.
    pub coldkey: Coldkey,
    /// Free TAO in rao.
    pub free: Rao,
    /// Everything that is staked, valued at the prices of the block, in rao.
    pub staked: Rao,
    /// The same by subnet and hotkey.
    pub stakes: Vec<StakePosition>,
    /// As of this block.
    pub block: BlockRef,
}

impl BalanceReport {
    /// Free and staked together, in rao.
    #[must_use]
    pub fn total(&self) -> Rao {
        self.free.saturating_add(self.staked.0)
    }
}

/// The wallets under a directory, in alphabetical order. Nothing is unlocked; one that cannot be looked at says why.
pub fn list(root: &Path) -> Result<Vec<WalletReport>, WalletError> {
    let entries = std::fs::read_dir(root).map_err(|error| io(root, &error))?;
    let mut names: Vec<String> = entries
        .take(WALLETS_MAX)
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir())?.file_name().into_string().ok())
        .filter(|name| checked(name).is_ok())
        .collect();
    names.sort();
    names.iter().map(|name| Ok(Wallet::open(root, name)?.report_or_problem(name))).collect()
}

impl Wallet {
    /// What can be said of a wallet without unlocking it.
    pub fn report(&self, name: &str) -> Result<WalletReport, WalletError> {
        let hotkeys = self.hotkeys()?.into_iter();
        let address = |name: String| HotkeyReport { address: self.hotkey_public(&name).ok(), name };
        Ok(WalletReport {
            name: name.to_owned(),
            path: self.dir().to_owned(),
            coldkey: self.coldkey_public().ok(),
            coldkey_format: self.coldkey_format()?,
            hotkeys: hotkeys.map(address).collect(),
            exposed: self.exposed()?,
            problem: None,
        })
    }

    /// A report that says why there is none.
    fn report_or_problem(&self, name: &str) -> WalletReport {
        self.report(name).unwrap_or_else(|error| WalletReport {
            name: name.to_owned(),
            path: self.dir().to_owned(),
            coldkey: self.coldkey_public().ok(),
            coldkey_format: None,
            hotkeys: Vec::new(),
            exposed: Vec::new(),
            problem: Some(error.to_string()),
        })
    }

    /// How the coldkey lies on this machine; `None` where only its public part is here, as on a machine that mines or
    /// validates it should be.
    pub fn coldkey_format(&self) -> Result<Option<KeyfileFormat>, WalletError> {
        let path = self.coldkey_path();
        if !path.exists() {
            return Ok(None);
        }
        disk::read_as_is(&path)
            .map(|bytes| Some(KeyfileFormat::of(&bytes)))
            .map_err(|error| io(&path, &error))
    }

    /// Private files and directories whose mode lets others in.
    pub fn exposed(&self) -> Result<Vec<PathBuf>, WalletError> {
        let hotkeys = self.dir().join("hotkeys");
        let mut paths = vec![self.dir().to_owned(), self.coldkey_path(), hotkeys.clone()];
        paths.extend(self.hotkeys()?.into_iter().map(|name| hotkeys.join(name)));
        let open = |path: &PathBuf| disk::is_shared(path).unwrap_or(false);
        Ok(paths.into_iter().filter(open).collect())
    }

    /// Takes from others what [`exposed`](Self::exposed) finds: 0600 for files, 0700 for directories.
    pub fn tighten(&self) -> Result<Vec<PathBuf>, WalletError> {
        let exposed = self.exposed()?;
        for path in &exposed {
            disk::make_private(path).map_err(|error| io(path, &error))?;
        }
        Ok(exposed)
    }
}

/// Makes a wallet's coldkey again from its phrase or seed; what exists is never overwritten.
pub fn regen(
    root: &Path,
    name: &str,
    coldkey: &KeySource,
    password: Option<&str>,
) -> Result<WalletReport, WalletError> {
    Wallet::create(root, name, coldkey, password)?.report(name)
}

/// Makes a hotkey again from its phrase or seed; what exists is never overwritten.
pub fn regen_hotkey(
    root: &Path,
    wallet: &str,
    name: &str,
    source: &KeySource,
) -> Result<WalletReport, WalletError> {
    let opened = Wallet::open(root, wallet)?;
    opened.create_hotkey(name, source)?;
    opened.report(wallet)
}

/// Makes a wallet that has only its coldkey's address: what a machine that mines or validates needs.
pub fn regen_public(root: &Path, name: &str, coldkey: Coldkey) -> Result<WalletReport, WalletError> {
    Wallet::create_public(root, name, coldkey)?.report(name)
}

/// Signs a message with a coldkey.
#[must_use]
pub fn sign_with_coldkey(pair: &ColdkeyPair, message: &[u8]) -> SignatureReport {
    SignatureReport { address: pair.public().to_string(), signature: hex::encode(pair.0.sign(message)) }
}

/// Signs a message with a hotkey.
#[must_use]
pub fn sign_with_hotkey(pair: &HotkeyPair, message: &[u8]) -> SignatureReport {
    SignatureReport { address: pair.public().to_string(), signature: hex::encode(pair.0.sign(message)) }
}

/// Whether an address signed a message. A message that browser wallets wrapped in `<Bytes>` counts too.
#[must_use]
pub fn verify(address: &Hotkey, message: &[u8], signature: &[u8; 64]) -> bool {
    let wrapped = [b"<Bytes>", message, b"</Bytes>"].concat();
    let signature = Signature(*signature);
    signature.verifies(address, message) || signature.verifies(address, &wrapped)
}

/// Free and staked TAO of coldkeys, all at one block.
pub async fn balances(client: &ChainClient, coldkeys: &[Coldkey]) -> Result<Vec<BalanceReport>, ReadError> {
    let block = client.head().await?;
    let one = |coldkey: &Coldkey| {
        let coldkey = *coldkey;
        async move {
            let (free, stakes) =
                futures::try_join!(client.balance(&coldkey, block), client.stakes(&coldkey, block))?;
            let staked = stakes.iter().fold(0u64, |sum, stake| sum.saturating_add(stake.value.0));
            Ok(BalanceReport { coldkey, free, staked: Rao(staked), stakes, block })
        }
    };
    futures::future::try_join_all(coldkeys.iter().map(one)).await
}
