//! `sn3 wallet …`. One file a command.

mod balance;
mod create;
mod list;
mod message;
mod regen;

use std::path::{Path, PathBuf};

use sn3_chain::wallet::{KeyfileFormat, WalletReport};
use sn3_chain::{HotkeyPair, Wallet};

use crate::args::WalletArgs;
use crate::args::chain::{PasswordArgs, WalletCommand};
use crate::commands::chain::{open_wallet, secret};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Runs one of the commands.
pub async fn run(command: WalletCommand, output: &Output) -> Result<(), CliError> {
    match command {
        WalletCommand::Create(args) => create::run(&args, output),
        WalletCommand::Regen(args) => regen::run(&args, output),
        WalletCommand::List(args) => list::run(&args, output),
        WalletCommand::Show(args) => show(&args, output),
        WalletCommand::Balance(args) => balance::run(&args, output).await,
        WalletCommand::Sign(args) => message::sign(&args, output),
        WalletCommand::Verify(args) => message::verify(&args, output),
    }
}

/// The folder of wallets.
pub fn root(path: Option<&PathBuf>) -> Result<PathBuf, CliError> {
    path.cloned().map_or_else(|| Wallet::default_root().or_exit(Exit::Wallet), Ok)
}

/// Opens the hotkey that the arguments name; the coldkey stays closed.
pub fn open_hotkey(args: &WalletArgs) -> Result<HotkeyPair, CliError> {
    secret::unlock_hotkey(&open_wallet(args)?, &args.hotkey, &PasswordArgs::default())
}

/// Prints addresses, never a secret.
fn show(args: &WalletArgs, output: &Output) -> Result<(), CliError> {
    let report = open_wallet(args)?.report(&args.wallet).or_exit(Exit::Wallet)?;
    print(&report, output);
    Ok(())
}

/// Prints one wallet.
fn print(report: &WalletReport, output: &Output) {
    output.event("wallet", report);
    output.result(format_args!("wallet   {} ({})", report.name, report.path.display()));
    let coldkey = report.coldkey.map_or_else(|| "address unknown".to_owned(), |key| key.to_string());
    output.result(format_args!("coldkey  {coldkey} ({})", kept(report.coldkey_format)));
    for hotkey in &report.hotkeys {
        let address = hotkey.address.map_or_else(|| "address unknown".to_owned(), |key| key.to_string());
        output.result(format_args!("hotkey   {address} ({})", hotkey.name));
    }
    if let Some(problem) = &report.problem {
        output.result(format_args!("problem  {problem}"));
    }
    for path in &report.exposed {
        output.story(format_args!("warning: others can read {}; run chmod go= on it", path.display()));
    }
}

/// How a coldkey lies on this machine.
fn kept(format: Option<KeyfileFormat>) -> &'static str {
    match format {
        None => "only its address is here",
        Some(KeyfileFormat::Plain) => "not encrypted",
        Some(KeyfileFormat::AnsibleVault | KeyfileFormat::Fernet) => "encrypted, in an old format",
        Some(_) => "encrypted",
    }
}

/// The coldkey's file in a folder of wallets, for the name of its password's variable.
fn coldkey_path(root: &Path, wallet: &str) -> PathBuf {
    root.join(wallet).join("coldkey")
}
