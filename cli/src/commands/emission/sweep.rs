//! `sn3 emission sweep`: a grid over parameters, several seeds at every point.

use std::sync::atomic::Ordering;

use sn3_simulator::output::TableFormat;
use sn3_simulator::page::sweep_page;
use sn3_simulator::run::Control;
use sn3_simulator::scenario::Scenario;
use sn3_simulator::sweep::{Axis, Sweep, SweepError, SweepResult};

use super::run::scenario_exit;
use super::study::{Folder, heavy, stop_flag};
use crate::args::emission::EmissionSweepArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Runs the sweep and writes the report and its data.
pub async fn run(args: EmissionSweepArgs, output: &Output) -> Result<(), CliError> {
    let scenario = Scenario::load(&args.scenario).or_exit(scenario_exit(&args.scenario))?;
    let axes = args.param.iter().map(|text| text.parse::<Axis>().or_exit(Exit::Usage));
    let sweep = Sweep { axes: axes.collect::<Result<_, _>>()?, seeds: args.seeds };
    let mut folder = Folder::create(&args.study.out)?;
    let (bar, stop) = (output.bar("runs", 0), stop_flag(output));
    let work = move || {
        sweep.run(&scenario, &|progress| {
            bar.set_length(progress.runs);
            bar.set_position(bar.position().max(progress.done));
            if stop.load(Ordering::Relaxed) { Control::Pause } else { Control::Continue }
        })
    };
    let result = heavy(&args.study, work).await?.map_err(|error| failed(&error))?;
    folder.report(&sweep_page(&result))?;
    for path in result.write(folder.dir(), &TableFormat::ALL).or_exit(Exit::Data)? {
        folder.note(path);
    }
    tell(&result, output);
    folder.tell(output);
    Ok(())
}

fn failed(error: &SweepError) -> CliError {
    let exit = if matches!(error, SweepError::Stopped) { Exit::Interrupted } else { Exit::Usage };
    CliError::new(exit, crate::exit::chain_of_causes(error))
}

fn tell(result: &SweepResult, output: &Output) {
    let runs = result.points.len() as u64 * u64::from(result.seeds);
    output.result(format_args!(
        "{}: {} points × {} seeds = {runs} runs, {} metrics",
        result.scenario,
        result.points.len(),
        result.seeds,
        result.metrics.len()
    ));
    output.result(format_args!("digest {}", result.digest));
    output.event("sweep", result);
}
