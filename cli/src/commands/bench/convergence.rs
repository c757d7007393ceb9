//! `sn3 bench convergence`: SparseLoCo, DiLoCo and AdamW with the same tokens.
//!
//! Every run that comes to its end is in `results.json` at once, and is not run again by the same command. Several
//! processes may share the file, each with other arms or seeds.

mod page;
mod results;
mod table;

use std::ops::ControlFlow;
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_protocol::model::ModelConfig;
use sn3_trainer::convergence::{
    Arm, Comparison, ConvergenceError, ConvergenceOptions, Point, Progress, Run, compare, convergence,
};
use sn3_trainer::data::Samples;
use sn3_trainer::train::Train;

use crate::args::training::ConvergenceArgs;
use crate::exit::{CliError, Exit, chain_of_causes};
use crate::output::Output;
use crate::training::{Folder, Material, ModelSource, Pace, heavy, lasting, prepare, step, stop_flag};
use results::{Conditions, RESULTS, Results};
use table::{arm_name, text_table};

/// Seed of the samples; the runs' own seeds decide parameters and order.
const DATA_SEED: u64 = 1;

/// Runs what is not in the folder yet, and writes the report.
pub async fn run(args: ConvergenceArgs, output: &Output) -> Result<(), CliError> {
    step::check_device(args.step.device)?;
    if !(args.upload_mbit_s.is_finite() && args.upload_mbit_s > 0.0) {
        let message = format!("--upload-mbit-s is {}; use a number above 0", args.upload_mbit_s);
        return Err(CliError::new(Exit::Usage, message));
    }
    let stop = stop_flag(output, "stopping; the run under way is lost, finished ones are kept");
    let output = output.clone();
    heavy(move || compare_all(&args, &stop, &output)).await
}

fn compare_all(args: &ConvergenceArgs, stop: &Shared<AtomicBool>, output: &Output) -> Result<(), CliError> {
    let source = ModelSource::open(&args.model)?;
    step::check_memory(source.own(), &args.step)?;
    let folder = Folder::new(&args.out)?;
    let (model, material) = prepare(&source, &args.text, DATA_SEED, output)?;
    let model = ModelConfig { context: material.seq_len(), ..model };
    let options = options(args, model)?;
    let shape = (options.batch_samples, material.seq_len());
    let eos = material.tokenizer().eos();
    let mut trainer = step::build(&options.model, options.adam, &args.step, shape, eos)?;
    let conditions = Conditions::new(args, &material, trainer.layout().parameters() as u64);
    let results = Results::open(&folder.path(RESULTS), &options, conditions)?;
    let mut bench = Bench::new(options, results, folder, stop.clone(), output.clone());
    let end = bench.run(&mut *trainer, &material);
    bench.tell(args)?;
    end
}

fn options(args: &ConvergenceArgs, model: ModelConfig) -> Result<ConvergenceOptions, CliError> {
    let own = ConvergenceOptions::new(model, args.tokens);
    let options = ConvergenceOptions {
        arms: if args.arm.is_empty() { own.arms } else { distinct(&args.arm) },
        seeds: distinct(&args.seeds),
        batch_samples: args.batch,
        peak_lr: args.lr,
        momentum: args.momentum,
        evaluations: args.evaluations,
        evaluate_samples: args.evaluate_samples,
        ..own
    };
    if options.steps() < u64::from(options.evaluations) {
        let message = format!(
            "{} tokens are {} steps, fewer than the {} evaluations; use more tokens or fewer evaluations",
            options.tokens,
            options.steps(),
            options.evaluations
        );
        return Err(CliError::new(Exit::Usage, message));
    }
    Ok(options)
}

fn distinct<T: Copy + PartialEq>(items: &[T]) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(item) {
            kept.push(*item);
        }
    }
    kept
}

/// The runs that are to do, and where they go.
struct Bench {
    options: ConvergenceOptions,
    results: Results,
    folder: Folder,
    stop: Shared<AtomicBool>,
    output: Output,
    bar: ProgressBar,
    begin: Instant,
    pace: Pace,
    /// Tokens of the runs that were finished by this call.
    tokens_done: u64,
    tokens_all: u64,
}

impl Bench {
    fn new(
        options: ConvergenceOptions,
        results: Results,
        folder: Folder,
        stop: Shared<AtomicBool>,
        output: Output,
    ) -> Self {
        let to_do = options.pairs().filter(|&(arm, seed)| !results.has(arm, seed)).count() as u64;
        let tokens_all = to_do * options.tokens;
        let known = options.pairs().count() as u64 - to_do;
        output.story(format_args!(
            "{} parameters, {} steps of {} samples a run; {to_do} runs to do, {known} done before",
            options.model.parameters(),
            options.steps(),
            options.batch_samples
        ));
        let bar = output.bar("k tokens", tokens_all / 1000);
        let (begin, pace) = (Instant::now(), Pace::new());
        Self { options, results, folder, stop, output, bar, begin, pace, tokens_done: 0, tokens_all }
    }

    fn run(&mut self, trainer: &mut dyn Train, material: &Material) -> Result<(), CliError> {
        let (train, heldout) = (material.train(), material.held_out_or_error()?);
        let pairs: Vec<(Arm, u64)> = self.options.pairs().collect();
        for (arm, seed) in pairs {
            self.results.refresh(&self.folder.path(RESULTS))?;
            if self.results.has(arm, seed) {
                continue;
            }
            let Some(run) = self.one(trainer, (&*train, &*heldout), arm, seed)? else {
                return Err(self.interrupted());
            };
            self.finished(run)?;
        }
        Ok(())
    }

    /// One run; none if it was stopped.
    fn one(
        &mut self,
        trainer: &mut dyn Train,
        (train, heldout): (&dyn Samples, &dyn Samples),
        arm: Arm,
        seed: u64,
    ) -> Result<Option<Run>, CliError> {
        let options = ConvergenceOptions { arms: vec![arm], seeds: vec![seed], ..self.options.clone() };
        let mut watcher = |progress: &Progress<'_>| {
            self.show(progress);
            if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let report = convergence(trainer, train, heldout, &options, Vec::new(), &mut watcher);
        Ok(report.map_err(|error| failed(&error))?.runs.pop())
    }

    fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Trained { tokens, .. } => self.bar.set_position((self.tokens_done + tokens) / 1000),
            Progress::Evaluated { arm, seed, point } => self.evaluated(arm, *seed, point),
            _ => {}
        }
    }

    fn evaluated(&mut self, arm: &Arm, seed: u64, point: &Point) {
        #[derive(Serialize)]
        struct Event<'a> {
            arm: &'a Arm,
            seed: u64,
            point: &'a Point,
        }
        self.output.event("point", &Event { arm, seed, point });
        let left = self.left(point.tokens);
        let line = format!("{}, seed {seed}: loss {:.4}{left}", arm_name(arm), point.loss);
        if self.bar.is_hidden() && self.pace.due() {
            let share = 100.0 * point.tokens as f64 / self.options.tokens as f64;
            self.output.story(format_args!("{line} at {share:.0} % of the run"));
        }
        self.bar.set_message(line);
    }

    /// The time that is left, once there is something to judge it by.
    fn left(&self, tokens: u64) -> String {
        let done = self.tokens_done + tokens;
        if tokens == 0 || done == 0 {
            return String::new();
        }
        let rate = self.begin.elapsed().as_secs_f64() / done as f64;
        format!(", {} left", lasting(rate * self.tokens_all.saturating_sub(done) as f64))
    }

    /// Keeps a run on disk before the next one begins.
    fn finished(&mut self, run: Run) -> Result<(), CliError> {
        self.tokens_done += self.options.tokens;
        let last = run.points.last().map_or(f32::NAN, |point| point.loss);
        let seconds = run.points.last().map_or(0.0, |point| point.seconds);
        let end = match &run.diverged {
            Some(reason) => format!("diverged: {reason}"),
            None => format!("loss {last:.4}"),
        };
        self.output.story(format_args!(
            "done: {}, seed {}: {end}, {}",
            arm_name(&run.arm),
            run.seed,
            lasting(seconds)
        ));
        self.output.event("run", &run);
        self.results.add(&mut self.folder, run)
    }

    fn interrupted(&self) -> CliError {
        let all = self.options.pairs().count();
        let done = self.options.pairs().filter(|&(arm, seed)| self.results.has(arm, seed)).count();
        let message = format!("stopped with {done} of {all} runs done; the same command does the others");
        CliError::new(Exit::Interrupted, message)
    }

    /// Table and report of all runs that are done, those of earlier calls included.
    fn tell(&mut self, args: &ConvergenceArgs) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        if self.results.report.runs.is_empty() {
            return Ok(());
        }
        #[derive(Serialize)]
        struct Result<'a> {
            comparison: &'a [Comparison],
        }
        let comparison = compare(&self.results.report);
        self.folder.note(self.folder.path(RESULTS));
        self.folder.report(&page::page(&self.results, &comparison, args.upload_mbit_s))?;
        self.output.result(text_table(&comparison));
        self.output.event("convergence", &Result { comparison: &comparison });
        self.folder.tell(&self.output);
        Ok(())
    }
}

fn failed(error: &ConvergenceError) -> CliError {
    let exit = match error {
        ConvergenceError::Data(_) => Exit::Data,
        ConvergenceError::Options(_) | ConvergenceError::Model(_) => Exit::Usage,
        _ => Exit::Failure,
    };
    CliError::new(exit, chain_of_causes(error))
}
