//! `sn3 data`, `train`, `eval`, `generate`, `plan` and `bench`.

mod arm;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sn3_trainer::convergence::Arm;

use super::TrainerKind;

/// Most tokens that a command line can ask for.
const TOKENS_MAX: f64 = 1e15;

/// Where the step runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// This machine's processors.
    #[default]
    Cpu,
    /// The first NVIDIA GPU; needs a program built with `--features cuda`.
    Cuda,
}

/// How steps are computed.
#[derive(Clone, Debug, Args)]
pub struct StepArgs {
    /// Where the step runs.
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,

    /// Implementation of the training step.
    #[arg(long, value_enum, default_value_t)]
    pub trainer: TrainerKind,

    /// Samples that pass through the model at once; as many as make about 2,048 tokens (32,768 on a GPU), in a run of
    /// a subnet as many as the run says.
    #[arg(long, value_name = "SAMPLES", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub micro_batch: Option<u32>,

    /// Threads; all of the machine's without it, in a local network one for each node. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// What to train on or evaluate on.
#[derive(Clone, Debug, Args)]
pub struct TextArgs {
    /// Text files or folders (any UTF-8 text; .jsonl with a "text" field; packed with gzip or Zstandard or not), or one
    /// folder made by `sn3 data prepare`. Without it: the Rust sources that cargo downloaded to build sn3.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,

    /// Use this tokenizer.json instead of the model's own, or of training a byte-level BPE on the text.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Tokens that a tokenizer trained here learns; the model's vocabulary without it.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(300..=1_000_000))]
    pub vocab: Option<u32>,

    /// Tokens of a sample; the model's context without it, up to 2,048.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(2..=1_048_576))]
    pub seq_len: Option<u32>,

    /// Where prepared tokens and the tokenizer are kept between runs.
    #[arg(long, value_name = "DIR", env = "SN3_CACHE")]
    pub cache: Option<PathBuf>,
}

/// Shape of the learning rate over the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScheduleKind {
    /// Warm-up, then a cosine down to a share of the peak, with an optional span in which it stands still.
    #[default]
    Main,
    /// Warm-up to a share of the rate, then a straight line down.
    Anneal,
}

/// The learning rate.
#[derive(Clone, Debug, Args)]
pub struct ScheduleArgs {
    /// Shape of the learning rate over the steps.
    #[arg(long, value_enum, default_value_t)]
    pub schedule: ScheduleKind,

    /// Largest learning rate: 4e-3 for nano, 2e-3 for micro, 1.2e-4 for other models without it.
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f64>,

    /// Steps of warm-up; a twentieth of all without it, at most 1,500 (100 to anneal).
    #[arg(long, value_name = "STEPS")]
    pub warmup: Option<u64>,

    /// Steps from the peak to the floor; the rest of all steps without it. Name it to be able to train for more
    /// steps later.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    pub decay: Option<u64>,

    /// The floor as a share of the rate: 0.1, or 0 to anneal.
    #[arg(long, value_name = "SHARE")]
    pub floor: Option<f64>,

    /// Where annealing begins, as a share of the rate.
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    pub anneal_peak: f64,

    /// A span in which the schedule stands still: its first step and how many steps it lasts.
    #[arg(long, num_args = 2, value_names = ["STEP", "STEPS"])]
    pub flat: Vec<u64>,
}

/// `sn3 train`
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The model: nano, micro, 150m, 1b, 8b, 72b, a config.json, or a Hugging Face folder to go on from.
    #[arg(long, value_name = "NAME|PATH", default_value = "nano")]
    pub model: String,

    /// The text.
    #[command(flatten)]
    pub text: TextArgs,

    /// Steps in all, those before an interruption included.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub steps: u64,

    /// Samples of a step: 8 for nano and micro, 192 for other models without it.
    #[arg(long, value_name = "SAMPLES", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub batch: Option<u32>,

    /// The learning rate.
    #[command(flatten)]
    pub schedule: ScheduleArgs,

    /// Decoupled weight decay.
    #[arg(long, default_value_t = 0.1)]
    pub weight_decay: f32,

    /// Largest L2 norm of the gradient.
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    pub clip: f32,

    /// Seed of the initial parameters, of the samples and of their order.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,

    /// Steps from one checkpoint to the next; 0 for one at the end only.
    #[arg(long, value_name = "STEPS", default_value_t = 200)]
    pub checkpoint_every: u64,

    /// Checkpoints that are kept, the newest ones.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,

    /// Steps from one evaluation to the next; 0 for none.
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    pub evaluate_every: u64,

    /// Held-out samples of an evaluation.
    #[arg(long, value_name = "SAMPLES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    pub evaluate_samples: u64,

    /// How steps are computed.
    #[command(flatten)]
    pub step: StepArgs,

    /// Folder for checkpoints, log.jsonl, train.json and report.html. A training that is in it goes on.
    #[arg(long, value_name = "DIR", default_value = "sn3-train")]
    pub out: PathBuf,
}

/// `sn3 eval`
#[derive(Clone, Debug, Args)]
pub struct EvalArgs {
    /// A Hugging Face folder: a checkpoint of `sn3 train` or `sn3 localnet`, or any LLaMA-3 style model.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,

    /// Text files or folders to evaluate on, or a folder made by `sn3 data prepare`, whose held-out samples are
    /// taken. Without it and without --questions: the held-out part of the Rust sources that cargo downloaded.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,

    /// Multiple-choice questions: JSON lines as in MMLU, ARC or HellaSwag, or with context, choices and gold.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub questions: Vec<PathBuf>,

    /// Use this tokenizer.json instead of the model's own.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Only so many samples (evenly spread), documents or questions (the first ones).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Seed with which the samples of the default text were split, as given to `sn3 train`.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,

    /// Where the model is computed: in f32 on the CPU, in bf16 on a GPU.
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,

    /// Threads on the CPU; all of the machine's without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Where prepared tokens are kept between runs.
    #[arg(long, value_name = "DIR", env = "SN3_CACHE")]
    pub cache: Option<PathBuf>,
}

/// `sn3 generate`
#[derive(Clone, Debug, Args)]
pub struct GenerateArgs {
    /// A Hugging Face folder.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,

    /// What the text begins with; `-` reads it from stdin, nothing begins a new text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompt: String,

    /// Most tokens to add.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub tokens: u32,

    /// Logits are divided by it; 0 takes the likeliest token every time.
    #[arg(long, default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,

    /// Draw from the likeliest K tokens only; 0 for all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: u32,

    /// Draw from the likeliest tokens that together have this probability only.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub top_p: f32,

    /// Seed of the draws.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Use this tokenizer.json instead of the model's own.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Where the model is computed: in f32 on the CPU, in bf16 on a GPU.
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,

    /// Threads on the CPU; all of the machine's without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// `sn3 plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The model: nano, micro, 150m, 1b, 8b, 72b, a config.json, or a Hugging Face folder.
    #[arg(long, value_name = "NAME|PATH", default_value = "1b")]
    pub model: String,

    /// The GPU by name; --list shows all that are known.
    #[arg(long, value_name = "NAME", default_value = "h200")]
    pub gpu: String,

    /// List the GPUs that are known, with the numbers that are used for them.
    #[arg(long)]
    pub list: bool,

    /// Memory of a GPU that is not in the list, or another amount than the list says.
    #[arg(long, value_name = "GB")]
    pub gpu_memory_gb: Option<f64>,

    /// Its memory's bandwidth.
    #[arg(long, value_name = "GB_S")]
    pub gpu_bandwidth_gb_s: Option<f64>,

    /// Its peak of dense bf16 products.
    #[arg(long, value_name = "TFLOP_S")]
    pub gpu_tflops: Option<f64>,

    /// GPUs that share the batch, with the whole model on each.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub gpus: u32,

    /// Samples of a step, all GPUs together.
    #[arg(long, value_name = "SAMPLES", default_value_t = 192)]
    pub batch: u32,

    /// Samples of a pass on one GPU.
    #[arg(long, value_name = "SAMPLES", default_value_t = 1)]
    pub micro_batch: u32,

    /// Tokens of a sample; the model's context without it.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(2..=1_048_576))]
    pub seq_len: Option<u32>,

    /// Steps of a window.
    #[arg(long, value_name = "STEPS", default_value_t = 30)]
    pub inner_steps: u32,

    /// Blocks of a window, 12 seconds each.
    #[arg(long, value_name = "BLOCKS", default_value_t = 115)]
    pub window_blocks: u64,

    /// Blocks after the window in which payloads may arrive.
    #[arg(long, value_name = "BLOCKS", default_value_t = 10)]
    pub put_blocks: u64,

    /// Upload line.
    #[arg(long, value_name = "MBIT_S", default_value_t = 110.0)]
    pub upload_mbit_s: f64,

    /// Download line.
    #[arg(long, value_name = "MBIT_S", default_value_t = 500.0)]
    pub download_mbit_s: f64,

    /// Payloads that are downloaded in each window.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub peers: u32,

    /// Values kept of each chunk of 4,096.
    #[arg(long, value_name = "K", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub top_k: u32,
}

/// `sn3 data …`
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Tokenise text, shuffle it by seed and write it as shards; goes on where it was interrupted.
    Prepare(DataPrepareArgs),
    /// Say what a prepared folder or shards of other tools hold, and check them.
    Info(DataInfoArgs),
}

/// `sn3 data prepare`
#[derive(Clone, Debug, Args)]
pub struct DataPrepareArgs {
    /// Text files, .jsonl and .parquet files, packed with gzip or Zstandard or not, and folders of them. Without any:
    /// the Rust sources that cargo downloaded.
    #[arg(value_name = "PATH")]
    pub inputs: Vec<PathBuf>,

    /// Folder for the shards; of the same preparation, or empty.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Use this tokenizer.json instead of training a byte-level BPE on the text.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Tokens that a tokenizer trained here learns.
    #[arg(long, value_name = "TOKENS", default_value_t = 32_000, conflicts_with = "tokenizer", value_parser = clap::value_parser!(u32).range(300..=1_000_000))]
    pub vocab: u32,

    /// The field or column with the text, in .jsonl and .parquet files.
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub field: String,

    /// Extensions that are taken inside folders, packed or not: jsonl takes a.jsonl.zst as well.
    #[arg(long, value_name = "EXT", value_delimiter = ',', default_values = ["jsonl", "parquet", "txt", "md"])]
    pub ext: Vec<String>,

    /// Tokens of a sample.
    #[arg(long, value_name = "TOKENS", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(2..=1_048_576))]
    pub seq_len: u32,

    /// Seed of the order, and of what is held out.
    #[arg(long, default_value_t = 3)]
    pub seed: u64,

    /// Share of documents that is held out.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub heldout: f64,

    /// Samples of a shard.
    #[arg(long, value_name = "SAMPLES", default_value_t = 16_384, value_parser = clap::value_parser!(u64).range(1..=1 << 28))]
    pub shard_samples: u64,

    /// Threads; all of the machine's without it. The result does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// How tokens of `.bin` files are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenWidth {
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
}

/// `sn3 data info`
#[derive(Clone, Debug, Args)]
pub struct DataInfoArgs {
    /// A folder made by `sn3 data prepare`, or .npy and .bin shards of other tools.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Tokens of a sample, for shards of other tools.
    #[arg(long, value_name = "TOKENS", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(2..=1_048_576))]
    pub seq_len: u32,

    /// Tokens of the vocabulary, for shards of other tools.
    #[arg(long, value_name = "TOKENS", default_value_t = u32::MAX)]
    pub vocab: u32,

    /// How tokens of .bin files are stored.
    #[arg(long, value_enum)]
    pub bin: Option<TokenWidth>,

    /// Read everything: every token against the vocabulary, every id against its tokens.
    #[arg(long)]
    pub verify: bool,

    /// Show the text of this sample of a prepared folder.
    #[arg(long, value_name = "SAMPLE")]
    pub show: Option<u64>,
}

/// `sn3 bench …`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Compare SparseLoCo, DiLoCo and AdamW with the same tokens: loss by tokens, bytes sent and time.
    Convergence(Box<ConvergenceArgs>),
}

/// `sn3 bench convergence`
#[derive(Clone, Debug, Args)]
pub struct ConvergenceArgs {
    /// The model: nano, micro, 150m, 1b, 8b, 72b, or a config.json.
    #[arg(long, value_name = "NAME|FILE", default_value = "micro")]
    pub model: String,

    /// The text.
    #[command(flatten)]
    pub text: TextArgs,

    /// A way to train: adamw[:PEERS], diloco:PEERS:STEPS[:OUTER_RATE] or sparseloco:PEERS:STEPS[:OUTER_RATE], each
    /// with ,lr=RATE behind it for a learning rate of its own and ,k=N for the values kept of 4,096; may be given
    /// several times. Without it: SparseLoCo with 1, 4 and 8 peers and 15 and 30 steps between exchanges,
    /// DiLoCo with 4 peers and the same, and AdamW.
    #[arg(long, value_name = "ARM", value_parser = arm::read)]
    pub arm: Vec<Arm>,

    /// Seeds; each arm runs once with each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    pub seeds: Vec<u64>,

    /// Tokens of one run, in all peers together; k, M and B are understood.
    #[arg(long, default_value = "2M", value_parser = count)]
    pub tokens: u64,

    /// Samples of a step, in all peers together.
    #[arg(long, value_name = "SAMPLES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub batch: u32,

    /// Largest learning rate; warm-up over a twentieth of the steps, then a cosine down to a tenth.
    #[arg(long, value_name = "RATE", default_value_t = 2e-3)]
    pub lr: f64,

    /// Momentum of DiLoCo's outer step.
    #[arg(long, default_value_t = 0.9)]
    pub momentum: f32,

    /// Evaluations of a run, evenly spread.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub evaluations: u32,

    /// Held-out samples of an evaluation.
    #[arg(long, value_name = "SAMPLES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    pub evaluate_samples: u64,

    /// Each peer's upload line, for the calculated time of a real network.
    #[arg(long, value_name = "MBIT_S", default_value_t = 100.0)]
    pub upload_mbit_s: f64,

    /// How steps are computed.
    #[command(flatten)]
    pub step: StepArgs,

    /// Folder for results.json and report.html; runs that are in it are not run again.
    #[arg(long, value_name = "DIR", default_value = "sn3-convergence")]
    pub out: PathBuf,
}

/// A number of tokens: digits, or a number with k, M or B behind it.
fn count(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        Some((at, 'b' | 'B' | 'g' | 'G')) => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| "no number; write for example 2000000, 500k or 1.5M")?;
    match number * factor {
        tokens if (1.0..=TOKENS_MAX).contains(&tokens) => Ok(tokens.round() as u64),
        tokens => Err(format!("{tokens} is not between 1 and {TOKENS_MAX:e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_suffixes() {
        let all = ["7", "500k", "1.5M", "2b"].map(|text| count(text).unwrap());
        assert_eq!(all, [7, 500_000, 1_500_000, 2_000_000_000]);
        assert!(["", "k", "0", "-1", "nan", "1e99", "ü"].iter().all(|text| count(text).is_err()));
    }
}
