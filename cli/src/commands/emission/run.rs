//! `sn3 emission run`: one scenario, its series, its report and its digest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_protocol::Digest;
use sn3_simulator::page::run_page;
use sn3_simulator::run::{Control, RunEnd, Simulation, Summary};
use sn3_simulator::scenario::Scenario;

use super::results::{formats, units};
use super::study::{Folder, heavy, stop_flag};
use crate::args::emission::EmissionRunArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Time between two saves of the state of a long run.
const SAVE_EVERY_S: u64 = 60;
/// Time between two plain lines of progress where there is no terminal.
const LINE_EVERY_S: u64 = 10;

#[derive(Serialize)]
struct Done<'a> {
    digest: Digest,
    spec: String,
    wall_ms: u128,
    summary: &'a Summary,
}

/// Runs the scenario, or goes on with a saved run of it.
pub async fn run(args: EmissionRunArgs, output: &Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let scenario = Scenario::load(&args.scenario).or_exit(scenario_exit(&args.scenario))?;
    let mut folder = Folder::create(&args.study.out)?;
    let simulation = prepare(&scenario, args.state.as_deref(), output)?;
    let watch = Watcher::new(&simulation, args.state.clone(), output);
    let finished = heavy(&args.study, move || watch.drive(simulation)).await??;
    folder.report(&run_page(&finished))?;
    for path in finished.write(folder.dir(), &formats(&args.format)).or_exit(Exit::Data)? {
        folder.note(path);
    }
    tell(&finished, begin, output);
    folder.tell(output);
    Ok(())
}

/// A missing file is missing data; a wrong content is wrong usage.
pub fn scenario_exit(path: &Path) -> Exit {
    if path.is_file() { Exit::Usage } else { Exit::Data }
}

fn prepare(scenario: &Scenario, state: Option<&Path>, output: &Output) -> Result<Simulation, CliError> {
    let Some(path) = state.filter(|path| path.exists()) else {
        return Simulation::new(scenario).or_exit(Exit::Usage);
    };
    let simulation = Simulation::resume(path).or_exit(Exit::State)?;
    if simulation.scenario().digest() != scenario.digest() {
        let message = format!(
            "the state file {} belongs to another scenario; give the scenario it was saved from, or another --state",
            path.display()
        );
        return Err(CliError::new(Exit::State, message));
    }
    output.story(format_args!("going on from block {} of {}", simulation.done(), scenario.blocks));
    Ok(simulation)
}

/// Shows progress, saves now and then, and stops when asked.
struct Watcher {
    bar: ProgressBar,
    output: Output,
    state: Option<PathBuf>,
    stop: Arc<AtomicBool>,
}

impl Watcher {
    fn new(simulation: &Simulation, state: Option<PathBuf>, output: &Output) -> Self {
        let bar = output.bar("blocks", simulation.scenario().blocks);
        Self { bar, output: output.clone(), state, stop: stop_flag(output) }
    }

    fn drive(self, mut simulation: Simulation) -> Result<Simulation, CliError> {
        let (mut saved, mut told) = (Instant::now(), Instant::now());
        loop {
            let end = simulation.run(&mut |progress| {
                self.bar.set_position(progress.done);
                if self.bar.is_hidden() && told.elapsed() >= Duration::from_secs(LINE_EVERY_S) {
                    told = Instant::now();
                    self.output.story(format_args!(
                        "block {} of {}, {} epochs",
                        progress.done, progress.blocks, progress.epochs
                    ));
                }
                let save = self.state.is_some() && saved.elapsed() >= Duration::from_secs(SAVE_EVERY_S);
                if save || self.stop.load(Ordering::Relaxed) { Control::Pause } else { Control::Continue }
            });
            if end == RunEnd::Finished {
                return Ok(simulation);
            }
            self.save(&simulation)?;
            saved = Instant::now();
            if self.stop.load(Ordering::Relaxed) {
                return Err(self.interrupted(&simulation));
            }
        }
    }

    fn save(&self, simulation: &Simulation) -> Result<(), CliError> {
        self.state.as_deref().map_or(Ok(()), |path| simulation.save(path).or_exit(Exit::State))
    }

    fn interrupted(&self, simulation: &Simulation) -> CliError {
        let done = simulation.done();
        let message = match &self.state {
            Some(path) => {
                format!("stopped after block {done}; the same command goes on from {}", path.display())
            }
            None => format!("stopped after block {done}; nothing was kept, --state FILE keeps it next time"),
        };
        CliError::new(Exit::Interrupted, message)
    }
}

fn tell(simulation: &Simulation, begin: Instant, output: &Output) {
    let summary = simulation.summary();
    let spec = simulation.world().network.spec.version;
    output.result(format_args!(
        "{}: {} blocks, {} epochs, runtime rules {spec}, seed {}",
        summary.scenario, summary.blocks, summary.epochs, summary.seed
    ));
    output.result(format_args!(
        "{:<28} {:>7} {:>18} {:>18}",
        "group", "members", "earned alpha", "earned TAO value"
    ));
    for group in &summary.groups {
        output.result(format_args!(
            "{:<28} {:>7} {:>18} {:>18}",
            group.group,
            group.members,
            units(group.earned_alpha_rao),
            units(group.earned_value_rao)
        ));
    }
    let refused: u64 = summary.refusals.iter().map(|(_, _, count)| count).sum();
    if refused > 0 {
        output.result(format_args!("{refused} operations were refused by the chain; the report names them"));
    }
    output.result(format_args!("digest {}", simulation.digest()));
    let wall_ms = begin.elapsed().as_millis();
    output.event(
        "run",
        &Done { digest: simulation.digest(), spec: spec.to_string(), wall_ms, summary: &summary },
    );
}
