//! Where passwords come from (chain interface, section 9).

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use zeroize::Zeroizing;

use super::WalletError;

/// Longest password that is read from a file or a descriptor.
const PASSWORD_BYTES_MAX: u64 = 4_096;
/// The password itself.
const PLAIN: &str = "BT_WALLET_PASSWORD";
/// A file that holds it.
const FILE: &str = "BT_WALLET_PASSWORD_FILE";
/// What the variable of one keyfile begins with.
const OF_KEYFILE: &str = "BT_PW_";

/// A password: wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password over; the text is wiped with it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for whoever derives a key from it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

/// Where to look for a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordSource {
    /// In the variables that the ecosystem knows, in its order: `BT_WALLET_PASSWORD`, the keyfile's own `BT_PW_…`,
    /// `BT_WALLET_PASSWORD_FILE`.
    #[default]
    Environment,
    /// In a file, without its last line break.
    File(PathBuf),
    /// In an open descriptor of this process, for launchers that pass secrets so.
    Descriptor(u32),
}

impl PasswordSource {
    /// The password for a keyfile; `None` when no variable has one, so that the caller may ask on a terminal.
    pub fn find(&self, keyfile: &Path) -> Result<Option<Password>, WalletError> {
        match self {
            Self::Environment => from_environment(keyfile, |name| std::env::var_os(name)),
            Self::File(path) => from_file(path).map(Some),
            Self::Descriptor(number) => from_file(&PathBuf::from(format!("/dev/fd/{number}"))).map(Some),
        }
    }
}

/// The variable of one keyfile: its absolute path in capitals with `/` and `.` replaced.
///
/// ```
/// let name = sn3_chain::wallet::password_variable("/root/.bittensor/wallets/default/coldkey".as_ref());
/// assert_eq!(name, "BT_PW__ROOT__BITTENSOR_WALLETS_DEFAULT_COLDKEY");
/// ```
#[must_use]
pub fn password_variable(keyfile: &Path) -> String {
    let path = std::path::absolute(keyfile).unwrap_or_else(|_| keyfile.to_owned());
    format!("{OF_KEYFILE}{}", path.to_string_lossy().replace(['/', '.'], "_").to_uppercase())
}

fn from_environment(
    keyfile: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Password>, WalletError> {
    let bad = |name: &str| WalletError::BadVariable { name: name.to_owned() };
    if let Some(value) = variable(PLAIN) {
        return value.into_string().map(|text| Some(Password::new(text))).map_err(|_| bad(PLAIN));
    }
    let own = password_variable(keyfile);
    if let Some(value) = variable(&own) {
        let text = Zeroizing::new(value.into_string().map_err(|_| bad(&own))?);
        return unmasked(&own, &text).map(Some).ok_or_else(|| bad(&own));
    }
    variable(FILE).map(|path| from_file(Path::new(&path))).transpose()
}

/// The ecosystem's obfuscation: base64 of the password XOR its variable's repeated name.
fn unmasked(name: &str, value: &str) -> Option<Password> {
    let masked = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(value).ok()?);
    let plain: Vec<u8> = masked.iter().zip(name.bytes().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    String::from_utf8(plain).ok().map(Password::new)
}

fn from_file(path: &Path) -> Result<Password, WalletError> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| super::io(path, &error);
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(PASSWORD_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if text.len() as u64 > PASSWORD_BYTES_MAX || password.is_empty() {
        let reason = format!("a password has 1 to {PASSWORD_BYTES_MAX} bytes, on one line");
        return Err(WalletError::Io { path: path.to_owned(), reason });
    }
    Ok(Password::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYFILE: &str = "/home/me/.bittensor/wallets/w/coldkey";
    const VARIABLE: &str = "BT_PW__HOME_ME__BITTENSOR_WALLETS_W_COLDKEY";

    fn with(name: &'static str, value: &str) -> Result<Option<Password>, WalletError> {
        from_environment(Path::new(KEYFILE), |asked| (asked == name).then(|| OsString::from(value)))
    }

    #[test]
    fn each_variable_gives_the_password() {
        assert_eq!(with("OTHER", "x").unwrap(), None);
        assert_eq!(with(PLAIN, "plain").unwrap().unwrap().as_str(), "plain");
        // "secret" XOR "BT_PW_" is 31 31 3c 22 32 2b in hexadecimal.
        assert_eq!(with(VARIABLE, "MTE8IjIr").unwrap().unwrap().as_str(), "secret");
        let refused = with(VARIABLE, "not base64!").unwrap_err();
        assert!(matches!(&refused, WalletError::BadVariable { name } if name == VARIABLE), "{refused}");
        assert!(!refused.to_string().contains("not base64"));
    }

    #[test]
    fn files_and_descriptors_give_their_first_line() {
        use std::os::fd::AsRawFd as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "hörse\n").unwrap();
        let find = |source: PasswordSource| source.find(Path::new(KEYFILE));
        assert_eq!(find(PasswordSource::File(path.clone())).unwrap().unwrap().as_str(), "hörse");
        let file = std::fs::File::open(&path).unwrap();
        let number = u32::try_from(file.as_raw_fd()).unwrap();
        assert_eq!(find(PasswordSource::Descriptor(number)).unwrap().unwrap().as_str(), "hörse");
        for bad in [String::new(), "\n".into(), "x".repeat(5_000)] {
            std::fs::write(&path, bad).unwrap();
            assert!(find(PasswordSource::File(path.clone())).is_err());
        }
    }
}
