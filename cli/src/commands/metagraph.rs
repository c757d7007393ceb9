//! `sn3 metagraph`: a subnet's neurons at one block.

use sn3_chain::{BlockRef, ChainClient, Metagraph, Neuron};
use sn3_protocol::{BlockNumber, NetUid};

use super::chain::amount::rounded;
use super::chain::connect;
use super::chain::table::{Align, Table};
use crate::args::chain::{MetagraphArgs, SortBy};
use crate::exit::CliError;
use crate::output::Output;

/// Reads the metagraph and prints it.
pub async fn run(args: &MetagraphArgs, output: &Output) -> Result<(), CliError> {
    let client = connect(&args.chain).await?;
    let block = match args.block {
        Some(number) => at(&client, BlockNumber(number)).await?,
        None => client.head().await?,
    };
    let mut metagraph = client.metagraph(NetUid(args.netuid), block).await?;
    sort(&mut metagraph.neurons, args.sort);
    metagraph.neurons.truncate(args.top.unwrap_or(usize::MAX));
    output.event("metagraph", &metagraph);
    output.result(table(&metagraph).text());
    output.story(format_args!(
        "subnet {} at block {block}; shares and emission are those of the last epoch",
        metagraph.netuid
    ));
    Ok(())
}

async fn at(client: &ChainClient, number: BlockNumber) -> Result<BlockRef, CliError> {
    Ok(BlockRef { number, hash: client.block_hash(number).await? })
}

fn sort(neurons: &mut [Neuron], by: SortBy) {
    let largest_first = |value: u64| std::cmp::Reverse(value);
    neurons.sort_by_key(|neuron| {
        let value = match by {
            SortBy::Uid => 0,
            SortBy::Stake => neuron.stake.0,
            SortBy::Incentive => neuron.incentive.into(),
            SortBy::Dividends => neuron.dividends.into(),
            SortBy::Emission => neuron.emission.0,
        };
        (largest_first(value), neuron.uid)
    });
}

fn table(metagraph: &Metagraph) -> Table {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        right("uid"),
        left("hotkey"),
        right("stake alpha"),
        right("incentive"),
        right("dividends"),
        right("consensus"),
        right("vtrust"),
        right("emission alpha"),
        right("updated"),
        left("permit"),
        left("active"),
    ]);
    let yes = |flag: bool| if flag { "yes" } else { "" }.to_owned();
    for neuron in &metagraph.neurons {
        let age = metagraph.block.number.0.saturating_sub(neuron.last_update.0);
        table.row([
            neuron.uid.to_string(),
            neuron.hotkey.to_string(),
            rounded(neuron.stake.0),
            share(neuron.incentive),
            share(neuron.dividends),
            share(neuron.consensus),
            share(neuron.validator_trust),
            rounded(neuron.emission.0),
            format!("{age} blocks ago"),
            yes(neuron.validator_permit),
            yes(neuron.active),
        ]);
    }
    table
}

/// 65535 stands for 1.
fn share(value: u16) -> String {
    format!("{:.4}", f64::from(value) / f64::from(u16::MAX))
}
