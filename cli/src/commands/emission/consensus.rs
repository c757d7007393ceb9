//! `sn3 emission consensus`: the retention figures of the consensus document, ours beside the published ones.

use sn3_simulator::consensus::{Comparison, ConsensusOptions, consensus_csv, consensus_json, run_consensus};
use sn3_simulator::page::consensus_page;

use super::study::{Folder, counting, heavy};
use crate::args::emission::EmissionConsensusArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Runs the maps and writes the report and its data.
pub async fn run(args: EmissionConsensusArgs, output: &Output) -> Result<(), CliError> {
    let mut folder = Folder::create(&args.study.out)?;
    let options = ConsensusOptions { steps: args.steps, seed: args.seed, ..ConsensusOptions::full() };
    let progress = counting(output.bar("consensus", 0));
    let study = heavy(&args.study, move || run_consensus(&options, &progress)).await?.or_exit(Exit::Usage)?;
    folder.report(&consensus_page(&study).or_exit(Exit::Failure)?)?;
    let mut csv = Vec::new();
    consensus_csv(&study, &mut csv).or_exit(Exit::Data)?;
    folder.write("consensus.csv", &csv)?;
    folder.write("consensus.json", consensus_json(&study).to_string().as_bytes())?;
    let comparisons = study.comparisons();
    comparisons.iter().for_each(|comparison| output.result(line(comparison)));
    output.event("consensus", &comparisons);
    folder.tell(output);
    Ok(())
}

fn line(comparison: &Comparison) -> String {
    let percent =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{:.1} %", value * 100.0));
    let verdict = match comparison.reproduces {
        Some(true) => "reproduced",
        Some(false) => "DIFFERS",
        None => "not published",
    };
    format!(
        "({}) {}: published {}, ours {}, {verdict}",
        comparison.figure,
        comparison.statement,
        percent(comparison.published),
        percent(comparison.ours)
    )
}
