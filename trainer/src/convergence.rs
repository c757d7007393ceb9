//! Whether training with rare, small exchanges learns as well as ordinary training: SparseLoCo with one or more
//! peers, DiLoCo with a Nesterov momentum, and AdamW with the same number of tokens, on the same text.
//!
//! ```text
//!  AdamW        one model, batch · peers samples a step          sends a gradient each step (data parallel)
//!  DiLoCo       each peer H steps; mean of all deltas            dense f32, Nesterov outer step
//!  SparseLoCo   each peer H steps; top-k, error feedback, wire   payload bytes as they are, plain outer step
//! ```
//!
//! Every run of one seed begins with the same parameters and has the same tokens at the same point. Peers of a
//! run train on different samples. The loss is that of held-out samples.

mod methods;
mod summary;

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sn3_protocol::model::{ModelConfig, ModelConfigError};
use sn3_protocol::run::AdamConfig;
use sn3_protocol::schedule::InnerSchedule;
use sn3_protocol::sparse::SparseConfig;

use crate::data::{Samples, ShardError};
use crate::init::initial_state;
use crate::session::{EvaluateError, evaluate_on};
use crate::train::{StateError, StepError, Train};
use methods::Runner;
pub use summary::{Comparison, compare};

/// Positions of a chunk, of which no more can be kept.
const TOP_K_MAX: u32 = 4096;

/// A way to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Ordinary training; its traffic is that of data-parallel workers that send f32 gradients.
    AdamW,
    /// Dense deltas every `inner_steps`, outer SGD with Nesterov momentum.
    DiLoCo,
    /// Sparse deltas with error feedback every `inner_steps`, plain outer SGD.
    SparseLoCo,
}

/// One method with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// How.
    pub method: Method,
    /// Peers; for AdamW the workers whose traffic is counted.
    pub peers: u32,
    /// Steps between exchanges; 1 for AdamW.
    pub inner_steps: u32,
    /// Learning rate of the outer step; unused for AdamW.
    pub outer_lr: f32,
    /// Largest learning rate of the inner steps, where it is not that of all arms: ways to train have their best
    /// results at different rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_lr: Option<f64>,
    /// Values that SparseLoCo keeps of a chunk, where it is not the number of all arms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
}

impl Arm {
    /// A way to train with the rate and the compression that all arms share.
    #[must_use]
    pub fn new(method: Method, peers: u32, inner_steps: u32, outer_lr: f32) -> Self {
        Self { method, peers, inner_steps, outer_lr, peak_lr: None, top_k: None }
    }

    /// The compression: `shared`, or as much of a chunk as the arm's own number says.
    fn sparse(&self, shared: &SparseConfig) -> SparseConfig {
        SparseConfig { top_k: self.top_k.unwrap_or(shared.top_k), ..*shared }
    }
}

/// Numbers of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvergenceOptions {
    /// The model.
    pub model: ModelConfig,
    /// What is compared.
    pub arms: Vec<Arm>,
    /// Seeds; each arm runs once with each.
    pub seeds: Vec<u64>,
    /// Tokens of a run, in all peers together.
    pub tokens: u64,
    /// Samples of a step, in all peers together; every arm's peers must divide it.
    pub batch_samples: u32,
    /// Largest learning rate of arms without their own; warm-up over a twentieth of the steps, then a cosine to a tenth.
    pub peak_lr: f64,
    /// The optimizer's constants.
    pub adam: AdamConfig,
    /// The compression.
    pub sparse: SparseConfig,
    /// Outer momentum of DiLoCo.
    pub momentum: f32,
    /// Held-out samples of an evaluation.
    pub evaluate_samples: u64,
    /// Evaluations of a run, evenly spread, the last at its end.
    pub evaluations: u32,
}

impl ConvergenceOptions {
    /// The comparison that is reported: SparseLoCo with 1, 4 and 8 peers and 15 and 30 steps, DiLoCo with the
    /// same of 4 peers, AdamW; three seeds.
    #[must_use]
    pub fn new(model: ModelConfig, tokens: u64) -> Self {
        let sparse = [1, 4, 8].into_iter().flat_map(|peers| [15, 30].map(|h| (peers, h)));
        let mut arms: Vec<Arm> =
            sparse.map(|(peers, h)| Arm::new(Method::SparseLoCo, peers, h, 1.0)).collect();
        arms.extend([15, 30].map(|h| Arm::new(Method::DiLoCo, 4, h, 0.7)));
        arms.push(Arm::new(Method::AdamW, 4, 1, 1.0));
        Self {
            model,
            arms,
            seeds: vec![1, 2, 3],
            tokens,
            batch_samples: 32,
            peak_lr: 2e-3,
            adam: AdamConfig::default(),
            sparse: SparseConfig::default(),
            momentum: 0.9,
            evaluate_samples: 64,
            evaluations: 20,
        }
    }

    /// Steps of a run: one for every batch of tokens.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let step = u64::from(self.batch_samples) * u64::from(self.model.context);
        self.tokens.div_ceil(step.max(1))
    }

    /// Every run: each arm with each seed, arm by arm.
    pub fn pairs(&self) -> impl Iterator<Item = (Arm, u64)> + '_ {
        self.arms.iter().flat_map(|arm| self.seeds.iter().map(move |seed| (*arm, *seed)))
    }

    fn schedule(&self, arm: &Arm) -> InnerSchedule {
        let steps = self.steps();
        let warmup_steps = steps / 20;
        InnerSchedule::Main {
            peak_lr: arm.peak_lr.unwrap_or(self.peak_lr),
            warmup_steps,
            cosine_steps: (steps - warmup_steps).max(1),
            floor_factor: 0.1,
            flat: None,
        }
    }
}

/// The state of a run at one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps so far.
    pub step: u64,
    /// Tokens so far, in all peers together.
    pub tokens: u64,
    /// Bytes that each peer has sent so far.
    pub sent_bytes: u64,
    /// Seconds of training so far, all peers one after another on this machine.
    pub seconds: f64,
    /// Held-out loss in nats.
    pub loss: f32,
}

/// One arm with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What ran.
    pub arm: Arm,
    /// With which seed.
    pub seed: u64,
    /// Its evaluations in order; the first is before training.
    pub points: Vec<Point>,
    /// Why it ended early: its loss, gradient or state was no longer finite. Its points are those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<String>,
}

/// What happens during a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A peer did a step.
    Trained {
        /// Of which arm.
        arm: &'a Arm,
        /// With which seed.
        seed: u64,
        /// Tokens of this run so far, in all peers together.
        tokens: u64,
    },
    /// A run was evaluated.
    Evaluated {
        /// Its arm.
        arm: &'a Arm,
        /// Its seed.
        seed: u64,
        /// What came out.
        point: &'a Point,
    },
    /// A run is whole.
    Finished(&'a Run),
}

/// Who is told, and may end the comparison.
pub type Watcher<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a;

/// All runs, with what they ran with; the data of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvergenceReport {
    /// The numbers.
    pub options: ConvergenceOptions,
    /// Parameters of the model.
    pub parameters: u64,
    /// The runs that are done, in the order in which they were.
    pub runs: Vec<Run>,
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvergenceError {
    /// Numbers that do not fit each other.
    #[error("comparison: {0}")]
    Options(String),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelConfigError),
    /// A sample.
    #[error(transparent)]
    Data(#[from] ShardError),
    /// A step.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A state that the trainer does not take: it was made for another model.
    #[error(transparent)]
    State(#[from] StateError),
    /// A delta that cannot be compressed.
    #[error(transparent)]
    Compress(#[from] sn3_protocol::sparse::CompressError),
    /// Payloads that cannot be aggregated.
    #[error(transparent)]
    Payload(#[from] sn3_protocol::aggregate::PayloadError),
    /// An outer step that is not finite.
    #[error(transparent)]
    Aggregate(#[from] sn3_protocol::aggregate::AggregateError),
}

impl ConvergenceError {
    /// Whether the run's own numbers grew beyond all bounds, which is a result and no mistake of the options.
    fn is_divergence(&self) -> bool {
        use sn3_protocol::aggregate::AggregateError;
        use sn3_protocol::sparse::CompressError;
        matches!(
            self,
            Self::Step(StepError::NotFinite { .. })
                | Self::State(StateError::NotFinite { .. })
                | Self::Compress(CompressError::NotFinite { .. } | CompressError::TooLarge { .. })
                | Self::Aggregate(AggregateError::NotFinite(_))
        )
    }
}

impl From<EvaluateError> for ConvergenceError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Data(error) => error.into(),
            EvaluateError::Step(error) => error.into(),
        }
    }
}

/// Runs every arm with every seed. `done` holds runs of an earlier report with the same options, which are not
/// run again. `watcher` is told what happens; the comparison ends early, with the runs that are whole, when it
/// breaks. A run that diverges is a result as well: it says so, and the others go on.
///
/// # Errors
/// If options do not fit each other, or samples do not fit the model.
pub fn convergence(
    trainer: &mut dyn Train,
    train: &dyn Samples,
    heldout: &dyn Samples,
    options: &ConvergenceOptions,
    done: Vec<Run>,
    watcher: &mut Watcher<'_>,
) -> Result<ConvergenceReport, ConvergenceError> {
    check(trainer, train, heldout, options)?;
    let mut report = ConvergenceReport {
        options: options.clone(),
        parameters: options.model.parameters(),
        runs: Vec::new(),
    };
    let mut done = done;
    for (arm, seed) in options.pairs() {
        if let Some(at) = done.iter().position(|run| (run.arm, run.seed) == (arm, seed)) {
            report.runs.push(done.swap_remove(at));
            continue;
        }
        let run = Attempt { options, heldout, arm, seed, points: Vec::new() };
        let Some(run) = run.run(trainer, train, watcher)? else { return Ok(report) };
        let end = watcher(&Progress::Finished(&run));
        report.runs.push(run);
        if end.is_break() {
            return Ok(report);
        }
    }
    Ok(report)
}

/// A run under way, with what was seen of it.
struct Attempt<'a> {
    options: &'a ConvergenceOptions,
    heldout: &'a dyn Samples,
    arm: Arm,
    seed: u64,
    points: Vec<Point>,
}

impl Attempt<'_> {
    /// The whole run, or what there is of it when it diverges; none if the watcher ended it.
    fn run(
        mut self,
        trainer: &mut dyn Train,
        train: &dyn Samples,
        watcher: &mut Watcher<'_>,
    ) -> Result<Option<Run>, ConvergenceError> {
        let diverged = match self.points(trainer, train, watcher) {
            Ok(ControlFlow::Break(())) => return Ok(None),
            Ok(ControlFlow::Continue(())) => None,
            Err(error) if error.is_divergence() => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        Ok(Some(Run { arm: self.arm, seed: self.seed, points: self.points, diverged }))
    }

    fn points(
        &mut self,
        trainer: &mut dyn Train,
        train: &dyn Samples,
        watcher: &mut Watcher<'_>,
    ) -> Result<ControlFlow<()>, ConvergenceError> {
        let Self { options, arm, seed, .. } = *self;
        let start = initial_state(&options.model, seed)?;
        let mut runner = Runner::new(trainer, train, options, arm, seed, start);
        let (steps, mut seconds) = (options.steps(), 0.0);
        for evaluation in 0..=u64::from(options.evaluations) {
            let begin = Instant::now();
            let due = steps * evaluation / u64::from(options.evaluations);
            let mut tell = |tokens| watcher(&Progress::Trained { arm: &arm, seed, tokens });
            if runner.run_to(due, &mut tell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            seconds += begin.elapsed().as_secs_f64();
            let loss = evaluate_on(runner.judge()?, self.heldout, options.evaluate_samples)?;
            let (step, tokens) = (runner.step(), runner.tokens());
            let point = Point { step, tokens, sent_bytes: runner.sent_bytes(), seconds, loss };
            self.points.push(point);
            if watcher(&Progress::Evaluated { arm: &arm, seed, point: &point }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn check(
    trainer: &dyn Train,
    train: &dyn Samples,
    heldout: &dyn Samples,
    options: &ConvergenceOptions,
) -> Result<(), ConvergenceError> {
    let wrong = |text: String| Err(ConvergenceError::Options(text));
    if trainer.config() != &options.model {
        return wrong("the trainer has another model than the options; make it from them".to_owned());
    }
    if options.batch_samples == 0 || options.evaluations == 0 || options.tokens == 0 {
        return wrong("batch, evaluations and tokens must be above 0".to_owned());
    }
    let rates = [options.peak_lr, f64::from(options.momentum)];
    if !rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0) || options.peak_lr == 0.0 {
        return wrong(format!(
            "learning rate {} and momentum {} must be finite, the rate above 0",
            rates[0], rates[1]
        ));
    }
    for arm in &options.arms {
        if let Some(rate) = arm.peak_lr.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return wrong(format!("an arm's learning rate is {rate}; use a finite number above 0"));
        }
        if let Some(kept) = arm.top_k.filter(|kept| !(1..=TOP_K_MAX).contains(kept)) {
            return wrong(format!("an arm keeps {kept} values of a chunk; use 1 to {TOP_K_MAX}"));
        }
        if !(arm.outer_lr.is_finite() && arm.outer_lr > 0.0) {
            return wrong(format!("outer learning rate {} must be finite and above 0", arm.outer_lr));
        }
        if arm.peers == 0 || arm.inner_steps == 0 || !options.batch_samples.is_multiple_of(arm.peers) {
            let (batch, peers) = (options.batch_samples, arm.peers);
            return wrong(format!("a batch of {batch} samples cannot be shared by {peers} peers equally"));
        }
    }
    for (name, samples) in [("training", train), ("held-out", heldout)] {
        let context = options.model.context as usize;
        if samples.count() == 0 || samples.seq_len() != context || samples.vocab() > options.model.vocab {
            let (count, seq_len, vocab) = (samples.count(), samples.seq_len(), samples.vocab());
            return wrong(format!(
                "there are {count} {name} samples of {seq_len} tokens below {vocab}; the model needs some of {context} below {}",
                options.model.vocab
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
