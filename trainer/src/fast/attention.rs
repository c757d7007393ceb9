//! Causal grouped-query attention over head-major blocks, forward and backward.
//!
//! Queries go in blocks of [`BLOCK`] rows; a block looks at the keys up to its last row only, so the masked
//! half is skipped. The forward pass keeps one number a row (the logarithm of the softmax's denominator),
//! from which the backward pass makes the probabilities again. One task works on one key-value head of one
//! sample with all query heads that share it, so nothing is summed across tasks.

use super::matrix::{Into, Matrix, multiply_scaled};
use crate::pool::Pool;
use crate::shape::Dims;
use crate::vector;

/// Query rows in a block.
pub(super) const BLOCK: usize = 64;

/// Values of scratch that one task needs for `tokens` tokens: two blocks of probabilities.
pub(super) fn scratch_len(tokens: usize) -> usize {
    2 * BLOCK.min(tokens) * tokens
}

/// Sizes of one attention.
#[derive(Clone, Copy)]
struct Sizes {
    tokens: usize,
    head_dim: usize,
    group: usize,
}

impl Sizes {
    fn new(dims: &Dims, tokens: usize) -> Self {
        Self { tokens, head_dim: dims.head_dim, group: dims.group() }
    }

    /// Values of one head of one sample.
    fn head(&self) -> usize {
        self.tokens * self.head_dim
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}

/// What both passes read: head-major queries, keys and values.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) q: &'a [f32],
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
}

/// Writes the mixed values to `out` (as `q`) and the logarithms of the denominators to `log_sums` (one a row).
pub(super) fn forward(
    pool: &Pool,
    dims: &Dims,
    tokens: usize,
    inputs: Inputs<'_>,
    out: &mut [f32],
    log_sums: &mut [f32],
    scratch: &mut [f32],
) {
    let sizes = Sizes::new(dims, tokens);
    let (head, queries) = (sizes.head(), sizes.group * sizes.head());
    let keys = inputs.k.chunks(head).zip(inputs.v.chunks(head)).zip(inputs.q.chunks(queries));
    let outputs = out.chunks_mut(queries).zip(log_sums.chunks_mut(sizes.group * tokens));
    let tasks = keys.zip(outputs).zip(scratch.chunks_mut(scratch_len(tokens)));
    pool.each(tasks, |((((k, v), q), (out, log_sums)), scratch)| {
        let heads = q.chunks(head).zip(out.chunks_mut(head)).zip(log_sums.chunks_mut(tokens));
        for ((q, out), log_sums) in heads {
            forward_head(sizes, Inputs { q, k, v }, out, log_sums, scratch);
        }
    });
}

fn forward_head(
    sizes: Sizes,
    inputs: Inputs<'_>,
    out: &mut [f32],
    log_sums: &mut [f32],
    scratch: &mut [f32],
) {
    let width = sizes.head_dim;
    let blocks = inputs.q.chunks(BLOCK * width).zip(out.chunks_mut(BLOCK * width));
    for (block, ((q, out), log_sums)) in blocks.zip(log_sums.chunks_mut(BLOCK)).enumerate() {
        let first = block * BLOCK;
        let seen = first + log_sums.len();
        let scores = &mut scratch[..log_sums.len() * seen];
        score(sizes, q, &inputs.k[..seen * width], scores);
        vector::fast!(softmax_rows(scores, first, log_sums),);
        let values = Matrix::new(&inputs.v[..seen * width], width);
        multiply_scaled(out, Matrix::new(scores, seen), values, Into::Replace, 1.0);
    }
}

/// `scores = q · kᵀ / sqrt(head_dim)`.
fn score(sizes: Sizes, q: &[f32], k: &[f32], scores: &mut [f32]) {
    let (q, k) = (Matrix::new(q, sizes.head_dim), Matrix::new(k, sizes.head_dim));
    multiply_scaled(scores, q, k.transposed(), Into::Replace, sizes.scale());
}

/// Softmax of each row up to its diagonal; zeros after it.
#[inline(always)]
fn softmax_rows(scores: &mut [f32], first: usize, log_sums: &mut [f32]) {
    let width = scores.len() / log_sums.len();
    for (index, (row, log_sum)) in scores.chunks_exact_mut(width).zip(log_sums).enumerate() {
        let (seen, masked) = row.split_at_mut(first + index + 1);
        let max = vector::max(seen);
        let sum = vector::exp_sum(seen, max);
        vector::scale(seen, 1.0 / sum);
        masked.fill(0.0);
        *log_sum = max + sum.ln();
    }
}

/// The same probabilities again, from the kept logarithms.
#[inline(always)]
fn probabilities_again(scores: &mut [f32], first: usize, log_sums: &[f32]) {
    let width = scores.len() / log_sums.len();
    for (index, (row, log_sum)) in scores.chunks_exact_mut(width).zip(log_sums).enumerate() {
        let (seen, masked) = row.split_at_mut(first + index + 1);
        for score in seen {
            *score = vector::exp(*score - log_sum);
        }
        masked.fill(0.0);
    }
}

/// What the backward pass reads besides the inputs: the forward results and the gradient by them.
#[derive(Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub(super) out: &'a [f32],
    pub(super) log_sums: &'a [f32],
    pub(super) dout: &'a [f32],
}

/// Where the gradients go; all three are overwritten.
pub(super) struct Gradients<'a> {
    pub(super) dq: &'a mut [f32],
    pub(super) dk: &'a mut [f32],
    pub(super) dv: &'a mut [f32],
}

/// Gradients by queries, keys and values.
pub(super) fn backward(
    pool: &Pool,
    dims: &Dims,
    tokens: usize,
    inputs: Inputs<'_>,
    outputs: Outputs<'_>,
    gradients: Gradients<'_>,
    scratch: &mut [f32],
) {
    let sizes = Sizes::new(dims, tokens);
    let (head, queries) = (sizes.head(), sizes.group * sizes.head());
    let read = inputs.k.chunks(head).zip(inputs.v.chunks(head)).zip(inputs.q.chunks(queries));
    let results = outputs.out.chunks(queries).zip(outputs.dout.chunks(queries));
    let results = results.zip(outputs.log_sums.chunks(sizes.group * tokens));
    let keys = gradients.dk.chunks_mut(head).zip(gradients.dv.chunks_mut(head));
    let written = keys.zip(gradients.dq.chunks_mut(queries));
    let tasks = read.zip(results).zip(written).zip(scratch.chunks_mut(scratch_len(tokens)));
    pool.each(tasks, |(((((k, v), q), ((out, dout), log_sums)), ((dk, dv), dq)), scratch)| {
        dk.fill(0.0);
        dv.fill(0.0);
        let forward = out.chunks(head).zip(dout.chunks(head)).zip(log_sums.chunks(tokens));
        for ((q, dq), ((out, dout), log_sums)) in q.chunks(head).zip(dq.chunks_mut(head)).zip(forward) {
            let inputs = Inputs { q, k, v };
            let outputs = Outputs { out, log_sums, dout };
            backward_head(sizes, inputs, outputs, Gradients { dq, dk, dv }, scratch);
        }
    });
}

/// One query head; adds to `dk` and `dv`.
///
/// With P the probabilities and D the row sums of dO·O: dV += Pᵀ·dO; dS = P ∘ (dO·Vᵀ − D) · scale;
/// dQ = dS·K; dK += dSᵀ·Q.
fn backward_head(
    sizes: Sizes,
    inputs: Inputs<'_>,
    outputs: Outputs<'_>,
    gradients: Gradients<'_>,
    scratch: &mut [f32],
) {
    let width = sizes.head_dim;
    let Gradients { dq, dk, dv } = gradients;
    for (block, dq) in dq.chunks_mut(BLOCK * width).enumerate() {
        let first = block * BLOCK;
        let rows = dq.len() / width;
        let (seen, span) = (first + rows, first * width..(first + rows) * width);
        let (q, out, dout) = (&inputs.q[span.clone()], &outputs.out[span.clone()], &outputs.dout[span]);
        let (k, v) = (&inputs.k[..seen * width], &inputs.v[..seen * width]);
        let (probabilities, rest) = scratch.split_at_mut(rows * seen);
        let dscores = &mut rest[..rows * seen];
        score(sizes, q, k, probabilities);
        let log_sums = &outputs.log_sums[first..seen];
        vector::fast!(probabilities_again(probabilities, first, log_sums),);
        let dout_rows = Matrix::new(dout, width);
        let transposed = Matrix::new(probabilities, seen).transposed();
        multiply_scaled(&mut dv[..seen * width], transposed, dout_rows, Into::Add, 1.0);
        multiply_scaled(dscores, dout_rows, Matrix::new(v, width).transposed(), Into::Replace, 1.0);
        vector::fast!(score_gradients(sizes, probabilities, dscores, out, dout),);
        let dscores = Matrix::new(dscores, seen);
        multiply_scaled(dq, dscores, Matrix::new(k, width), Into::Replace, 1.0);
        multiply_scaled(&mut dk[..seen * width], dscores.transposed(), Matrix::new(q, width), Into::Add, 1.0);
    }
}

/// `dS = P ∘ (dP − D) · scale`, in place of `dP`; zero where the probabilities are.
#[inline(always)]
fn score_gradients(sizes: Sizes, probabilities: &[f32], dscores: &mut [f32], out: &[f32], dout: &[f32]) {
    let (width, scale) = (sizes.head_dim, sizes.scale());
    let seen = probabilities.len() / (out.len() / width);
    let rows = probabilities.chunks_exact(seen).zip(dscores.chunks_exact_mut(seen));
    let results = out.chunks_exact(width).zip(dout.chunks_exact(width));
    for ((probabilities, dscores), (out, dout)) in rows.zip(results) {
        let sum = vector::dot(out, dout);
        for (dscore, probability) in dscores.iter_mut().zip(probabilities) {
            *dscore = probability * (*dscore - sum) * scale;
        }
    }
}
