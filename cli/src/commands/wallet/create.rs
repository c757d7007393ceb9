//! `sn3 wallet create`.

use std::io::IsTerminal;

use sn3_chain::{KeySource, Wallet};

use super::{coldkey_path, print, root};
use crate::args::chain::WalletCreateArgs;
use crate::commands::chain::{open_wallet, secret};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Creates a coldkey and a hotkey, or only the latter. Phrases are shown once, on a terminal only.
pub fn run(args: &WalletCreateArgs, output: &Output) -> Result<(), CliError> {
    if args.only_hotkey {
        return only_hotkey(args, output);
    }
    let root = root(args.keys.wallet_path.as_ref())?;
    Wallet::check_new(&root, &args.keys.wallet).or_exit(Exit::Wallet)?;
    let password = match args.insecure_no_password {
        true => None,
        false => Some(secret::new_password(&args.password, &coldkey_path(&root, &args.keys.wallet))?),
    };
    let (coldkey, hotkey) = (generate()?, generate()?);
    let password = password.as_ref().map(|password| password.as_str());
    let wallet = Wallet::create(&root, &args.keys.wallet, &coldkey, password).or_exit(Exit::Wallet)?;
    wallet.create_hotkey(&args.keys.hotkey, &hotkey).or_exit(Exit::Wallet)?;
    show_phrase("coldkey", &coldkey, output);
    print(&wallet.report(&args.keys.wallet).or_exit(Exit::Wallet)?, output);
    Ok(())
}

fn only_hotkey(args: &WalletCreateArgs, output: &Output) -> Result<(), CliError> {
    let (wallet, hotkey) = (open_wallet(&args.keys)?, generate()?);
    wallet.create_hotkey(&args.keys.hotkey, &hotkey).or_exit(Exit::Wallet)?;
    show_phrase("hotkey", &hotkey, output);
    print(&wallet.report(&args.keys.wallet).or_exit(Exit::Wallet)?, output);
    Ok(())
}

fn generate() -> Result<KeySource, CliError> {
    KeySource::generate().or_exit(Exit::Wallet)
}

fn show_phrase(name: &str, source: &KeySource, output: &Output) {
    let Some(words) = source.words() else { return };
    if std::io::stderr().is_terminal() {
        output.story(format_args!("Write these words down; they are the only way to restore the {name}:"));
        output.story(format_args!("    {words}"));
    } else {
        output.story(format_args!("The {name}'s phrase is shown on a terminal only; the keyfile holds it."));
    }
}
