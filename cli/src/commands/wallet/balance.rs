//! `sn3 wallet balance`: free and staked TAO of coldkeys.

use sn3_chain::wallet::{self, BalanceReport};
use sn3_protocol::{Coldkey, Rao};

use super::root;
use crate::args::chain::WalletBalanceArgs;
use crate::commands::chain::amount::{Tao, decimal, rounded};
use crate::commands::chain::table::{Align, Table};
use crate::commands::chain::{connect, open_wallet};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Reads the balances at one finalized block and prints them.
pub async fn run(args: &WalletBalanceArgs, output: &Output) -> Result<(), CliError> {
    let named = named(args)?;
    let client = connect(&args.chain).await?;
    let coldkeys: Vec<Coldkey> = named.iter().map(|(_, coldkey)| *coldkey).collect();
    let balances = wallet::balances(&client, &coldkeys).await?;
    output.event("balances", &balances);
    output.result(table(&named, &balances).text());
    if args.stakes {
        output.result("");
        output.result(stakes(&balances).text());
    }
    if let Some(first) = balances.first() {
        output.story(format_args!("as of block {}; stake is valued at the price of that block", first.block));
    }
    Ok(())
}

/// Whose balances: addresses that were given, all wallets, or one.
fn named(args: &WalletBalanceArgs) -> Result<Vec<(String, Coldkey)>, CliError> {
    if !args.address.is_empty() {
        return Ok(args.address.iter().map(|coldkey| (String::new(), *coldkey)).collect());
    }
    if !args.all {
        let coldkey = open_wallet(&args.keys)?.coldkey_public().or_exit(Exit::Wallet)?;
        return Ok(vec![(args.keys.wallet.clone(), coldkey)]);
    }
    let root = root(args.keys.wallet_path.as_ref())?;
    let all = wallet::list(&root).or_exit(Exit::Wallet)?;
    let named: Vec<_> = all.into_iter().filter_map(|w| w.coldkey.map(|key| (w.name, key))).collect();
    match named.is_empty() {
        true => Err(CliError::new(
            Exit::Wallet,
            format!("no wallets in {}; make one with `sn3 wallet create`", root.display()),
        )),
        false => Ok(named),
    }
}

fn table(named: &[(String, Coldkey)], balances: &[BalanceReport]) -> Table {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        left("wallet"),
        left("coldkey"),
        right("free TAO"),
        right("staked TAO"),
        right("total TAO"),
    ]);
    let mut sums = [0u64; 3];
    for ((name, coldkey), balance) in named.iter().zip(balances) {
        let cells = [balance.free.0, balance.staked.0, balance.total().0];
        sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum = sum.saturating_add(cell));
        let amounts = cells.map(decimal);
        table.row([name.clone(), coldkey.to_string()].into_iter().chain(amounts));
    }
    if balances.len() > 1 {
        table.row([String::new(), "all".into()].into_iter().chain(sums.map(decimal)));
    }
    table
}

fn stakes(balances: &[BalanceReport]) -> Table {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        left("coldkey"),
        right("netuid"),
        left("hotkey"),
        right("stake alpha"),
        right("TAO per alpha"),
        right("worth TAO"),
    ]);
    for balance in balances {
        for stake in &balance.stakes {
            table.row([
                balance.coldkey.to_string(),
                stake.netuid.to_string(),
                stake.hotkey.to_string(),
                decimal(stake.alpha.0),
                rounded(stake.price.0),
                Tao(Rao(stake.value.0)).to_string(),
            ]);
        }
    }
    table
}
