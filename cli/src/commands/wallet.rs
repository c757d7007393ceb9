//! `sn3 wallet create` and `sn3 wallet show`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sn3_chain::{HotkeyPair, KeySource, Wallet};
use sn3_protocol::{Coldkey, Hotkey};

use crate::args::{WalletArgs, WalletCreateArgs};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Longest password file that is read.
const PASSWORD_BYTES_MAX: u64 = 4096;

#[derive(Serialize)]
struct Shown {
    wallet: String,
    path: PathBuf,
    coldkey: Coldkey,
    coldkey_encrypted: bool,
    hotkeys: Vec<(String, Hotkey)>,
}

/// The folder of wallets.
pub fn root(path: Option<&PathBuf>) -> Result<PathBuf, CliError> {
    path.cloned().map_or_else(|| Wallet::default_root().or_exit(Exit::Wallet), Ok)
}

/// Opens the hotkey that the arguments name; the coldkey stays closed.
pub fn open_hotkey(args: &WalletArgs) -> Result<HotkeyPair, CliError> {
    let wallet = Wallet::open(&root(args.wallet_path.as_ref())?, &args.wallet).or_exit(Exit::Wallet)?;
    wallet.hotkey(&args.hotkey, None).or_exit(Exit::Wallet)
}

/// Creates a coldkey and a hotkey. The coldkey's phrase is shown once, on a terminal only.
pub fn create(args: &WalletCreateArgs, output: &Output) -> Result<(), CliError> {
    let root = root(args.keys.wallet_path.as_ref())?;
    let password = password(args)?;
    let (coldkey, hotkey) =
        (KeySource::generate().or_exit(Exit::Wallet)?, KeySource::generate().or_exit(Exit::Wallet)?);
    let wallet =
        Wallet::create(&root, &args.keys.wallet, &coldkey, password.as_deref()).or_exit(Exit::Wallet)?;
    wallet.create_hotkey(&args.keys.hotkey, &hotkey).or_exit(Exit::Wallet)?;
    show_phrase(&coldkey, output);
    show(&args.keys, output)
}

fn show_phrase(coldkey: &KeySource, output: &Output) {
    let Some(words) = coldkey.words() else { return };
    if std::io::stderr().is_terminal() {
        output.story("Write these words down; they are the only way to restore the coldkey:");
        output.story(format_args!("    {words}"));
    } else {
        output.story("The coldkey's phrase is shown on a terminal only; the keyfile holds it.");
    }
}

fn password(args: &WalletCreateArgs) -> Result<Option<String>, CliError> {
    if args.insecure_no_password {
        return Ok(None);
    }
    if let Some(path) = &args.password_file {
        return read_password(path).map(Some);
    }
    if !std::io::stdin().is_terminal() {
        let message = "no terminal to ask for a password on; give --password-file FILE, or --insecure-no-password on a development chain";
        return Err(CliError::new(Exit::Wallet, message));
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(|error| CliError::new(Exit::Wallet, error));
    let (first, again) = (ask("Password of the coldkey: ")?, ask("The same again: ")?);
    match (first.is_empty(), first == again) {
        (true, _) => Err(CliError::new(Exit::Wallet, "the password is empty; choose one")),
        (_, false) => Err(CliError::new(Exit::Wallet, "the two passwords differ; try again")),
        _ => Ok(Some(first)),
    }
}

fn read_password(path: &Path) -> Result<String, CliError> {
    let fail = |reason: String| {
        CliError::new(Exit::Wallet, format!("cannot read the password file {}: {reason}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if size > PASSWORD_BYTES_MAX {
        return Err(fail(format!("it has {size} bytes, at most {PASSWORD_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() { Err(fail("it is empty".into())) } else { Ok(password.to_owned()) }
}

/// Prints addresses, never a secret.
pub fn show(args: &WalletArgs, output: &Output) -> Result<(), CliError> {
    let wallet = Wallet::open(&root(args.wallet_path.as_ref())?, &args.wallet).or_exit(Exit::Wallet)?;
    let hotkeys = wallet.hotkeys().or_exit(Exit::Wallet)?.into_iter();
    let with_address = |name: String| Ok((name.clone(), wallet.hotkey_public(&name).or_exit(Exit::Wallet)?));
    let shown = Shown {
        wallet: args.wallet.clone(),
        path: wallet.dir().to_owned(),
        coldkey: wallet.coldkey_public().or_exit(Exit::Wallet)?,
        coldkey_encrypted: wallet.coldkey_is_sealed().or_exit(Exit::Wallet)?,
        hotkeys: hotkeys.map(with_address).collect::<Result<_, CliError>>()?,
    };
    output.event("wallet", &shown);
    output.result(format_args!("wallet   {} ({})", shown.wallet, shown.path.display()));
    output.result(format_args!(
        "coldkey  {} ({})",
        shown.coldkey,
        if shown.coldkey_encrypted { "encrypted" } else { "not encrypted" }
    ));
    for (name, hotkey) in &shown.hotkeys {
        output.result(format_args!("hotkey   {hotkey} ({name})"));
    }
    Ok(())
}
