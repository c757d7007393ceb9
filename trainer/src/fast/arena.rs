//! All memory of a step, taken once for the largest micro-batch seen and used again.

use super::{attention, head, norm};
use crate::shape::Dims;

/// What one layer's backward pass needs from its forward pass.
#[derive(Default)]
pub(super) struct LayerBuffers {
    /// The residual stream as it enters: rows × hidden.
    pub(super) x: Vec<f32>,
    /// The residual stream between attention and feed-forward: rows × hidden.
    pub(super) middle: Vec<f32>,
    /// Factors of the two norms: one a row.
    pub(super) input_factors: Vec<f32>,
    pub(super) post_factors: Vec<f32>,
    /// Rotated queries and keys, and values: samples × heads × tokens × head_dim.
    pub(super) q: Vec<f32>,
    pub(super) k: Vec<f32>,
    pub(super) v: Vec<f32>,
    /// Attention's result, as `q`, and its rows' log-sums.
    pub(super) mixed: Vec<f32>,
    pub(super) log_sums: Vec<f32>,
    /// Gate and up projections side by side: rows × 2 · ffn.
    pub(super) gate_up: Vec<f32>,
}

/// Buffers whose contents live only within a layer.
#[derive(Default)]
pub(super) struct Scratch {
    /// rows × hidden.
    pub(super) normed: Vec<f32>,
    pub(super) dnormed: Vec<f32>,
    /// rows × (q + 2 · kv).
    pub(super) qkv: Vec<f32>,
    /// rows × q, token-major.
    pub(super) merged: Vec<f32>,
    /// Head-major gradients.
    pub(super) dmixed: Vec<f32>,
    pub(super) dq: Vec<f32>,
    pub(super) dk: Vec<f32>,
    pub(super) dv: Vec<f32>,
    /// rows × ffn.
    pub(super) activation: Vec<f32>,
    /// Two blocks of scores for each sample and key-value head.
    pub(super) scores: Vec<f32>,
    /// One row of the width for each block of rows.
    pub(super) partial: Vec<f32>,
    /// A run of rows × vocabulary.
    pub(super) logits: Vec<f32>,
}

/// The buffers for micro-batches of up to `samples` samples of `tokens` tokens.
#[derive(Default)]
pub(super) struct Arena {
    samples: usize,
    tokens: usize,
    pub(super) layers: Vec<LayerBuffers>,
    /// The residual stream after the last layer, its norm's factors, the losses: one row or value a token.
    pub(super) last: Vec<f32>,
    pub(super) last_factors: Vec<f32>,
    pub(super) losses: Vec<f32>,
    /// The gradient by the residual stream.
    pub(super) dx: Vec<f32>,
    pub(super) scratch: Scratch,
}

impl Arena {
    /// Makes every buffer exactly as long as a micro-batch of this size needs; free when it was so before.
    pub(super) fn fit(&mut self, dims: &Dims, layers: usize, samples: usize, tokens: usize) {
        if (self.samples, self.tokens) == (samples, tokens) {
            return;
        }
        (self.samples, self.tokens) = (samples, tokens);
        let rows = samples * tokens;
        self.layers.resize_with(layers, LayerBuffers::default);
        self.layers.iter_mut().for_each(|layer| layer.fit(dims, rows));
        self.scratch.fit(dims, samples, tokens);
        self.last.resize(rows * dims.hidden, 0.0);
        self.last_factors.resize(rows, 0.0);
        self.losses.resize(rows, 0.0);
        self.dx.resize(rows * dims.hidden, 0.0);
    }
}

impl LayerBuffers {
    fn fit(&mut self, dims: &Dims, rows: usize) {
        self.x.resize(rows * dims.hidden, 0.0);
        self.middle.resize(rows * dims.hidden, 0.0);
        self.input_factors.resize(rows, 0.0);
        self.post_factors.resize(rows, 0.0);
        self.q.resize(rows * dims.q(), 0.0);
        self.k.resize(rows * dims.kv(), 0.0);
        self.v.resize(rows * dims.kv(), 0.0);
        self.mixed.resize(rows * dims.q(), 0.0);
        self.log_sums.resize(rows * dims.heads, 0.0);
        self.gate_up.resize(rows * 2 * dims.ffn, 0.0);
    }
}

impl Scratch {
    fn fit(&mut self, dims: &Dims, samples: usize, tokens: usize) {
        let rows = samples * tokens;
        self.normed.resize(rows * dims.hidden, 0.0);
        self.dnormed.resize(rows * dims.hidden, 0.0);
        self.qkv.resize(rows * dims.qkv(), 0.0);
        self.merged.resize(rows * dims.q(), 0.0);
        self.dmixed.resize(rows * dims.q(), 0.0);
        self.dq.resize(rows * dims.q(), 0.0);
        self.dk.resize(rows * dims.kv(), 0.0);
        self.dv.resize(rows * dims.kv(), 0.0);
        self.activation.resize(rows * dims.ffn, 0.0);
        self.scores.resize(samples * dims.kv_heads * attention::scratch_len(tokens), 0.0);
        self.partial.resize(rows.div_ceil(norm::ROW_BLOCK) * dims.hidden, 0.0);
        self.logits.resize(rows.min(head::run_len(dims.vocab)) * dims.vocab, 0.0);
    }
}
