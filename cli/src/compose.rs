//! The configuration of a new run from the command line: preset, schedules, clock.

use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::{AdamConfig, GauntletConfig, RunConfig};
use sn3_protocol::schedule::{InnerSchedule, OuterSchedule};
use sn3_protocol::{BlockNumber, ChunkRule, NetUid, RunId, SparseConfig, Window};
use sn3_trainer::init;

use crate::args::{DataArgs, RunArgs};
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::text::{self, Text};

/// How a run lies on the block clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Blocks of a window.
    pub blocks_per_window: u64,
    /// Blocks after a window in which submissions may arrive.
    pub put_blocks: u64,
    /// Blocks after the deadline within which the record must appear.
    pub record_blocks: u64,
    /// The first window.
    pub start: Window,
}

/// A composed run with what every node of it needs.
pub struct Composed {
    /// The configuration to sign.
    pub config: RunConfig,
    /// The text it trains on.
    pub text: Text,
    /// The state before the first window.
    pub initial: Vec<f32>,
}

impl Composed {
    /// Puts the run on the clock: it begins `windows_ahead` windows after that of `head` and lasts `windows`.
    pub fn start_after(&mut self, head: BlockNumber, windows_ahead: u64, windows: u64) {
        let start = Window(head.window(self.config.blocks_per_window).0 + windows_ahead);
        self.config.start_window = start;
        self.config.end_window = Some(Window(start.0 + windows - 1));
    }
}

/// Training numbers that depend on the size of the model.
struct Recipe {
    inner_steps: u32,
    batch_samples: u32,
    micro_batch: u32,
    peak_lr: f64,
    warmup_steps: u64,
    outer_lr: f32,
}

/// The small presets are tuned for minutes on a CPU; the real ones carry the 72B run's numbers
/// (training protocol, sections 1.1 and 1.2).
fn recipe(preset: &str) -> Recipe {
    match preset {
        "nano" => Recipe {
            inner_steps: 30,
            batch_samples: 8,
            micro_batch: 8,
            peak_lr: 4e-3,
            warmup_steps: 20,
            outer_lr: 0.8,
        },
        "micro" => Recipe {
            inner_steps: 30,
            batch_samples: 8,
            micro_batch: 8,
            peak_lr: 2e-3,
            warmup_steps: 30,
            outer_lr: 0.8,
        },
        _ => Recipe {
            inner_steps: 30,
            batch_samples: 192,
            micro_batch: 1,
            peak_lr: 1.2e-4,
            warmup_steps: 1_500,
            outer_lr: 1.0,
        },
    }
}

/// Reads the text, makes the tokenizer, the samples and the initial state, and writes down the run.
pub fn compose(
    run_id: &str,
    netuid: NetUid,
    run: &RunArgs,
    data: &DataArgs,
    clock: Clock,
    output: &Output,
) -> Result<Composed, CliError> {
    // A wrong name must fail before minutes of text preparation.
    ModelConfig::preset(&run.preset, None).or_exit(Exit::Usage)?;
    let run_id = RunId::new(run_id).or_exit(Exit::Usage)?;
    let corpus = text::read(data, output)?;
    let tokenizer = text::tokenizer(data, &corpus, run.vocab)?;
    let model = ModelConfig::preset(&run.preset, Some(tokenizer.vocab())).or_exit(Exit::Usage)?;
    let text = text::prepare(data, &corpus, tokenizer, model.context, run.seed, output)?;
    let layout = model.layout(ChunkRule::Padded).or_exit(Exit::Usage)?;
    let initial = init::initial_state(&model, run.seed).or_exit(Exit::Usage)?;
    let config = configure(run_id, netuid, run, model, clock, &text, layout.state_digest(&initial));
    config.check().or_exit(Exit::Usage)?;
    Ok(Composed { config, text, initial })
}

fn configure(
    run_id: RunId,
    netuid: NetUid,
    run: &RunArgs,
    model: ModelConfig,
    clock: Clock,
    text: &Text,
    initial_state: sn3_protocol::Digest,
) -> RunConfig {
    let recipe = recipe(&run.preset);
    let total_steps = run.windows * u64::from(recipe.inner_steps);
    RunConfig {
        run: run_id,
        netuid,
        seed: run.seed,
        blocks_per_window: clock.blocks_per_window,
        put_blocks: clock.put_blocks,
        record_blocks: clock.record_blocks,
        inner_steps: recipe.inner_steps,
        batch_samples: recipe.batch_samples,
        micro_batch: recipe.micro_batch,
        model,
        sparse: SparseConfig::default(),
        inner: InnerSchedule::Main {
            peak_lr: recipe.peak_lr,
            warmup_steps: recipe.warmup_steps,
            cosine_steps: total_steps.max(140_000 * u64::from(run.preset.ends_with('b'))),
            floor_factor: 0.1,
            flat: None,
        },
        outer: OuterSchedule::constant(recipe.outer_lr),
        adam: AdamConfig::default(),
        gauntlet: if run.windows <= 100 { GauntletConfig::small() } else { GauntletConfig::default() },
        tokenizer: text.tokenizer.digest(),
        dataset: text.dataset.digest(),
        initial_state,
        start_window: clock.start,
        end_window: Some(Window(clock.start.0 + run.windows - 1)),
    }
}
