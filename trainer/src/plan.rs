//! Whether a model can be trained on a machine and a line, before anything is allocated: memory, step time,
//! payload, upload time, and what is left of the window.
//!
//! Estimates from the hardware's published numbers: matrix products at a share of the peak that good training
//! programs reach, everything else at a share of the memory's bandwidth. `sn3 bench` measures.

mod gpus;

pub use gpus::{GPUS, Gpu, gpu};

use serde::Serialize;
use sn3_protocol::model::{ModelConfig, ModelConfigError};
use sn3_protocol::sparse::Chunks;
use sn3_protocol::{ChunkRule, wire};

/// Share of a GPU's dense bf16 peak that large matrix products reach; 700 of 989 TFLOP/s on an H200.
const MATMUL_SHARE: f64 = 0.70;
/// The same for attention's products.
const ATTENTION_SHARE: f64 = 0.45;
/// Share of the memory's bandwidth that passes over memory reach.
const BANDWIDTH_SHARE: f64 = 0.85;
/// Seconds in a block of the chain.
const BLOCK_S: f64 = 12.0;
/// Bytes of state for each parameter: bf16 weight and gradient, f32 master weight and two moments.
const STATE_BYTES: f64 = 16.0;
/// Bytes that AdamW reads and writes for each parameter.
const ADAM_BYTES: f64 = 28.0;
/// Bytes that compression reads and writes for each parameter.
const COMPRESS_BYTES: f64 = 12.0;
/// Bytes for each parameter of the round's start and of the error feedback, on the host.
const HOST_BYTES: f64 = 8.0;
/// Bytes of logits that are in memory together, at most.
const LOGITS_BYTES_MAX: f64 = 4.3e9;
/// Memory that the driver, its libraries and their workspaces take.
const OVERHEAD_BYTES: f64 = 2.0e9;
/// Share of the window that must be left over.
const MARGIN_MIN: f64 = 0.05;
/// Bits a parameter of real payloads: gaps 7.2 and codes 1.0 bits for 64 of 4,096 values.
const PAYLOAD_BITS: f64 = 0.134;

/// What is planned for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// The model.
    pub model: ModelConfig,
    /// The GPU.
    pub gpu: Gpu,
    /// How many of them; the batch is shared and the model is on each.
    pub gpus: u32,
    /// Samples of one step, on all GPUs together.
    pub batch_samples: u32,
    /// Samples of one pass on one GPU.
    pub micro_batch: u32,
    /// Steps of a window.
    pub inner_steps: u32,
    /// Blocks of a window.
    pub window_blocks: u64,
    /// Blocks after the window in which payloads may arrive.
    pub put_blocks: u64,
    /// Upload line in Mbit/s.
    pub upload_mbit_s: f64,
    /// Download line in Mbit/s.
    pub download_mbit_s: f64,
    /// Payloads that are downloaded in each window.
    pub peers: u32,
    /// Values kept of each chunk.
    pub top_k: u32,
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Parameters of the model.
    pub parameters: u64,
    /// Memory on each GPU in bytes.
    pub memory: Memory,
    /// Memory on the host for the round's start and the error feedback, in bytes.
    pub host_bytes: f64,
    /// Floating-point operations of a token, forward and backward.
    pub flops_per_token: f64,
    /// Seconds of a step.
    pub step_s: f64,
    /// Tokens a second on all GPUs.
    pub tokens_s: f64,
    /// Seconds of a window's steps.
    pub compute_s: f64,
    /// Seconds to compress.
    pub compress_s: f64,
    /// Expected bytes of a payload.
    pub payload_bytes: f64,
    /// Most bytes that a payload can have.
    pub payload_bytes_max: u64,
    /// Seconds to upload the expected payload.
    pub upload_s: f64,
    /// Seconds to download the peers' payloads.
    pub download_s: f64,
    /// Seconds of the window.
    pub window_s: f64,
    /// Seconds of the window that are left after the steps and compression.
    pub margin_s: f64,
    /// Seconds of the put phase that are left after the upload.
    pub put_margin_s: f64,
    /// Why it cannot work; empty if it can.
    pub refusals: Vec<Refusal>,
}

/// Memory of one GPU in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Weights, gradients, moments.
    pub state: f64,
    /// What the backward pass needs of the forward pass, for one pass.
    pub activations: f64,
    /// Logits of a run of tokens.
    pub logits: f64,
    /// Driver, libraries and workspaces.
    pub overhead: f64,
    /// All together.
    pub total: f64,
    /// What the GPU has.
    pub available: f64,
}

/// Why a configuration is doomed, with what would help.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The state alone is larger than the memory.
    #[error(
        "weights, gradients and moments take {state_gb:.0} GB, a GPU has {gpu_gb:.0} GB; train a smaller model or use a larger GPU"
    )]
    State {
        /// What they take.
        state_gb: f64,
        /// What there is.
        gpu_gb: f64,
    },
    /// It would fit with smaller passes.
    #[error(
        "a micro-batch of {micro_batch} takes {total_gb:.0} GB, a GPU has {gpu_gb:.0} GB; {remedy}",
        remedy = smaller_pass(*.fitting)
    )]
    Activations {
        /// Samples of a pass.
        micro_batch: u32,
        /// What it takes with the state.
        total_gb: f64,
        /// What there is.
        gpu_gb: f64,
        /// The largest that fits; 0 where not even one sample does.
        fitting: u32,
    },
    /// Steps do not fit in the window.
    #[error(
        "{inner_steps} steps take {compute_s:.0} s, the window has {window_s:.0} s; use {gpus} GPUs of this kind, a smaller batch or a longer window"
    )]
    Window {
        /// Steps of the window.
        inner_steps: u32,
        /// What they take with compression.
        compute_s: f64,
        /// What there is.
        window_s: f64,
        /// How many GPUs would do.
        gpus: u32,
    },
    /// The upload does not fit in the put phase.
    #[error(
        "a payload of {payload_mb:.1} MB takes {upload_s:.0} s to upload, the put phase has {put_s:.0} s; use a line of {needed_mbit_s:.1} Mbit/s"
    )]
    Upload {
        /// The expected payload.
        payload_mb: f64,
        /// Its time on this line.
        upload_s: f64,
        /// What there is.
        put_s: f64,
        /// The line that would do.
        needed_mbit_s: f64,
    },
    /// Downloads take longer than a window.
    #[error(
        "{peers} payloads take {download_s:.0} s to download, the window has {window_s:.0} s; use a line of {needed_mbit_s:.1} Mbit/s"
    )]
    Download {
        /// How many.
        peers: u32,
        /// Their time on this line.
        download_s: f64,
        /// What there is.
        window_s: f64,
        /// The line that would do.
        needed_mbit_s: f64,
    },
}

fn smaller_pass(fitting: u32) -> String {
    match fitting {
        0 => "use shorter samples, a smaller model or a larger GPU".to_owned(),
        fitting => format!("use a micro-batch of {fitting}"),
    }
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelConfigError),
    /// A GPU that is not in the table.
    #[error("GPU {0:?} is not known; choose one of {list}, or give its memory, bandwidth and peak", list = gpus::names())]
    Gpu(String),
    /// A number out of range.
    #[error("{option} is {value}; use a number above 0")]
    Option {
        /// Which one.
        option: &'static str,
        /// Its value.
        value: String,
    },
}

/// Plans; the plan says by itself why it cannot work, if so.
///
/// # Errors
/// If the model is none, or an option is not above 0.
pub fn plan(options: &PlanOptions) -> Result<Plan, PlanError> {
    check(options)?;
    let layout = options.model.layout(ChunkRule::default())?;
    let parameters = options.model.parameters();
    let memory = memory(options, parameters as f64, options.micro_batch);
    let flops_per_token = flops_per_token(&options.model);
    let step_s = step_seconds(options, parameters as f64);
    let tokens = f64::from(options.batch_samples) * f64::from(options.model.context);
    let compress_s = COMPRESS_BYTES * parameters as f64 / (BANDWIDTH_SHARE * options.gpu.bandwidth_bytes_s);
    let payload_bytes_max = wire::bytes_max(&layout, options.top_k);
    // Vectors are kept whole; of matrices so many bits a parameter as real payloads have at 64 of 4,096.
    let kept: usize =
        (0..layout.tensors().len()).map(|index| Chunks::of(&layout, index).kept_total(options.top_k)).sum();
    let payload_bytes = (PAYLOAD_BITS / 8.0 * 64.0 * kept as f64).min(payload_bytes_max as f64);
    let (window_s, put_s) = (options.window_blocks as f64 * BLOCK_S, options.put_blocks as f64 * BLOCK_S);
    let upload_s = payload_bytes * 8.0 / (options.upload_mbit_s * 1e6);
    let download_s = f64::from(options.peers) * payload_bytes * 8.0 / (options.download_mbit_s * 1e6);
    let compute_s = f64::from(options.inner_steps) * step_s;
    let mut plan = Plan {
        parameters,
        memory,
        host_bytes: HOST_BYTES * parameters as f64,
        flops_per_token,
        step_s,
        tokens_s: tokens / step_s,
        compute_s,
        compress_s,
        payload_bytes,
        payload_bytes_max,
        upload_s,
        download_s,
        window_s,
        margin_s: window_s - compute_s - compress_s,
        put_margin_s: put_s - upload_s,
        refusals: Vec::new(),
    };
    plan.refusals = refusals(options, &plan, put_s);
    Ok(plan)
}

fn check(options: &PlanOptions) -> Result<(), PlanError> {
    let numbers = [
        ("gpus", f64::from(options.gpus)),
        ("batch_samples", f64::from(options.batch_samples)),
        ("micro_batch", f64::from(options.micro_batch)),
        ("inner_steps", f64::from(options.inner_steps)),
        ("window_blocks", options.window_blocks as f64),
        ("put_blocks", options.put_blocks as f64),
        ("upload_mbit_s", options.upload_mbit_s),
        ("download_mbit_s", options.download_mbit_s),
        ("gpu memory", options.gpu.memory_bytes),
        ("gpu bandwidth", options.gpu.bandwidth_bytes_s),
        ("gpu peak", options.gpu.bf16_flops),
    ];
    let wrong = numbers.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0));
    match wrong {
        Some((option, value)) => Err(PlanError::Option { option, value: value.to_string() }),
        None => Ok(()),
    }
}

/// Six for every parameter that a token is multiplied by (the embedding is only looked up, the head counts),
/// and attention over all pairs of the context.
///
/// By hand for the 150m preset: 182.2 M parameters with a tied head: 6 · 182.2e6 = 1.09e9, and
/// 12 layers · 12 · 1024 · 2048 = 0.30e9: 1.40 GFLOP a token.
#[must_use]
pub fn flops_per_token(model: &ModelConfig) -> f64 {
    let table = f64::from(model.vocab) * f64::from(model.hidden);
    let looked_up = if model.tied_head { 0.0 } else { table };
    6.0 * (model.parameters() as f64 - looked_up) + attention_flops(model)
}

fn attention_flops(model: &ModelConfig) -> f64 {
    12.0 * f64::from(model.layers) * f64::from(model.query_width()) * f64::from(model.context)
}

/// Products at their share of the peak (attention skips the masked half), the passes over activations between
/// them and the optimizer at theirs of the bandwidth.
fn step_seconds(options: &PlanOptions, parameters: f64) -> f64 {
    let (model, gpu) = (&options.model, &options.gpu);
    let tokens = f64::from(options.batch_samples) * f64::from(model.context) / f64::from(options.gpus);
    let attention = attention_flops(model);
    let products = (flops_per_token(model) - attention) / (MATMUL_SHARE * gpu.bf16_flops);
    let attention = attention / 2.0 / (ATTENTION_SHARE * gpu.bf16_flops);
    let bandwidth = BANDWIDTH_SHARE * gpu.bandwidth_bytes_s;
    // 18 values of the width and 9 of the feed-forward a layer, 2 bytes each, and the logits twice.
    let elements = f64::from(model.layers) * (18.0 * f64::from(model.hidden) + 9.0 * f64::from(model.ffn));
    let passes = 2.0 * (elements + 2.0 * f64::from(model.vocab)) / bandwidth;
    tokens * (products + attention + passes) + ADAM_BYTES * parameters / bandwidth
}

fn memory(options: &PlanOptions, parameters: f64, micro_batch: u32) -> Memory {
    let model = &options.model;
    let tokens = f64::from(micro_batch) * f64::from(model.context);
    let [hidden, query, kv, ffn] =
        [model.hidden, model.query_width(), model.kv_width(), model.ffn].map(f64::from);
    // Kept of each layer in bf16: the two residual streams, queries, keys and values, attention's result,
    // gate and up. Norms and activations are computed again.
    let layer = 2.0 * (2.0 * hidden + 2.0 * query + 2.0 * kv + 2.0 * ffn);
    let activations = tokens * f64::from(model.layers) * layer;
    let logits = (tokens * f64::from(model.vocab) * 2.0).min(LOGITS_BYTES_MAX);
    let state = STATE_BYTES * parameters;
    let total = state + activations + logits + OVERHEAD_BYTES;
    Memory {
        state,
        activations,
        logits,
        overhead: OVERHEAD_BYTES,
        total,
        available: options.gpu.memory_bytes,
    }
}

fn refusals(options: &PlanOptions, plan: &Plan, put_s: f64) -> Vec<Refusal> {
    let (memory, mut refusals) = (&plan.memory, Vec::new());
    let gpu_gb = memory.available / 1e9;
    if memory.state + memory.overhead > memory.available {
        refusals.push(Refusal::State { state_gb: memory.state / 1e9, gpu_gb });
    } else if memory.total > memory.available {
        let fits =
            |&micro: &u32| self::memory(options, plan.parameters as f64, micro).total <= memory.available;
        let fitting = (1..options.micro_batch).rev().find(fits).unwrap_or(0);
        let (micro_batch, total_gb) = (options.micro_batch, memory.total / 1e9);
        refusals.push(Refusal::Activations { micro_batch, total_gb, gpu_gb, fitting });
    }
    let room = plan.window_s * (1.0 - MARGIN_MIN);
    let needed = plan.compute_s + plan.compress_s;
    if needed > room {
        let gpus = (f64::from(options.gpus) * plan.compute_s / (room - plan.compress_s).max(1e-9)).ceil();
        refusals.push(Refusal::Window {
            inner_steps: options.inner_steps,
            compute_s: needed,
            window_s: plan.window_s,
            gpus: gpus as u32,
        });
    }
    if plan.upload_s > put_s {
        refusals.push(Refusal::Upload {
            payload_mb: plan.payload_bytes / 1e6,
            upload_s: plan.upload_s,
            put_s,
            needed_mbit_s: plan.payload_bytes * 8.0 / put_s / 1e6,
        });
    }
    if plan.download_s > plan.window_s {
        refusals.push(Refusal::Download {
            peers: options.peers,
            download_s: plan.download_s,
            window_s: plan.window_s,
            needed_mbit_s: options.download_mbit_s * plan.download_s / plan.window_s,
        });
    }
    refusals
}

#[cfg(test)]
mod tests;
