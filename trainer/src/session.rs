//! Ordinary single-node training: the same step as in the network, without peers.
//!
//! ```text
//!  Samples ─► Order (by seed) ─► step, rate of the schedule ─► every N steps: checkpoint in the background
//!                                                                │
//!  resume ◄── latest.json ◄── step-00000050/ (Hugging Face) ◄────┴── step-00000050.state (optimizer, cursor)
//! ```
//!
//! A training that was killed goes on from its last checkpoint to the same bits as one that was not: the state,
//! the moments and the number of steps are saved, and everything else is a function of these and the seed.

mod disk;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sn3_protocol::Digest;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::schedule::InnerSchedule;

use crate::checkpoint::{ExportError, ImportError};
use crate::data::{Samples, ShardError, spread};
use crate::order::Order;
use crate::sidecar::SidecarError;
use crate::tokenizer::Tokenizer;
use crate::train::{StateError, StepError, Train};
use disk::{Disk, Snapshot};

/// Samples that are evaluated together.
const EVALUATE_TOGETHER: usize = 8;

/// Numbers of a training. All but `steps`, `checkpoint_every`, `keep` and those of the evaluation must be the
/// same when it is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// Steps in all, those before a resume included.
    pub steps: u64,
    /// Samples of one step.
    pub batch_samples: u32,
    /// Learning rate by step.
    pub schedule: InnerSchedule,
    /// The optimizer's constants; the trainer must have been made with them.
    pub adam: AdamConfig,
    /// Seed of the order of the samples.
    pub seed: u64,
    /// Steps from one checkpoint to the next; 0 for one at the end only.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept, the newest ones; at least 1.
    pub keep: usize,
    /// Steps from one evaluation to the next; 0 for none.
    pub evaluate_every: u64,
    /// Held-out samples of one evaluation, at most.
    pub evaluate_samples: u64,
}

/// What a training works on.
pub struct Session<'a> {
    /// The model; its parameters are what training begins with, unless there is a checkpoint to resume.
    pub trainer: &'a mut dyn Train,
    /// What is trained on.
    pub data: &'a dyn Samples,
    /// What is evaluated on, if anything.
    pub heldout: Option<&'a dyn Samples>,
    /// Where checkpoints are; without a folder nothing is saved.
    pub folder: Option<&'a Path>,
    /// Saved with every checkpoint.
    pub tokenizer: Option<&'a Tokenizer>,
}

/// What happens during a training.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// It goes on from a checkpoint.
    Resumed {
        /// Steps that were done before.
        step: u64,
    },
    /// A step was done.
    Step {
        /// Steps done so far.
        step: u64,
        /// Mean loss of its labels in nats, before the update.
        loss: f32,
        /// Its learning rate.
        lr: f32,
        /// L2 norm of its gradient before clipping.
        grad_norm: f32,
        /// Tokens a second of this step.
        tokens_s: f64,
    },
    /// Held-out samples were evaluated.
    Evaluated {
        /// Steps done so far.
        step: u64,
        /// Mean loss in nats.
        loss: f32,
    },
    /// A checkpoint is on disk.
    Saved {
        /// Steps that it has.
        step: u64,
        /// The folder with the model.
        path: PathBuf,
    },
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainReport {
    /// Steps done in all.
    pub steps: u64,
    /// Steps of this call.
    pub steps_now: u64,
    /// Tokens of this call.
    pub tokens: u64,
    /// Seconds of this call.
    pub seconds: f64,
    /// Loss of the last step of this call.
    pub last_loss: Option<f32>,
    /// The model state's digest.
    pub state: Digest,
    /// Whether the caller ended it early.
    pub stopped: bool,
}

/// Why a training did not go on. What was saved before is whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A step.
    #[error("step {step}: {source}")]
    Step {
        /// Its number, counted from 1.
        step: u64,
        /// What is wrong.
        source: StepError,
    },
    /// A sample.
    #[error(transparent)]
    Data(#[from] ShardError),
    /// Options without meaning.
    #[error("option {option} is {value}; {remedy}")]
    Option {
        /// Which one.
        option: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// A checkpoint of another training.
    #[error(
        "the checkpoint in {path:?} belongs to another {what} ({found}, not {expected}); resume with the same, or choose another folder"
    )]
    Other {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// The checkpoint's.
        found: String,
        /// This training's.
        expected: String,
    },
    /// The list of checkpoints is no such list.
    #[error(
        "checkpoint list {path:?} is damaged ({reason}); delete it to start anew, or write the name of a whole checkpoint into it"
    )]
    List {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path:?}: {source}; check the free space and the rights of its folder")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The model could not be saved.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The model could not be loaded.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The optimizer's state could not be saved or loaded.
    #[error(transparent)]
    Sidecar(#[from] SidecarError),
    /// A state that the trainer does not take.
    #[error(transparent)]
    State(#[from] StateError),
    /// The thread that saves ended without a result.
    #[error(
        "the thread that saves checkpoints ended early; the last whole checkpoint is the one in the list"
    )]
    Saver,
}

impl TrainOptions {
    fn check(&self) -> Result<(), TrainError> {
        let wrong = |option, value: String, remedy| Err(TrainError::Option { option, value, remedy });
        if self.batch_samples == 0 {
            return wrong("batch_samples", "0".to_owned(), "use at least 1");
        }
        if self.keep == 0 {
            return wrong("keep", "0".to_owned(), "keep at least 1 checkpoint");
        }
        match self.schedule.fault() {
            Some(option) => {
                wrong(option, "out of range".to_owned(), "see the schedules of the training protocol")
            }
            None => Ok(()),
        }
    }

    /// What must be the same when a training is resumed, as text.
    fn fixed(&self) -> String {
        let fixed = (self.seed, self.batch_samples, &self.schedule, &self.adam);
        serde_json::to_string(&fixed).expect("plain numbers become JSON")
    }
}

/// Trains until `options.steps` steps are done, from the newest checkpoint in the folder if there is one.
///
/// `progress` is told what happens and ends the training early with [`ControlFlow::Break`]; a checkpoint is
/// then saved as at the end.
///
/// # Errors
/// If options, samples or files are unusable, a checkpoint belongs to another training, or a step fails.
pub fn train(
    session: Session<'_>,
    options: &TrainOptions,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<TrainReport, TrainError> {
    options.check()?;
    let begin = Instant::now();
    let mut running = Running::start(session, options, progress)?;
    let first = running.step;
    while running.step < options.steps && !running.stopped {
        running.one_step()?;
    }
    running.finish()?;
    let steps_now = running.step - first;
    let trainer = &running.session.trainer;
    Ok(TrainReport {
        steps: running.step,
        steps_now,
        tokens: steps_now * u64::from(options.batch_samples) * running.session.data.seq_len() as u64,
        seconds: begin.elapsed().as_secs_f64(),
        last_loss: running.last_loss,
        state: trainer.layout().state_digest(&trainer.params()),
        stopped: running.stopped,
    })
}

/// A training under way.
struct Running<'a, 'b> {
    session: Session<'a>,
    options: &'b TrainOptions,
    progress: &'b mut dyn FnMut(&Progress) -> ControlFlow<()>,
    order: Order,
    disk: Option<Disk>,
    step: u64,
    saved: Option<u64>,
    last_loss: Option<f32>,
    stopped: bool,
}

impl<'a, 'b> Running<'a, 'b> {
    fn start(
        session: Session<'a>,
        options: &'b TrainOptions,
        progress: &'b mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        check_data(session.trainer.config(), session.data)?;
        session.heldout.map_or(Ok(()), |data| check_data(session.trainer.config(), data))?;
        let order = Order::new(session.data.count(), options.seed);
        let disk = session.folder.map(|folder| Disk::new(folder, options.keep));
        let mut running = Self {
            session,
            options,
            progress,
            order,
            disk,
            step: 0,
            saved: None,
            last_loss: None,
            stopped: false,
        };
        running.resume()?;
        Ok(running)
    }

    fn tell(&mut self, progress: &Progress) {
        self.stopped |= (self.progress)(progress).is_break();
    }

    fn resume(&mut self) -> Result<(), TrainError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let trainer = &mut *self.session.trainer;
        let Some(loaded) = disk.load(trainer.config())? else { return Ok(()) };
        loaded.expect("set of options", &loaded.options, &self.options.fixed())?;
        let identity = self.session.data.identity().to_string();
        loaded.expect("set of samples", &loaded.data, &identity)?;
        trainer.set_params(&loaded.params)?;
        trainer.set_optimizer(loaded.optimizer)?;
        (self.step, self.saved) = (loaded.step, Some(loaded.step));
        self.tell(&Progress::Resumed { step: self.step });
        Ok(())
    }

    fn one_step(&mut self) -> Result<(), TrainError> {
        let begin = Instant::now();
        let batch = u64::from(self.options.batch_samples);
        let positions = self.step * batch..(self.step + 1) * batch;
        let samples = positions.map(|position| self.session.data.sample(self.order.at(position)));
        let samples = samples.collect::<Result<Vec<_>, _>>()?;
        let refs: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
        let lr = self.options.schedule.lr(self.step) as f32;
        let at = |source| TrainError::Step { step: self.step + 1, source };
        let stats = self.session.trainer.step(&refs, lr).map_err(at)?;
        self.step += 1;
        self.last_loss = Some(stats.loss);
        let tokens = (batch * self.session.data.seq_len() as u64) as f64;
        let tokens_s = tokens / begin.elapsed().as_secs_f64();
        let (step, loss, grad_norm) = (self.step, stats.loss, stats.grad_norm);
        self.tell(&Progress::Step { step, loss, lr, grad_norm, tokens_s });
        self.between_steps()
    }

    /// Evaluation and checkpoint, where they are due.
    fn between_steps(&mut self) -> Result<(), TrainError> {
        let due = |every: u64| every > 0 && self.step.is_multiple_of(every);
        let (evaluate, save) = (due(self.options.evaluate_every), due(self.options.checkpoint_every));
        if let Some(heldout) = self.session.heldout.filter(|_| evaluate) {
            let loss = evaluate_on(self.session.trainer, heldout, self.options.evaluate_samples);
            let loss = loss.map_err(|error| error.at(self.step))?;
            self.tell(&Progress::Evaluated { step: self.step, loss });
        }
        if save { self.save() } else { self.collect(false) }
    }

    /// Hands a copy of the state to the thread that saves, once it is done with the one before.
    fn save(&mut self) -> Result<(), TrainError> {
        self.collect(true)?;
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let trainer = &self.session.trainer;
        disk.begin(Snapshot {
            step: self.step,
            config: trainer.config().clone(),
            params: trainer.params(),
            optimizer: trainer.optimizer(),
            tokenizer: self.session.tokenizer.cloned(),
            options: self.options.fixed(),
            data: self.session.data.identity().to_string(),
        });
        self.saved = Some(self.step);
        Ok(())
    }

    /// Takes the result of a save that is done, or that is waited for.
    fn collect(&mut self, wait: bool) -> Result<(), TrainError> {
        let Some(disk) = &mut self.disk else { return Ok(()) };
        if let Some((step, path)) = disk.finished(wait)? {
            self.tell(&Progress::Saved { step, path });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TrainError> {
        if self.saved != Some(self.step) {
            self.save()?;
        }
        self.collect(true)
    }
}

/// Why samples were not evaluated.
pub(crate) enum EvaluateError {
    Data(ShardError),
    Step(StepError),
}

impl EvaluateError {
    fn at(self, step: u64) -> TrainError {
        match self {
            Self::Data(error) => error.into(),
            Self::Step(source) => TrainError::Step { step, source },
        }
    }
}

/// The mean loss of `count` samples, evenly spread.
pub(crate) fn evaluate_on(
    trainer: &mut dyn Train,
    data: &dyn Samples,
    count: u64,
) -> Result<f32, EvaluateError> {
    let numbers: Vec<u64> = spread(count, data.count()).collect();
    let (mut sum, mut weight) = (0.0, 0.0);
    for numbers in numbers.chunks(EVALUATE_TOGETHER) {
        let samples = numbers.iter().map(|&index| data.sample(index)).collect::<Result<Vec<_>, _>>();
        let samples = samples.map_err(EvaluateError::Data)?;
        let refs: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
        let loss = trainer.loss(&refs).map_err(EvaluateError::Step)?;
        (sum, weight) = (sum + f64::from(loss) * refs.len() as f64, weight + refs.len() as f64);
    }
    Ok(if weight > 0.0 { (sum / weight) as f32 } else { 0.0 })
}

/// Samples must be there and fit the model, before anything is computed.
fn check_data(config: &ModelConfig, data: &dyn Samples) -> Result<(), TrainError> {
    let wrong = |option, value: String, remedy| Err(TrainError::Option { option, value, remedy });
    if data.count() == 0 {
        return wrong("data", "without samples".to_owned(), "prepare more text or shorter samples");
    }
    if data.seq_len() > config.context as usize {
        let value = format!("of samples of {} tokens", data.seq_len());
        return wrong("data", value, "they may not be longer than the model's context");
    }
    if data.vocab() > config.vocab {
        let value = format!("of a vocabulary of {}", data.vocab());
        return wrong("data", value, "the model's vocabulary must be at least as large");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
