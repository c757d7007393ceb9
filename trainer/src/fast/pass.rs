//! The whole model, forward and backward, over the arena's buffers.

use super::arena::{Arena, LayerBuffers, Scratch};
use super::attention::{self, Gradients, Inputs, Outputs};
use super::head::{Head, Label};
use super::matrix::{Into, Matrix, multiply};
use super::rope::{self, HeadsMut, Rotary};
use super::{norm, swiglu};
use crate::pool::Pool;
use crate::shape::{Dims, LayerRanges, Ranges};

/// What a pass reads: the model and how to work.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) dims: &'a Dims,
    pub(super) ranges: &'a Ranges,
    pub(super) rotary: &'a Rotary,
    pub(super) theta: &'a [f32],
    pub(super) pool: &'a Pool,
    /// Tokens of each sample.
    pub(super) tokens: usize,
}

impl<'a> Pass<'a> {
    /// Fills the arena with the activations of `inputs` (all samples' tokens one after another).
    pub(super) fn forward(&self, inputs: &[u32], arena: &mut Arena) {
        let Arena { layers, last, last_factors, scratch, .. } = arena;
        embed(self.dims.hidden, &self.theta[self.ranges.embed.clone()], inputs, &mut layers[0].x);
        for index in 0..layers.len() {
            let (done, rest) = layers.split_at_mut(index + 1);
            let next = rest.first_mut().map_or(&mut *last, |layer| &mut layer.x);
            self.forward_layer(&self.ranges.layers[index], &mut done[index], scratch, next);
        }
        let weight = &self.theta[self.ranges.norm.clone()];
        norm::forward(self.pool, last, weight, self.dims.norm_eps, last_factors, &mut scratch.normed);
    }

    fn forward_layer(
        &self,
        at: &LayerRanges,
        layer: &mut LayerBuffers,
        scratch: &mut Scratch,
        next: &mut [f32],
    ) {
        let Self { dims, pool, tokens, .. } = *self;
        let Scratch { normed, qkv, merged, activation, scores, .. } = scratch;
        norm::forward(
            pool,
            &layer.x,
            self.vector(&at.input_norm),
            dims.norm_eps,
            &mut layer.input_factors,
            normed,
        );
        self.project(normed, self.matrix(&at.qkv, dims.hidden), qkv, Into::Replace);
        let heads = HeadsMut { q: &mut layer.q, k: &mut layer.k, v: &mut layer.v };
        rope::split(pool, dims, self.rotary, tokens, qkv, heads);
        let inputs = Inputs { q: &layer.q, k: &layer.k, v: &layer.v };
        attention::forward(pool, dims, tokens, inputs, &mut layer.mixed, &mut layer.log_sums, scores);
        rope::join_plain(pool, dims, tokens, &layer.mixed, merged);
        layer.middle.copy_from_slice(&layer.x);
        self.project(merged, self.matrix(&at.out, dims.q()), &mut layer.middle, Into::Add);
        let post_norm = self.vector(&at.post_norm);
        norm::forward(pool, &layer.middle, post_norm, dims.norm_eps, &mut layer.post_factors, normed);
        self.project(normed, self.matrix(&at.gate_up, dims.hidden), &mut layer.gate_up, Into::Replace);
        swiglu::forward(pool, &layer.gate_up, activation, dims.ffn);
        next.copy_from_slice(&layer.middle);
        self.project(activation, self.matrix(&at.down, dims.ffn), next, Into::Add);
    }

    /// The sum of the losses, after [`Pass::forward`].
    pub(super) fn loss(&self, labels: &[Label], arena: &mut Arena) -> f64 {
        let Arena { scratch: Scratch { normed, logits, .. }, losses, .. } = arena;
        self.head(normed, logits, labels).loss(self.pool, losses)
    }

    /// The logits behind the last token of the last sample, after [`Pass::forward`].
    pub(super) fn last_logits(&self, arena: &Arena) -> Vec<f32> {
        let (width, normed) = (self.dims.hidden, &arena.scratch.normed);
        let last = Matrix::new(&normed[normed.len() - width..], width);
        let mut logits = vec![0.0; self.dims.vocab];
        let head = self.matrix(&self.ranges.head, width);
        multiply(self.pool, &mut logits, last, head.transposed(), Into::Replace);
        logits
    }

    fn head<'b>(&self, normed: &'b [f32], logits: &'b mut [f32], labels: &'b [Label]) -> Head<'b>
    where
        'a: 'b,
    {
        Head { x: normed, weight: self.vector(&self.ranges.head), labels, logits, width: self.dims.hidden }
    }

    /// The sum of the losses; adds the gradient of the sum times `scale` to `gradient`. After
    /// [`Pass::forward`]; the activations are used up.
    pub(super) fn backward(
        &self,
        inputs: &[u32],
        labels: &[Label],
        scale: f32,
        arena: &mut Arena,
        gradient: &mut [f32],
    ) -> f64 {
        let Arena { layers, last, last_factors, losses, dx, scratch, .. } = arena;
        let Scratch { normed, dnormed, logits, partial, .. } = scratch;
        let head = self.head(normed, logits, labels);
        let dhead = &mut gradient[self.ranges.head.clone()];
        let loss = head.backward(self.pool, losses, scale, dnormed, dhead);
        dx.fill(0.0);
        let saved = norm::Saved { x: last, weight: self.vector(&self.ranges.norm), factors: last_factors };
        norm::backward(self.pool, &saved, dnormed, dx, &mut gradient[self.ranges.norm.clone()], partial);
        for (at, layer) in self.ranges.layers.iter().zip(layers).rev() {
            self.backward_feed_forward(at, layer, scratch, dx, gradient);
            self.backward_attention(at, layer, scratch, dx, gradient);
        }
        embed_backward(self.dims.hidden, dx, inputs, &mut gradient[self.ranges.embed.clone()]);
        loss
    }

    fn backward_feed_forward(
        &self,
        at: &LayerRanges,
        layer: &mut LayerBuffers,
        scratch: &mut Scratch,
        dx: &mut [f32],
        gradient: &mut [f32],
    ) {
        let Self { dims, pool, .. } = *self;
        let Scratch { normed, dnormed, activation, partial, .. } = scratch;
        self.pull(dx, self.matrix(&at.down, dims.ffn), activation);
        swiglu::backward(pool, &mut layer.gate_up, activation, dims.ffn);
        self.weigh(dx, activation, dims.ffn, &mut gradient[at.down.clone()]);
        let saved = norm::Saved {
            x: &layer.middle,
            weight: self.vector(&at.post_norm),
            factors: &layer.post_factors,
        };
        norm::recompute(pool, saved.x, saved.weight, saved.factors, normed);
        self.weigh(&layer.gate_up, normed, dims.hidden, &mut gradient[at.gate_up.clone()]);
        self.pull(&layer.gate_up, self.matrix(&at.gate_up, dims.hidden), dnormed);
        norm::backward(pool, &saved, dnormed, dx, &mut gradient[at.post_norm.clone()], partial);
    }

    fn backward_attention(
        &self,
        at: &LayerRanges,
        layer: &mut LayerBuffers,
        scratch: &mut Scratch,
        dx: &mut [f32],
        gradient: &mut [f32],
    ) {
        let Self { dims, pool, tokens, .. } = *self;
        let Scratch { normed, dnormed, qkv, merged, dmixed, dq, dk, dv, scores, partial, .. } = scratch;
        rope::join_plain(pool, dims, tokens, &layer.mixed, merged);
        self.weigh(dx, merged, dims.q(), &mut gradient[at.out.clone()]);
        self.pull(dx, self.matrix(&at.out, dims.q()), merged);
        rope::split_plain(pool, dims, tokens, merged, dmixed);
        let inputs = Inputs { q: &layer.q, k: &layer.k, v: &layer.v };
        let outputs = Outputs { out: &layer.mixed, log_sums: &layer.log_sums, dout: dmixed };
        attention::backward(pool, dims, tokens, inputs, outputs, Gradients { dq, dk, dv }, scores);
        rope::join(pool, dims, self.rotary, tokens, (dq, dk, dv), qkv);
        let saved =
            norm::Saved { x: &layer.x, weight: self.vector(&at.input_norm), factors: &layer.input_factors };
        norm::recompute(pool, saved.x, saved.weight, saved.factors, normed);
        self.weigh(qkv, normed, dims.hidden, &mut gradient[at.qkv.clone()]);
        self.pull(qkv, self.matrix(&at.qkv, dims.hidden), dnormed);
        norm::backward(pool, &saved, dnormed, dx, &mut gradient[at.input_norm.clone()], partial);
    }

    fn vector(&self, range: &std::ops::Range<usize>) -> &'a [f32] {
        &self.theta[range.clone()]
    }

    /// A weight of shape (out, in).
    fn matrix(&self, range: &std::ops::Range<usize>, width: usize) -> Matrix<'a> {
        Matrix::new(self.vector(range), width)
    }

    /// `out = x · weightᵀ`, or added.
    fn project(&self, x: &[f32], weight: Matrix<'_>, out: &mut [f32], into: Into) {
        let width = weight.columns();
        multiply(self.pool, out, Matrix::new(x, width), weight.transposed(), into);
    }

    /// `dx = dy · weight`.
    fn pull(&self, dy: &[f32], weight: Matrix<'_>, dx: &mut [f32]) {
        multiply(self.pool, dx, Matrix::new(dy, weight.rows()), weight, Into::Replace);
    }

    /// `dweight += dyᵀ · x`.
    fn weigh(&self, dy: &[f32], x: &[f32], width: usize, dweight: &mut [f32]) {
        let rows = x.len() / width;
        let dy = Matrix::new(dy, dy.len() / rows);
        multiply(self.pool, dweight, dy.transposed(), Matrix::new(x, width), Into::Add);
    }
}

/// Copies each token's row of the table.
fn embed(width: usize, table: &[f32], tokens: &[u32], x: &mut [f32]) {
    for (row, &token) in x.chunks_exact_mut(width).zip(tokens) {
        row.copy_from_slice(&table[token as usize * width..][..width]);
    }
}

/// Adds each row's gradient to its token's, in the order of the tokens.
fn embed_backward(width: usize, dx: &[f32], tokens: &[u32], dtable: &mut [f32]) {
    for (row, &token) in dx.chunks_exact(width).zip(tokens) {
        let sums = &mut dtable[token as usize * width..][..width];
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
