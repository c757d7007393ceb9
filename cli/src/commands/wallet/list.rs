//! `sn3 wallet list`: every wallet of a folder in one table.

use sn3_chain::wallet::{self, WalletReport};

use super::{kept, root};
use crate::args::chain::WalletListArgs;
use crate::commands::chain::table::{Align, Table};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Lists the wallets; nothing is opened.
pub fn run(args: &WalletListArgs, output: &Output) -> Result<(), CliError> {
    let root = root(args.wallet_path.as_ref())?;
    let wallets = match root.exists() {
        true => wallet::list(&root).or_exit(Exit::Wallet)?,
        false => Vec::new(),
    };
    output.event("wallets", &wallets);
    if wallets.is_empty() {
        output.story(format_args!("no wallets in {}; make one with `sn3 wallet create`", root.display()));
        return Ok(());
    }
    output.result(table(&wallets).text());
    for wallet in wallets.iter().filter(|wallet| !wallet.exposed.is_empty()) {
        let count = wallet.exposed.len();
        output.story(format_args!(
            "warning: others can read {count} files or folders of {}; `sn3 doctor --wallet {}` names them",
            wallet.name, wallet.name
        ));
    }
    Ok(())
}

fn table(wallets: &[WalletReport]) -> Table {
    let left = |name| (name, Align::Left);
    let mut table = Table::new(&[left("wallet"), left("key"), left("address"), left("kept")]);
    for wallet in wallets {
        let address = wallet.coldkey.map_or_else(|| "unknown".to_owned(), |key| key.to_string());
        let kept = wallet.problem.as_deref().unwrap_or_else(|| kept(wallet.coldkey_format));
        table.row([wallet.name.as_str(), "coldkey", &address, kept]);
        for hotkey in &wallet.hotkeys {
            let address = hotkey.address.map_or_else(|| "unknown".to_owned(), |key| key.to_string());
            table.row(["", &format!("hotkey {}", hotkey.name), &address, ""]);
        }
    }
    table
}
