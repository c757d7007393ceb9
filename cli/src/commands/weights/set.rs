//! `sn3 weights set`.

use serde::Serialize;
use sn3_chain::ChainClient;
use sn3_chain::weights::{Method, Observation};
use sn3_protocol::{Hotkey, Uid};

use super::follow::{Until, daemon, follow};
use super::{hold, hotkey, input, netuid};
use crate::args::chain::WeightsSetArgs;
use crate::commands::chain::table::{Align, Table};
use crate::commands::chain::{connect, head_with_subnet, hotkey_address};
use crate::exit::CliError;
use crate::output::Output;

#[derive(Serialize)]
struct Plan<'a> {
    method: Method,
    version_key: u64,
    weights: &'a [(Uid, u16)],
    refused: Option<String>,
}

/// Reads, normalises, and sets weights; or says what would happen.
pub async fn run(args: &WeightsSetArgs, output: &Output) -> Result<(), CliError> {
    let weights = input::read(&args.pairs, args.file.as_deref())?;
    if args.dry_run {
        return dry_run(args, &weights, output).await;
    }
    let hotkey = hotkey(&args.of)?;
    let held = hold(&args.of, &hotkey)?;
    let client = connect(&args.of.chain).await?;
    let seen = observe(&client, args, &hotkey.public()).await?;
    let mut daemon = daemon(&client, &held, &hotkey, &args.of)?;
    daemon.want(&weights, args.version_key.unwrap_or(seen.version_key), None);
    let until = if args.wait { Until::Counted } else { Until::OnChain };
    follow(&client, daemon, &held, &hotkey, &args.of, until, output).await
}

async fn observe(
    client: &ChainClient,
    args: &WeightsSetArgs,
    hotkey: &Hotkey,
) -> Result<Observation, CliError> {
    let head = head_with_subnet(client, netuid(&args.of)).await?;
    Ok(client.observe_weights(hotkey, netuid(&args.of), args.of.mechanism, head).await?)
}

async fn dry_run(args: &WeightsSetArgs, weights: &[(Uid, u16)], output: &Output) -> Result<(), CliError> {
    let hotkey = hotkey_address(&args.of.keys, None)?;
    let client = connect(&args.of.chain).await?;
    let seen = observe(&client, args, &hotkey).await?;
    let version_key = args.version_key.unwrap_or(seen.version_key);
    let checked = seen.preflight(&hotkey, netuid(&args.of), args.of.mechanism, weights, version_key);
    let (method, refused) = (seen.method(), checked.as_ref().err().map(ToString::to_string));
    output.event("plan", &Plan { method, version_key, weights, refused });
    output.result(format_args!("method       {}", method_name(method)));
    output.result(format_args!("version key  {version_key}"));
    output.result(table(weights).text());
    checked?;
    output.result("dry run: the chain would take them; nothing was signed, nothing was sent");
    Ok(())
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Plain => "plain: in the clear, at once",
        Method::Salted => "salted: a hash now, revealed by us in a later epoch",
        Method::Timelocked => "timelocked: sealed to a beacon's round, revealed by the chain",
        _ => "unknown",
    }
}

fn table(weights: &[(Uid, u16)]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[right("uid"), right("as sent"), right("share")]);
    let sum: f64 = weights.iter().map(|(_, weight)| f64::from(*weight)).sum();
    for (uid, weight) in weights {
        table.row([uid.to_string(), weight.to_string(), format!("{:.4}", f64::from(*weight) / sum)]);
    }
    table
}
