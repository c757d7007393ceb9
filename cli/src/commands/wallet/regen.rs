//! `sn3 wallet regen`: keys from a backup.

use sn3_chain::{KeySource, Wallet, wallet};

use super::{coldkey_path, print, root};
use crate::args::chain::{KeyKind, WalletRegenArgs};
use crate::commands::chain::secret;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Makes a coldkey, a hotkey, or only a coldkey's address again; nothing is ever overwritten.
pub fn run(args: &WalletRegenArgs, output: &Output) -> Result<(), CliError> {
    let root = root(args.keys.wallet_path.as_ref())?;
    let name = &args.keys.wallet;
    if let Some(address) = args.address {
        if args.key == KeyKind::Hotkey {
            let message =
                "--address is for a coldkey: a machine that mines or validates needs the hotkey's secret";
            return Err(CliError::new(Exit::Usage, message));
        }
        print(&wallet::regen_public(&root, name, address).or_exit(Exit::Wallet)?, output);
        return Ok(());
    }
    let report = match args.key {
        KeyKind::Hotkey => {
            Wallet::open(&root, name).or_exit(Exit::Wallet)?;
            wallet::regen_hotkey(&root, name, &args.keys.hotkey, &source(args)?).or_exit(Exit::Wallet)?
        }
        KeyKind::Coldkey => coldkey(args, &root)?,
    };
    print(&report, output);
    Ok(())
}

fn coldkey(args: &WalletRegenArgs, root: &std::path::Path) -> Result<wallet::WalletReport, CliError> {
    let name = &args.keys.wallet;
    Wallet::check_new(root, name).or_exit(Exit::Wallet)?;
    let source = source(args)?;
    let password = match args.insecure_no_password {
        true => None,
        false => Some(secret::new_password(&args.password, &coldkey_path(root, name))?),
    };
    let password = password.as_ref().map(|password| password.as_str());
    wallet::regen(root, name, &source, password).or_exit(Exit::Wallet)
}

fn source(args: &WalletRegenArgs) -> Result<KeySource, CliError> {
    let text = secret::phrase(args.from.as_ref(), args.from_fd)?;
    KeySource::parse(text.as_str()).or_exit(Exit::Data)
}
