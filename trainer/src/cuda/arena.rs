//! All memory of a pass over one size of micro-batch, taken once.

use std::sync::Arc;

use super::attention::Sizes;
use super::device::{Buffer, Device, GpuError};
use super::source::Storage;
use crate::shape::Dims;

/// Most blocks that share the rows of a norm's backward pass; also the rows of its partial sums. The number decides
/// the order of a sum, so that it does not depend on the GPU: four for each multiprocessor of an H200.
pub(super) const NORM_BLOCKS: usize = 528;
/// Most bytes of logits in memory at once, and fewest tokens of such a run.
const LOGITS_BYTES_MAX: usize = 1 << 30;
const RUN_MIN: usize = 256;
/// Values in 16 bytes of bf16; rows of logits begin at such steps.
const PACK: usize = 8;

/// Rows whose logits are in memory at once, of `rows`, and the values from one row of logits to the next.
pub(super) fn logits_run(dims: &Dims, rows: usize, storage: Storage) -> (usize, usize) {
    let line = dims.vocab.next_multiple_of(PACK);
    (rows.min((LOGITS_BYTES_MAX / (line * storage.bytes())).max(RUN_MIN)), line)
}

/// What one layer keeps for its backward pass.
pub(super) struct Layer<D: Device> {
    /// The residual stream as it enters: rows × hidden.
    pub(super) x: Buffer<D>,
    /// The residual stream between attention and feed-forward.
    pub(super) middle: Buffer<D>,
    /// Rotated queries and keys, and values: rows × (q + 2·kv).
    pub(super) qkv: Buffer<D>,
    /// Attention's result: rows × q.
    pub(super) mixed: Buffer<D>,
    /// Its rows' log-sums, f32: samples × heads × tokens.
    pub(super) log_sums: Buffer<D>,
    /// rows × 2·ffn.
    pub(super) gate_up: Buffer<D>,
}

/// The buffers of a pass.
pub(super) struct Arena<D: Device> {
    pub(super) sizes: Sizes,
    pub(super) layers: Vec<Layer<D>>,
    pub(super) last: Buffer<D>,
    pub(super) normed: Buffer<D>,
    pub(super) dnormed: Buffer<D>,
    pub(super) dx: Buffer<D>,
    pub(super) dqkv: Buffer<D>,
    pub(super) dmixed: Buffer<D>,
    pub(super) activation: Buffer<D>,
    /// `run` rows of `logits_line` values.
    pub(super) logits: Buffer<D>,
    pub(super) run: usize,
    pub(super) logits_line: usize,
    /// f32 from here on.
    pub(super) factors: Buffer<D>,
    pub(super) losses: Buffer<D>,
    pub(super) partial: Buffer<D>,
    pub(super) row_sums: Buffer<D>,
    pub(super) query_sums: Buffer<D>,
    /// u32: tokens, labels, and the rows sorted by token.
    pub(super) tokens: Buffer<D>,
    pub(super) labels: Buffer<D>,
    pub(super) order: Buffer<D>,
}

impl<D: Device> Arena<D> {
    pub(super) fn new(
        device: &Arc<D>,
        dims: &Dims,
        layers: usize,
        samples: usize,
        tokens: usize,
    ) -> Result<Self, GpuError> {
        let rows = samples * tokens;
        let stored = |width: usize| Buffer::stored(device, rows * width);
        let words = |count: usize| Buffer::words(device, count);
        let (run, logits_line) = logits_run(dims, rows, device.storage());
        Ok(Self {
            sizes: Sizes::new(dims, samples, tokens),
            layers: (0..layers).map(|_| Layer::new(device, dims, rows)).collect::<Result<_, _>>()?,
            last: stored(dims.hidden)?,
            normed: stored(dims.hidden)?,
            dnormed: stored(dims.hidden)?,
            dx: stored(dims.hidden)?,
            dqkv: stored(dims.qkv())?,
            dmixed: stored(dims.q())?,
            activation: stored(dims.ffn)?,
            logits: Buffer::stored(device, run * logits_line)?,
            run,
            logits_line,
            factors: words(rows)?,
            losses: words(rows)?,
            partial: words(NORM_BLOCKS.min(rows) * dims.hidden)?,
            row_sums: words(rows * dims.heads)?,
            query_sums: words(rows * dims.q())?,
            tokens: words(rows)?,
            labels: words(rows)?,
            order: words(rows)?,
        })
    }

    /// Whether it is for micro-batches of this size.
    pub(super) fn fits(&self, samples: usize, tokens: usize) -> bool {
        (self.sizes.samples, self.sizes.tokens) == (samples, tokens)
    }
}

impl<D: Device> Layer<D> {
    fn new(device: &Arc<D>, dims: &Dims, rows: usize) -> Result<Self, GpuError> {
        let stored = |width: usize| Buffer::stored(device, rows * width);
        Ok(Self {
            x: stored(dims.hidden)?,
            middle: stored(dims.hidden)?,
            qkv: stored(dims.qkv())?,
            mixed: stored(dims.q())?,
            log_sums: Buffer::words(device, rows * dims.heads)?,
            gate_up: stored(2 * dims.ffn)?,
        })
    }
}
