//! A plain LLaMA-3: RMSNorm, rotary positions in the half-rotation layout, grouped-query attention, SwiGLU.
//!
//! Only composed operations that candle differentiates are used (`candle_nn::ops::softmax` is one): its fused
//! `softmax_last_dim`, norms and rotary embeddings end the backward pass without an error.

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::ops::{silu, softmax};

use crate::shape::Dims;

/// Tensors of one layer in the layout's order of names.
const LAYER_TENSORS: usize = 9;

/// The variables in layout order, and the sizes by which they are used.
pub(super) struct Model {
    dims: Dims,
    tied_head: bool,
    variables: Vec<Var>,
}

/// One layer's weights under the names that the layout gives them.
struct Layer<'a> {
    input_norm: &'a Tensor,
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    out: &'a Tensor,
    post_norm: &'a Tensor,
    gate: &'a Tensor,
    up: &'a Tensor,
    down: &'a Tensor,
}

impl Model {
    pub(super) fn new(dims: Dims, tied_head: bool, variables: Vec<Var>) -> Self {
        Self { dims, tied_head, variables }
    }

    pub(super) fn variables(&self) -> &[Var] {
        &self.variables
    }

    /// Logits of `tokens` (samples × tokens): (samples · tokens) × vocabulary.
    pub(super) fn logits(&self, tokens: &Tensor) -> Result<Tensor> {
        let (samples, length) = tokens.dims2()?;
        let embed = self.variables[0].as_tensor();
        let mut x = embed.index_select(&tokens.flatten_all()?, 0)?;
        let rope = rotary_table(length, &self.dims, tokens.device())?;
        let mask = causal_mask(length, tokens.device())?;
        let (layers, rest) = self.layers();
        for layer in &layers {
            let normed = rms_norm(&x, layer.input_norm, self.dims.norm_eps)?;
            x = (x + self.attention(layer, &normed, &rope, &mask, samples)?)?;
            let normed = rms_norm(&x, layer.post_norm, self.dims.norm_eps)?;
            x = (x + swiglu(layer, &normed)?)?;
        }
        let normed = rms_norm(&x, rest[0].as_tensor(), self.dims.norm_eps)?;
        linear(&normed, if self.tied_head { embed } else { rest[1].as_tensor() })
    }

    fn layers(&self) -> (Vec<Layer<'_>>, &[Var]) {
        let count = (self.variables.len() - 1) / LAYER_TENSORS;
        let (layers, rest) = self.variables[1..].split_at(count * LAYER_TENSORS);
        (layers.chunks_exact(LAYER_TENSORS).map(Layer::new).collect(), rest)
    }

    fn attention(
        &self,
        layer: &Layer<'_>,
        x: &Tensor,
        rope: &(Tensor, Tensor),
        mask: &Tensor,
        samples: usize,
    ) -> Result<Tensor> {
        let Dims { heads, kv_heads, head_dim, .. } = self.dims;
        let rows = x.dim(0)?;
        let split = |projected: Tensor, heads: usize| {
            projected.reshape((samples, rows / samples, heads, head_dim))?.transpose(1, 2)?.contiguous()
        };
        let q = rotate(&split(linear(x, layer.q)?, heads)?, rope)?;
        let k = rotate(&split(linear(x, layer.k)?, kv_heads)?, rope)?;
        let k = repeat_heads(&k, self.dims.group())?;
        let v = repeat_heads(&split(linear(x, layer.v)?, kv_heads)?, self.dims.group())?;
        let scores = (q.matmul(&k.t()?.contiguous()?)? / (head_dim as f64).sqrt())?;
        let probabilities = softmax(&scores.broadcast_add(mask)?, D::Minus1)?;
        let mixed = probabilities.matmul(&v)?.transpose(1, 2)?.reshape((rows, heads * head_dim))?;
        linear(&mixed, layer.out)
    }
}

impl<'a> Layer<'a> {
    fn new(variables: &'a [Var]) -> Self {
        let at = |index: usize| variables[index].as_tensor();
        Self {
            input_norm: at(0),
            q: at(1),
            k: at(2),
            v: at(3),
            out: at(4),
            post_norm: at(5),
            gate: at(6),
            up: at(7),
            down: at(8),
        }
    }
}

/// Cross-entropy of each row of `logits` with its label: rows × 1.
pub(super) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let max = logits.max_keepdim(D::Minus1)?.detach();
    let shifted = logits.broadcast_sub(&max)?;
    shifted.exp()?.sum_keepdim(D::Minus1)?.log()? - shifted.gather(labels, D::Minus1)?
}

/// `x · weightᵀ` for a weight of shape (out, in).
fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}

/// `x / sqrt(mean(x²) + eps) · weight`.
fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    x.broadcast_div(&root)?.broadcast_mul(weight)
}

/// `down(silu(gate(x)) · up(x))`.
fn swiglu(layer: &Layer<'_>, x: &Tensor) -> Result<Tensor> {
    linear(&(silu(&linear(x, layer.gate)?)? * linear(x, layer.up)?)?, layer.down)
}

/// Cosines and sines by position and half dimension: tokens × (head_dim / 2) each.
fn rotary_table(length: usize, dims: &Dims, device: &Device) -> Result<(Tensor, Tensor)> {
    let half = dims.head_dim / 2;
    let angle = |index: usize| (index / half) as f64 * dims.rope_frequency(index % half);
    let table = |function: fn(f64) -> f64| {
        let values: Vec<f32> = (0..length * half).map(|index| function(angle(index)) as f32).collect();
        Tensor::from_vec(values, (length, half), device)
    };
    Ok((table(f64::cos)?, table(f64::sin)?))
}

/// Rotates the pairs (x[i], x[i + half]) of every head, the layout of Hugging Face checkpoints.
fn rotate(x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let (left, right) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
    let turned_left = (left.broadcast_mul(cos)? - right.broadcast_mul(sin)?)?;
    let turned_right = (right.broadcast_mul(cos)? + left.broadcast_mul(sin)?)?;
    Tensor::cat(&[&turned_left, &turned_right], D::Minus1)
}

/// 0 at and below the diagonal, minus infinity above.
fn causal_mask(length: usize, device: &Device) -> Result<Tensor> {
    let value = |index: usize| if index % length > index / length { f32::NEG_INFINITY } else { 0.0 };
    Tensor::from_vec((0..length * length).map(value).collect::<Vec<f32>>(), (length, length), device)
}

/// Each key-value head `group` times in a row, for the query heads that share it.
fn repeat_heads(x: &Tensor, group: usize) -> Result<Tensor> {
    let (samples, heads, length, head_dim) = x.dims4()?;
    let shape = (samples, heads, group, length, head_dim);
    x.unsqueeze(2)?.broadcast_as(shape)?.reshape((samples, heads * group, length, head_dim))
}
