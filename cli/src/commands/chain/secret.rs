//! Secrets from outside: passwords and phrases. None ever comes from the command line or goes to an output.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use sn3_chain::wallet::{Password, PasswordSource};
use sn3_chain::{ColdkeyPair, HotkeyPair, Wallet, WalletError};

use crate::args::chain::PasswordArgs;
use crate::exit::{CliError, Exit, OrExit};

/// Longest phrase, seed or URI that is read.
const SECRET_BYTES_MAX: u64 = 4_096;

/// The password for a keyfile from the arguments or the environment; none where neither has one.
pub fn find_password(args: &PasswordArgs, keyfile: &Path) -> Result<Option<Password>, CliError> {
    let source = match (&args.password_file, args.password_fd) {
        (Some(path), _) => PasswordSource::File(path.clone()),
        (None, Some(number)) => PasswordSource::Descriptor(number),
        (None, None) => PasswordSource::Environment,
    };
    source.find(keyfile).or_exit(Exit::Wallet)
}

/// A new password: from where the arguments say, or asked for twice.
pub fn new_password(args: &PasswordArgs, keyfile: &Path) -> Result<Password, CliError> {
    if let Some(password) = find_password(args, keyfile)? {
        return Ok(password);
    }
    need_terminal(
        "give --password-file FILE or --password-fd N, or --insecure-no-password on a development chain",
    )?;
    let (first, again) = (ask("Password of the coldkey: ")?, ask("The same again: ")?);
    match (first.as_str().is_empty(), first == again) {
        (true, _) => Err(CliError::new(Exit::Wallet, "the password is empty; choose one")),
        (_, false) => Err(CliError::new(Exit::Wallet, "the two passwords differ; try again")),
        _ => Ok(first),
    }
}

/// Opens the coldkey, asking for its password where nothing gives it.
pub fn unlock_coldkey(wallet: &Wallet, args: &PasswordArgs) -> Result<ColdkeyPair, CliError> {
    let keyfile = wallet.dir().join("coldkey");
    unlock(&keyfile, args, "Password of the coldkey: ", |password| wallet.coldkey(password))
}

/// Opens a hotkey; the rare sealed one asks for its password.
pub fn unlock_hotkey(wallet: &Wallet, name: &str, args: &PasswordArgs) -> Result<HotkeyPair, CliError> {
    let keyfile = wallet.dir().join("hotkeys").join(name);
    unlock(&keyfile, args, "Password of the hotkey: ", |password| wallet.hotkey(name, password))
}

fn unlock<P>(
    keyfile: &Path,
    args: &PasswordArgs,
    prompt: &str,
    open: impl Fn(Option<&str>) -> Result<P, WalletError>,
) -> Result<P, CliError> {
    match open(None) {
        Err(WalletError::PasswordNeeded { .. }) => {}
        result => return result.or_exit(Exit::Wallet),
    }
    let password = match find_password(args, keyfile)? {
        Some(password) => password,
        None => {
            need_terminal("give --password-file FILE or --password-fd N, or set BT_WALLET_PASSWORD")?;
            ask(prompt)?
        }
    };
    open(Some(password.as_str())).or_exit(Exit::Wallet)
}

/// A phrase, seed or URI: from a file, standard input or a descriptor, or asked for without an echo.
pub fn phrase(from: Option<&PathBuf>, descriptor: Option<u32>) -> Result<Password, CliError> {
    match (from, descriptor) {
        (Some(path), _) if path.as_os_str() == "-" => {
            read(&mut std::io::stdin().lock(), Path::new("standard input"))
        }
        (Some(path), _) => read_file(path),
        (None, Some(number)) => read_file(Path::new(&format!("/dev/fd/{number}"))),
        (None, None) => {
            need_terminal("give --from FILE or --from-fd N")?;
            ask("Phrase, seed or URI: ")
        }
    }
}

fn read_file(path: &Path) -> Result<Password, CliError> {
    let mut file = std::fs::File::open(path)
        .map_err(|error| CliError::new(Exit::Data, format!("cannot read {}: {error}", path.display())))?;
    read(&mut file, path)
}

fn read(from: &mut impl Read, name: &Path) -> Result<Password, CliError> {
    let fail =
        |reason: String| CliError::new(Exit::Data, format!("cannot read {}: {reason}", name.display()));
    let mut text = String::new();
    let end = from.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
    let secret = Password::new(text);
    end.map_err(|error| fail(error.to_string()))?;
    match secret.as_str().len() as u64 {
        0 => Err(fail("it is empty".into())),
        SECRET_BYTES_MAX.. => Err(fail(format!("it has {SECRET_BYTES_MAX} bytes or more"))),
        _ => Ok(secret),
    }
}

fn need_terminal(instead: &str) -> Result<(), CliError> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::new(Exit::Wallet, format!("no terminal to ask for a secret on; {instead}")))
}

fn ask(prompt: &str) -> Result<Password, CliError> {
    rpassword::prompt_password(prompt).map(Password::new).map_err(|error| CliError::new(Exit::Wallet, error))
}
