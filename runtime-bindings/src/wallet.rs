//! Wallets on disk, exactly as the ecosystem keeps them (chain interface, section 9).
//!
//! ```text
//! ~/.bittensor/wallets/NAME/coldkey            sealed with a password, or plain JSON
//! ~/.bittensor/wallets/NAME/coldkeypub.txt     plain JSON, no secret
//! ~/.bittensor/wallets/NAME/hotkeys/HOTKEY     plain JSON: nodes sign with it unattended
//! ~/.bittensor/wallets/NAME/hotkeys/HOTKEYpub.txt
//! ```

use std::path::{Path, PathBuf};

use sn3_protocol::{Coldkey, Hotkey};

mod commands;
mod disk;
mod keyfile;
mod legacy;
mod pair;
mod password;
mod seal;

pub use commands::{
    BalanceReport, HotkeyReport, KeyfileFormat, SignatureReport, WalletReport, balances, list, regen,
    regen_hotkey, regen_public, sign_with_coldkey, sign_with_hotkey, verify,
};
pub use password::{Password, PasswordSource, password_variable};

pub(crate) use pair::Unlocked;
pub use pair::{ColdkeyPair, HotkeyPair, KeyError, KeySource};
use seal::SealError;

/// Longest name of a wallet or hotkey, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Why a wallet cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// There is no home directory to look for wallets in.
    #[error("there is no home directory (HOME is not set); name the wallet directory")]
    NoHome,
    /// The name could leave the wallet directory.
    #[error("{name:?} is no name for a wallet or hotkey; use 1 to 64 letters, digits, '-', '_' or '.'")]
    BadName {
        /// What was given.
        name: String,
    },
    /// There is no such file.
    #[error("{path} does not exist; create it, or check the wallet's name and directory")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A key would be overwritten.
    #[error("{path} exists already, and keys are never overwritten; choose another name, or move it away")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is sealed and no password was given.
    #[error("{path} is sealed; give its password")]
    PasswordNeeded {
        /// The file.
        path: PathBuf,
    },
    /// The password does not open the file.
    #[error("the password does not open {path}; try again")]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged or of another kind.
    #[error("{path} is not usable: {reason}; restore it from its phrase")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without quoting any secret.
        reason: String,
    },
    /// A password variable is not what the ecosystem writes there.
    #[error(
        "the variable {name} holds no password as the official wallet writes it; set BT_WALLET_PASSWORD instead"
    )]
    BadVariable {
        /// Its name.
        name: String,
    },
    /// The operating system refused.
    #[error("{path}: {reason}; check permissions and the disk")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// 512 MiB of memory, which the key derivation needs, or randomness are not to be had.
    #[error(
        "sealing or opening {path} needs 512 MiB of memory and randomness, which the system did not give; free some"
    )]
    Resources {
        /// The file.
        path: PathBuf,
    },
}

/// A wallet directory: one coldkey and any number of hotkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    dir: PathBuf,
}

impl Wallet {
    /// `~/.bittensor/wallets`.
    pub fn default_root() -> Result<PathBuf, WalletError> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).ok_or(WalletError::NoHome)?;
        Ok(PathBuf::from(home).join(".bittensor").join("wallets"))
    }

    /// Whether [`create`](Self::create) would find the name usable and free; asked before somebody types a secret.
    pub fn check_new(root: &Path, name: &str) -> Result<(), WalletError> {
        let wallet = Self { dir: root.join(checked(name)?) };
        let path = wallet.coldkey_path();
        if path.exists() { Err(WalletError::Exists { path }) } else { Ok(()) }
    }

    /// Creates the wallet `root/name` with a coldkey, sealed when a password is given.
    ///
    /// Sealing takes some seconds and 512 MiB: the ecosystem's preset for keys that hold money.
    pub fn create(
        root: &Path,
        name: &str,
        coldkey: &KeySource,
        password: Option<&str>,
    ) -> Result<Self, WalletError> {
        let wallet = Self { dir: root.join(checked(name)?) };
        let path = wallet.coldkey_path();
        if path.exists() {
            return Err(WalletError::Exists { path });
        }
        let public = ColdkeyPair::new(coldkey).public();
        let text = keyfile::private(coldkey, &public.to_string());
        make_dir(&wallet.dir)?;
        match password {
            Some(password) => {
                let sealed = seal::seal(text.as_bytes(), password).map_err(|e| sealing(&path, e))?;
                write_new(&path, &sealed)?;
            }
            None => write_new(&path, text.as_bytes())?,
        }
        wallet.write_public(public)?;
        Ok(wallet)
    }

    /// Creates the wallet `root/name` with a coldkey's address and no secret.
    pub fn create_public(root: &Path, name: &str, coldkey: Coldkey) -> Result<Self, WalletError> {
        let wallet = Self { dir: root.join(checked(name)?) };
        let path = wallet.dir.join("coldkeypub.txt");
        if path.exists() || wallet.coldkey_path().exists() {
            return Err(WalletError::Exists { path });
        }
        make_dir(&wallet.dir)?;
        wallet.write_public(coldkey)?;
        Ok(wallet)
    }

    fn write_public(&self, coldkey: Coldkey) -> Result<(), WalletError> {
        let text = keyfile::public(coldkey.0, &coldkey.to_string());
        replace_public(&self.dir.join("coldkeypub.txt"), text.as_bytes())
    }

    /// Names an existing wallet directory; its keys are read when asked for.
    pub fn open(root: &Path, name: &str) -> Result<Self, WalletError> {
        let dir = root.join(checked(name)?);
        if dir.is_dir() { Ok(Self { dir }) } else { Err(WalletError::Missing { path: dir }) }
    }

    /// The wallet's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds a hotkey. Hotkeys lie in the clear: nodes sign with them unattended, and they hold no money.
    pub fn create_hotkey(&self, name: &str, source: &KeySource) -> Result<HotkeyPair, WalletError> {
        let path = self.hotkey_path(name)?;
        let pair = HotkeyPair::new(source);
        let address = pair.public().to_string();
        make_dir(&self.dir.join("hotkeys"))?;
        write_new(&path, keyfile::private(source, &address).as_bytes())?;
        let public = keyfile::public(pair.public().0, &address);
        replace_public(&self.dir.join("hotkeys").join(format!("{name}pub.txt")), public.as_bytes())?;
        Ok(pair)
    }

    /// Unlocks the coldkey.
    pub fn coldkey(&self, password: Option<&str>) -> Result<ColdkeyPair, WalletError> {
        unlock(&self.coldkey_path(), password).map(|source| ColdkeyPair::new(&source))
    }

    /// The coldkey's address, without unlocking it.
    pub fn coldkey_public(&self) -> Result<Coldkey, WalletError> {
        let path = self.dir.join("coldkeypub.txt");
        let text = read_public(&path)?;
        keyfile::read_public(&text).map(Coldkey).map_err(|reason| WalletError::Malformed { path, reason })
    }

    /// Whether the coldkey asks for a password.
    pub fn coldkey_is_sealed(&self) -> Result<bool, WalletError> {
        Ok(KeyfileFormat::of(&read(&self.coldkey_path())?) != KeyfileFormat::Plain)
    }

    /// Unlocks a hotkey; the rare sealed one asks for its password.
    pub fn hotkey(&self, name: &str, password: Option<&str>) -> Result<HotkeyPair, WalletError> {
        unlock(&self.hotkey_path(name)?, password).map(|source| HotkeyPair::new(&source))
    }

    /// The names of the hotkeys in alphabetical order.
    pub fn hotkeys(&self) -> Result<Vec<String>, WalletError> {
        let dir = self.dir.join("hotkeys");
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(&dir).map_err(|error| io(&dir, &error))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.ends_with("pub.txt") && checked(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The address of a hotkey, without its secret where a public file lies beside it.
    pub fn hotkey_public(&self, name: &str) -> Result<Hotkey, WalletError> {
        let path = self.dir.join("hotkeys").join(format!("{}pub.txt", checked(name)?));
        if !path.exists() {
            return self.hotkey(name, None).map(|pair| pair.public());
        }
        let text = read_public(&path)?;
        keyfile::read_public(&text).map(Hotkey).map_err(|reason| WalletError::Malformed { path, reason })
    }

    fn coldkey_path(&self) -> PathBuf {
        self.dir.join("coldkey")
    }

    fn hotkey_path(&self, name: &str) -> Result<PathBuf, WalletError> {
        Ok(self.dir.join("hotkeys").join(checked(name)?))
    }
}

/// A name that is one plain path component.
fn checked(name: &str) -> Result<&str, WalletError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let length = (1..=NAME_BYTES_MAX).contains(&name.len());
    if length && name.bytes().all(legal) && !name.starts_with('.') {
        return Ok(name);
    }
    Err(WalletError::BadName { name: name.chars().take(NAME_BYTES_MAX).collect() })
}

fn unlock(path: &Path, password: Option<&str>) -> Result<KeySource, WalletError> {
    let mut text = read(path)?;
    let format = KeyfileFormat::of(&text);
    if format != KeyfileFormat::Plain {
        let password = password.ok_or_else(|| WalletError::PasswordNeeded { path: path.into() })?;
        let opened = match format {
            KeyfileFormat::AnsibleVault => legacy::open_vault(&text, password),
            KeyfileFormat::Fernet => legacy::open_fernet(&text, password),
            _ => seal::open(&text, password),
        };
        text = opened.map_err(|error| sealing(path, error))?;
    }
    keyfile::read_private(&text).map_err(|reason| WalletError::Malformed { path: path.into(), reason })
}

fn sealing(path: &Path, error: SealError) -> WalletError {
    let path = path.to_path_buf();
    match error {
        SealError::WrongPassword => WalletError::WrongPassword { path },
        SealError::Truncated => WalletError::Malformed { path, reason: "it is cut off".into() },
        SealError::Entropy | SealError::Memory => WalletError::Resources { path },
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, WalletError> {
    disk::read(path).map_err(|error| io(path, &error))
}

fn read_public(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, WalletError> {
    disk::read_as_is(path).map_err(|error| io(path, &error))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), WalletError> {
    disk::write_new(path, bytes).map_err(|error| io(path, &error))
}

/// Public files hold nothing that could be lost, so a stale one gives way.
fn replace_public(path: &Path, bytes: &[u8]) -> Result<(), WalletError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(path, &error)),
        _ => write_new(path, bytes),
    }
}

fn make_dir(path: &Path) -> Result<(), WalletError> {
    disk::make_private_dir(path).map_err(|error| io(path, &error))
}

fn io(path: &Path, error: &std::io::Error) -> WalletError {
    let path = path.to_path_buf();
    match error.kind() {
        std::io::ErrorKind::NotFound => WalletError::Missing { path },
        std::io::ErrorKind::AlreadyExists => WalletError::Exists { path },
        _ => WalletError::Io { path, reason: error.to_string() },
    }
}
