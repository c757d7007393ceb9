//! `sn3 weights history`: every step with block and hash.

use sn3_chain::Ledger;
use sn3_chain::weights::{IntentReport, StepReport, history};

use super::ledger_path;
use crate::args::chain::WeightsHistoryArgs;
use crate::commands::chain::table::{Align, Table};
use crate::exit::CliError;
use crate::output::Output;

/// Prints the newest intents of the ledger; needs no connection.
pub fn run(args: &WeightsHistoryArgs, output: &Output) -> Result<(), CliError> {
    let path = ledger_path(&args.ledger)?;
    let intents = match path.exists() {
        true => history(&Ledger::open(&path)?, args.count)?,
        false => Vec::new(),
    };
    output.event("history", &intents);
    if intents.is_empty() {
        output
            .story(format_args!("{} holds no weights; they are set with `sn3 weights set`", path.display()));
        return Ok(());
    }
    output.result(table(&intents, args.full).text());
    Ok(())
}

fn table(intents: &[IntentReport], full: bool) -> Table {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        right("intent"),
        right("subnet"),
        left("method"),
        right("weights"),
        left("state"),
        left("step"),
        right("block"),
        left("hash"),
        left("extrinsic"),
        right("epoch"),
        left("note"),
    ]);
    for intent in intents {
        let mut head = heads(intent);
        for step in &intent.steps {
            table.row(std::mem::take(&mut head).into_iter().chain(cells(step, full)));
            head = vec![String::new(); 5];
        }
        if intent.steps.is_empty() {
            let reason = intent.reason.clone().unwrap_or_default();
            let empty = std::iter::repeat_n(String::new(), 5);
            table.row(head.into_iter().chain(empty).chain([reason]));
        }
    }
    table
}

fn heads(intent: &IntentReport) -> Vec<String> {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let subnet = match intent.mechanism {
        0 => intent.netuid.to_string(),
        mechanism => format!("{}/{mechanism}", intent.netuid),
    };
    vec![
        intent.id.to_string(),
        subnet,
        word(serde_json::to_value(intent.method)),
        intent.weights.len().to_string(),
        word(serde_json::to_value(intent.state)),
    ]
}

fn cells(step: &StepReport, full: bool) -> Vec<String> {
    let hash = |digest: sn3_protocol::Digest| match full {
        true => format!("0x{digest}"),
        false => format!("0x{}…", digest.short()),
    };
    vec![
        step.step.clone(),
        step.block.map(|block| block.number.to_string()).unwrap_or_default(),
        step.block.map(|block| hash(block.hash)).unwrap_or_default(),
        step.extrinsic.map(hash).unwrap_or_default(),
        step.epoch.map(|epoch| epoch.to_string()).unwrap_or_default(),
        step.note.clone().unwrap_or_default(),
    ]
}
