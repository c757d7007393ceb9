//! `sn3 emission cases`: the classic Yuma cases, all versions side by side.

use std::time::Instant;

use serde::Serialize;
use sn3_simulator::cases::{CasesOptions, CasesStudy, PENALTIES, cases_csv, cases_json, run_cases};
use sn3_simulator::page::cases_page;

use super::study::{Folder, counting, heavy};
use crate::args::emission::EmissionCasesArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

#[derive(Serialize)]
struct Done {
    cases: usize,
    versions: usize,
    penalties: Vec<f64>,
    seed: u64,
    wall_ms: u128,
}

/// Runs the cases and writes the report and its data.
pub async fn run(args: EmissionCasesArgs, output: &Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let mut folder = Folder::create(&args.study.out)?;
    let options = options(&args);
    let progress = counting(output.bar("cases", 22));
    let study = heavy(&args.study, move || run_cases(&options, &progress)).await?.or_exit(Exit::Usage)?;
    folder.report(&cases_page(&study))?;
    folder.write("cases.csv", cases_csv(&study).or_exit(Exit::Data)?.as_bytes())?;
    folder.write("cases.json", cases_json(&study).to_string().as_bytes())?;
    tell(&study, begin, output);
    folder.tell(output);
    Ok(())
}

/// The chosen penalty comes first, because the first one is charted.
fn options(args: &EmissionCasesArgs) -> CasesOptions {
    let chosen = args.bonds_penalty;
    let others = PENALTIES.iter().copied().filter(|penalty| *penalty != chosen);
    CasesOptions {
        penalties: std::iter::once(chosen).chain(others).collect(),
        seed: args.seed,
        ..CasesOptions::default()
    }
}

fn tell(study: &CasesStudy, begin: Instant, output: &Output) {
    let done = Done {
        cases: study.cases.len(),
        versions: study.options.versions.len(),
        penalties: study.options.penalties.clone(),
        seed: study.options.seed,
        wall_ms: begin.elapsed().as_millis(),
    };
    output.result(format_args!(
        "{} cases × {} versions × {} bonds penalties in {} ms",
        done.cases,
        done.versions,
        done.penalties.len(),
        done.wall_ms
    ));
    output.event("cases", &done);
}
