//! `sn3 train`: ordinary training on one machine, with the network's own step.
//!
//! ```text
//!  DIR/checkpoints/   step-00000200/ (Hugging Face), step-00000200.state, latest.json
//!  DIR/log.jsonl      every step and evaluation
//!  DIR/train.json     what was trained, and how it ended
//!  DIR/report.html
//! ```

mod log;
mod options;
mod page;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_protocol::model::ModelConfig;
use sn3_trainer::data::Samples;
use sn3_trainer::init::initial_state;
use sn3_trainer::session::{self, Progress, Session, TrainError, TrainOptions, TrainReport};
use sn3_trainer::train::Train;

use crate::args::training::TrainArgs;
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::output::Output;
use crate::training::{Folder, Material, ModelSource, Pace, heavy, lasting, prepare, step, stop_flag};
use log::Log;

const CHECKPOINTS: &str = "checkpoints";

/// Trains, or goes on with a training that is in the folder.
pub async fn run(args: TrainArgs, output: &Output) -> Result<(), CliError> {
    step::check_device(args.step.device)?;
    let options = options::options(&args)?;
    let stop = stop_flag(output, "stopping after this step, with a checkpoint");
    let output = output.clone();
    heavy(move || train(&args, &options, stop, &output)).await
}

/// What `train.json` holds.
#[derive(Serialize)]
struct Description<'a> {
    v: u32,
    program: &'static str,
    model: &'a ModelConfig,
    parameters: u64,
    options: &'a TrainOptions,
    samples: String,
    train_samples: u64,
    tokenizer: String,
    device: String,
    trainer: String,
    checkpoint: Option<PathBuf>,
    report: &'a TrainReport,
}

fn train(
    args: &TrainArgs,
    options: &TrainOptions,
    stop: Shared<AtomicBool>,
    output: &Output,
) -> Result<(), CliError> {
    let source = ModelSource::open(&args.model)?;
    step::check_memory(source.own(), &args.step)?;
    let mut folder = Folder::new(&args.out)?;
    let (model, material) = prepare(&source, &args.text, args.seed, output)?;
    if stop.load(Ordering::Relaxed) {
        let message = "stopped before the first step; the prepared text is kept";
        return Err(CliError::new(Exit::Interrupted, message));
    }
    let mut trainer = trainer(args, options, &source, &model, &material)?;
    output.story(format_args!(
        "model: {}, {} parameters, on {}",
        model.name,
        model.parameters(),
        format!("{:?}", args.step.device).to_lowercase()
    ));
    let mut watch = Watch::new(options, Log::new(folder.path("log.jsonl")), stop, output.clone());
    let report = run_session(args, options, &mut *trainer, &material, &folder, &mut watch)?;
    watch.bar.finish_and_clear();
    watch.log.flush()?;
    folder.note(folder.path("log.jsonl"));
    let train = material.train();
    let description = Description {
        v: 1,
        program: env!("CARGO_PKG_VERSION"),
        model: &model,
        parameters: model.parameters(),
        options,
        samples: train.identity().to_string(),
        train_samples: train.count(),
        tokenizer: material.tokenizer().digest().to_string(),
        device: format!("{:?}", args.step.device).to_lowercase(),
        trainer: format!("{:?}", args.step.trainer).to_lowercase(),
        checkpoint: watch.saved.clone(),
        report: &report,
    };
    let json = serde_json::to_vec_pretty(&description).expect("plain values become JSON");
    folder.write("train.json", &json)?;
    folder.report(&page::page(&description, &watch.log))?;
    tell(&description, &watch, &folder, output);
    match report.stopped {
        false => Ok(()),
        true => {
            let (done, all) = (report.steps, options.steps);
            let message = format!("stopped after step {done} of {all}; the same command goes on from there");
            Err(CliError::new(Exit::Interrupted, message))
        }
    }
}

/// The trainer with the parameters that training begins with.
fn trainer(
    args: &TrainArgs,
    options: &TrainOptions,
    source: &ModelSource,
    model: &ModelConfig,
    material: &Material,
) -> Result<Box<dyn Train>, CliError> {
    let shape = (options.batch_samples, material.seq_len());
    let mut trainer = step::build(model, options.adam, &args.step, shape, material.tokenizer().eos())?;
    match source.state() {
        Some(state) => trainer.set_params(state).or_exit(Exit::State)?,
        None => {
            let state = initial_state(model, args.seed).or_exit(Exit::Usage)?;
            trainer.set_params(&state).or_exit(Exit::Usage)?;
        }
    }
    Ok(trainer)
}

fn run_session(
    args: &TrainArgs,
    options: &TrainOptions,
    trainer: &mut dyn Train,
    material: &Material,
    folder: &Folder,
    watch: &mut Watch,
) -> Result<TrainReport, CliError> {
    let (data, heldout) = (material.train(), material.held_out());
    if heldout.is_none() && args.evaluate_every > 0 {
        watch.output.story("no sample is held out, so nothing is evaluated");
    }
    let checkpoints = folder.path(CHECKPOINTS);
    let session = Session {
        trainer,
        data: &*data,
        heldout: heldout.as_deref().map(|heldout| heldout as &dyn Samples),
        folder: Some(&checkpoints),
        tokenizer: Some(material.tokenizer()),
    };
    let ended = session::train(session, options, &mut |progress| watch.see(progress));
    // What the log could not keep matters more than what happened because of it.
    watch.failure.take().map_or(Ok(()), Err)?;
    ended.map_err(|error| {
        watch.bar.finish_and_clear();
        drop(watch.log.flush());
        failed(&error)
    })
}

/// Shows and logs what happens.
struct Watch {
    options: TrainOptions,
    log: Log,
    stop: Shared<AtomicBool>,
    output: Output,
    bar: ProgressBar,
    pace: Pace,
    saved: Option<PathBuf>,
    failure: Option<CliError>,
}

impl Watch {
    fn new(options: &TrainOptions, log: Log, stop: Shared<AtomicBool>, output: Output) -> Self {
        let (bar, pace) = (output.bar("steps", options.steps), Pace::new());
        Self { options: options.clone(), log, stop, output, bar, pace, saved: None, failure: None }
    }

    fn see(&mut self, progress: &Progress) -> ControlFlow<()> {
        if let Err(error) = self.take(progress) {
            self.failure = Some(error);
        }
        let end = self.failure.is_some() || self.stop.load(Ordering::Relaxed);
        if end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn take(&mut self, progress: &Progress) -> Result<(), CliError> {
        match progress {
            Progress::Resumed { step } => self.resumed(*step),
            Progress::Step { .. } => self.stepped(progress),
            Progress::Evaluated { step, loss } => {
                self.log.evaluated(*step, *loss)?;
                let perplexity = f64::from(*loss).exp();
                self.output
                    .story(format_args!("step {step}: held-out loss {loss:.4}, perplexity {perplexity:.1}"));
                self.output.event("evaluated", &serde_json::json!({ "step": step, "loss": loss }));
                Ok(())
            }
            Progress::Saved { step, path } => {
                self.saved = Some(path.clone());
                self.output.event("saved", &serde_json::json!({ "step": step, "path": path }));
                self.log.flush()
            }
            _ => Ok(()),
        }
    }

    fn resumed(&mut self, step: u64) -> Result<(), CliError> {
        self.bar.set_position(step);
        self.bar.reset_eta();
        self.output.story(format_args!("going on after step {step}"));
        self.output.event("resumed", &serde_json::json!({ "step": step }));
        self.log.resume(step)
    }

    fn stepped(&mut self, progress: &Progress) -> Result<(), CliError> {
        let &Progress::Step { step, loss, lr, grad_norm, tokens_s } = progress else { return Ok(()) };
        let entry = log::Step { step, loss, lr, grad_norm, tokens_s };
        self.output.event("step", &entry);
        self.bar.set_position(step);
        let line = format!("loss {loss:.4}, lr {lr:.2e}, gradient {grad_norm:.2}, {tokens_s:.0} tokens/s");
        if self.bar.is_hidden() && self.pace.due() {
            let left = (self.options.steps - step) as f64 * self.log.seconds_per_step();
            self.output.story(format_args!(
                "step {step} of {}: {line}, {} left",
                self.options.steps,
                lasting(left)
            ));
        }
        self.bar.set_message(line);
        self.log.stepped(entry)
    }
}

fn tell(description: &Description<'_>, watch: &Watch, folder: &Folder, output: &Output) {
    let report = description.report;
    match report.steps_now {
        0 => output.result(format_args!("all {} steps were done before", report.steps)),
        now => output.result(format_args!(
            "{now} steps, {} tokens in {}: {:.0} tokens/s",
            report.tokens,
            lasting(report.seconds),
            report.tokens as f64 / report.seconds.max(1e-9)
        )),
    }
    if let Some(loss) = watch.log.recent_loss() {
        output.result(format_args!("training loss {loss:.4} (mean of the last steps)"));
    }
    if let Some((step, loss)) = watch.log.heldout().last() {
        output.result(format_args!("held-out loss {loss:.4} after step {step}"));
    }
    if let Some(path) = &watch.saved {
        output.result(format_args!("checkpoint {}", path.display()));
    }
    output.result(format_args!("state {}", report.state));
    output.event("report", description);
    folder.tell(output);
}

fn failed(error: &TrainError) -> CliError {
    let exit = match error {
        TrainError::Option { option: "data", .. } | TrainError::Data(_) | TrainError::File { .. } => {
            Exit::Data
        }
        TrainError::Option { .. } | TrainError::Other { .. } => Exit::Usage,
        TrainError::List { .. } | TrainError::Import(_) | TrainError::Sidecar(_) | TrainError::State(_) => {
            Exit::State
        }
        TrainError::Export(_) => Exit::Data,
        _ => Exit::Failure,
    };
    CliError::new(exit, chain_of_causes(error))
}
