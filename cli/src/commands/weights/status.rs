//! `sn3 weights status`: the chain's view and the ledger's.

use sn3_chain::Ledger;
use sn3_chain::weights::{WeightsStatus, status};

use super::{ledger_path, netuid, step_line};
use crate::args::chain::WeightsStatusArgs;
use crate::commands::chain::amount::{InAlpha, decimal};
use crate::commands::chain::{connect, head_with_subnet, hotkey_address, when};
use crate::exit::CliError;
use crate::output::Output;

/// Reads and prints; opens no key.
pub async fn run(args: &WeightsStatusArgs, output: &Output) -> Result<(), CliError> {
    let hotkey = hotkey_address(&args.of.keys, None)?;
    let path = ledger_path(&args.of.ledger)?;
    let ledger = if path.exists() { Ledger::open(&path)? } else { Ledger::in_memory()? };
    let client = connect(&args.of.chain).await?;
    let head = head_with_subnet(&client, netuid(&args.of)).await?;
    let status = status(&client, &ledger, &hotkey, netuid(&args.of), args.of.mechanism).await?;
    let (_, block_ms) = client.chain_time(head).await?;
    output.event("status", &status);
    for (name, value) in rows(&status, block_ms) {
        output.result(format_args!("{name:<13}{value}"));
    }
    for intent in &status.open {
        output.result(format_args!("open         intent {}", intent.id));
        for step in &intent.steps {
            output.result(format_args!("             {}", step_line(step)));
        }
    }
    Ok(())
}

fn rows(status: &WeightsStatus, block_ms: u64) -> Vec<(&'static str, String)> {
    let head = status.head;
    let uid = status.uid.map_or("not registered".to_owned(), |uid| uid.to_string());
    let permit = if status.permit { "yes" } else { "no: it may set weights for itself only" };
    let wait = status.allowed_at.0.saturating_sub(head.number.0 + 1);
    let last = match status.last_update.0 {
        0 => "never".to_owned(),
        block => format!("block #{block}, {} blocks ago", head.number.0.saturating_sub(block)),
    };
    let next = match (status.last_update.0, wait) {
        (0, _) | (_, 0) => "now".to_owned(),
        (_, wait) => format!("block #{}, {}", status.allowed_at, when::duration(wait, block_ms)),
    };
    let epoch = match status.blocks_to_epoch {
        Some(blocks) => format!(
            "{} now, the next in {blocks} blocks ({})",
            status.epoch,
            when::duration(blocks, block_ms)
        ),
        None => "none: the tempo is 0".to_owned(),
    };
    let method = serde_json::to_value(status.method).unwrap_or_default();
    let weights: Vec<String> = status.weights.iter().map(|(uid, weight)| format!("{uid}={weight}")).collect();
    vec![
        ("block", head.to_string()),
        ("uid", uid),
        ("permit", permit.to_owned()),
        ("stake weight", stake(status)),
        ("method", method.as_str().unwrap_or("?").to_owned()),
        ("version key", status.version_key.to_string()),
        ("epoch", epoch),
        ("last set", last),
        ("next allowed", next),
        ("on chain", if weights.is_empty() { "no weights".to_owned() } else { weights.join(" ") }),
        ("open commits", status.commits_open.to_string()),
    ]
}

/// The stake is read only where the chain demands some.
fn stake(status: &WeightsStatus) -> String {
    match status.stake_threshold {
        0 => "the chain demands none".to_owned(),
        threshold => {
            format!("{} of {} demanded", InAlpha(sn3_protocol::Alpha(status.stake)), decimal(threshold))
        }
    }
}
