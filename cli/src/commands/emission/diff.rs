//! `sn3 emission diff`: one scenario under two runtime versions.

use std::sync::atomic::Ordering;

use serde::Serialize;
use sn3_simulator::diff::{Change, DiffResult, compare};
use sn3_simulator::output::{TableFormat, write_folder};
use sn3_simulator::page::diff_page;
use sn3_simulator::run::Control;
use sn3_simulator::scenario::{Scenario, SpecChoice};

use super::run::scenario_exit;
use super::study::{Folder, heavy, stop_flag};
use crate::args::emission::EmissionDiffArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Changes that are printed; the report and the table hold all.
const LINES_MAX: usize = 20;

/// Runs the scenario under both versions and writes the report and its data.
pub async fn run(args: EmissionDiffArgs, output: &Output) -> Result<(), CliError> {
    let mut scenario = Scenario::load(&args.scenario).or_exit(scenario_exit(&args.scenario))?;
    let specs = [args.spec[0], args.spec[1]].map(SpecChoice::Version);
    let mut folder = Folder::create(&args.study.out)?;
    let (bar, stop) = (output.bar("blocks", scenario.blocks), stop_flag(output));
    scenario.name = if scenario.name.is_empty() { "scenario".to_owned() } else { scenario.name };
    let work = move || {
        compare(&scenario, specs, &|which, progress| {
            if which == 0 {
                bar.set_position(progress.done);
            }
            if stop.load(Ordering::Relaxed) { Control::Pause } else { Control::Continue }
        })
    };
    let result = heavy(&args.study, work).await?.or_exit(Exit::Usage)?;
    let result =
        result.ok_or_else(|| CliError::new(Exit::Interrupted, "stopped; a comparison keeps nothing"))?;
    folder.report(&diff_page(&result))?;
    let text = serde_json::to_string(&result).expect("a comparison has only text keys");
    let texts = [("diff-summary.json", text)];
    let tables = [result.table()];
    for path in write_folder(folder.dir(), &tables, &TableFormat::ALL, &texts).or_exit(Exit::Data)? {
        folder.note(path);
    }
    tell(&result, output);
    folder.tell(output);
    Ok(())
}

#[derive(Serialize)]
struct Compared<'a> {
    specs: &'a [String; 2],
    digests: [String; 2],
    changes: Vec<&'a Change>,
}

fn tell(result: &DiffResult, output: &Output) {
    let [a, b] = &result.specs;
    output.result(format_args!("{}: {a} against {b}, {} rules differ", result.scenario, result.rules.len()));
    for rule in &result.rules {
        output.result(format_args!("  {}: {} [{}]", rule.topic, rule.b.rule, rule.b.certainty.name()));
    }
    let ranked = result.ranked();
    for change in ranked.iter().take(LINES_MAX) {
        let percent =
            change.percent().map_or("from nothing".to_owned(), |percent| format!("{percent:+.2} %"));
        output.result(format_args!(
            "{:<28} {:<32} {:>20} -> {:>20}  {percent}",
            change.who, change.what, change.a, change.b
        ));
    }
    if ranked.is_empty() {
        output.result("nobody gains, nobody loses");
    }
    let digests = [result.digests[0].to_string(), result.digests[1].to_string()];
    output.event("diff", &Compared { specs: &result.specs, digests, changes: ranked });
}
