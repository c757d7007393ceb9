//! The forward pass of rows of tokens, piece by piece: the same for training, which keeps what the pieces write,
//! and for reading, which does not.

use std::ops::Range;

use super::device::{Address, Arg, Buffer, Device, GpuError, Launch, Operand, Product};
use crate::shape::{Dims, LayerRanges, Ranges};

/// What the pieces read besides rows.
pub(super) struct Forward<'a, D: Device> {
    pub(super) device: &'a D,
    pub(super) dims: &'a Dims,
    pub(super) ranges: &'a Ranges,
    /// All parameters as products read them, where `ranges` says.
    pub(super) stored: &'a Buffer<D>,
    /// f32: the norms' weights where `ranges` says.
    pub(super) norms: &'a Buffer<D>,
    /// f32: positions × (head_dim / 2).
    pub(super) cosines: Address,
    pub(super) sines: Address,
}

/// Rows and their positions: samples of `tokens` rows each, whose first is at position `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) rows: usize,
    pub(super) first: usize,
    pub(super) tokens: usize,
}

/// Where the rows of one layer lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerRows {
    /// The residual stream as it enters.
    pub(super) x: Address,
    pub(super) normed: Address,
    /// f32: the norms' factors.
    pub(super) factors: Address,
    pub(super) qkv: Address,
    /// Attention's result.
    pub(super) mixed: Address,
    /// The residual stream between attention and feed-forward.
    pub(super) middle: Address,
    pub(super) gate_up: Address,
    pub(super) activation: Address,
    /// The residual stream as it leaves; may be `x`.
    pub(super) next: Address,
}

/// Logits of some rows, `line` values from row to row, and where each row's label is and its loss goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossRows {
    pub(super) rows: usize,
    pub(super) logits: Address,
    pub(super) line: usize,
    pub(super) labels: Address,
    pub(super) losses: Address,
}

type Done = Result<(), GpuError>;

impl<D: Device> Forward<'_, D> {
    /// `x[row] = embedding[tokens[row]]`.
    pub(super) fn embed(&self, rows: usize, tokens: Address, x: Address) -> Done {
        let hidden = self.dims.hidden;
        let table = self.stored.value(self.ranges.embed.start);
        let arguments = [table.into(), tokens.into(), x.into(), Arg::U64(rows as u64), width(hidden)];
        self.device.launch("embed_forward", Launch::strided((rows * hidden / 4) as u64), &arguments)
    }

    /// One layer; `attention` fills `at.mixed` from `at.qkv`.
    pub(super) fn layer(
        &self,
        weights: &LayerRanges,
        span: Span,
        at: &LayerRows,
        attention: impl FnOnce() -> Done,
    ) -> Done {
        let (dims, rows) = (self.dims, span.rows);
        self.norm(rows, at.x, &weights.input_norm, at.normed, at.factors)?;
        self.project(rows, at.normed, &weights.qkv, dims.hidden, at.qkv, None)?;
        self.rope(span, at.qkv, 1.0)?;
        attention()?;
        self.project(rows, at.mixed, &weights.out, dims.q(), at.middle, Some(at.x))?;
        self.norm(rows, at.middle, &weights.post_norm, at.normed, at.factors)?;
        self.project(rows, at.normed, &weights.gate_up, dims.hidden, at.gate_up, None)?;
        let arguments = [at.gate_up.into(), at.activation.into(), Arg::U64(rows as u64), width(dims.ffn)];
        self.device.launch("swiglu_forward", Launch::strided((rows * dims.ffn / 4) as u64), &arguments)?;
        self.project(rows, at.activation, &weights.down, dims.ffn, at.next, Some(at.middle))
    }

    /// `normed = norm(x)`, and the rows' factors.
    pub(super) fn norm(
        &self,
        rows: usize,
        x: Address,
        weight: &Range<usize>,
        normed: Address,
        factors: Address,
    ) -> Done {
        let weight = self.norms.word(weight.start);
        let arguments =
            [x.into(), weight.into(), Arg::F32(self.dims.norm_eps), normed.into(), factors.into()];
        let launch = Launch::norm(rows as u64, self.dims.hidden, self.device.storage());
        self.device.launch("norm_forward", launch, &arguments)
    }

    /// Turns queries and keys to their positions; back for direction −1.
    pub(super) fn rope(&self, span: Span, qkv: Address, direction: f32) -> Done {
        let (dims, half) = (self.dims, self.dims.head_dim / 2);
        let table = |at: Address| Arg::from(at.after(span.first * half * size_of::<f32>()));
        let arguments = [
            qkv.into(),
            table(self.cosines),
            table(self.sines),
            Arg::U64(span.rows as u64),
            width(span.tokens),
            width(dims.heads + dims.kv_heads),
            width(half),
            width(dims.qkv()),
            Arg::F32(direction),
        ];
        let items = (span.rows * (dims.q() + dims.kv()) / 8) as u64;
        self.device.launch("rope", Launch::strided(items), &arguments)
    }

    /// `out = x · headᵀ`, `line` values from row to row; f32 where `floats`.
    pub(super) fn logits(&self, rows: usize, x: Address, out: Address, line: usize, floats: bool) -> Done {
        let Dims { hidden, vocab, .. } = *self.dims;
        let (x, head) = (Operand::new(x, hidden), self.matrix(&self.ranges.head, hidden).0);
        let sizes = Product {
            m: rows,
            n: vocab,
            k: hidden,
            a: x,
            b: head.transposed(),
            added: None,
            out,
            line,
            floats,
        };
        self.device.multiply(&sizes)
    }

    /// The rows' losses; with `scale`, their logits become the gradient times what lies there.
    pub(super) fn cross_entropy(&self, at: &LossRows, scale: Option<Address>) -> Done {
        let arguments = [
            at.logits.into(),
            at.labels.into(),
            at.losses.into(),
            // Not read without a gradient.
            scale.unwrap_or(at.losses).into(),
            width(self.dims.vocab),
            width(at.line),
            Arg::U32(u32::from(scale.is_some())),
        ];
        self.device.launch("cross_entropy", Launch::blocks(at.rows as u64), &arguments)
    }

    /// A weight of shape (out, `width`), and `out`.
    pub(super) fn matrix(&self, range: &Range<usize>, width: usize) -> (Operand, usize) {
        (Operand::new(self.stored.value(range.start), width), range.len() / width)
    }

    /// `out = x · weightᵀ`, with `added` on top.
    fn project(
        &self,
        rows: usize,
        x: Address,
        weight: &Range<usize>,
        width: usize,
        out: Address,
        added: Option<Address>,
    ) -> Done {
        let (weight, columns) = self.matrix(weight, width);
        let (a, b) = (Operand::new(x, width), weight.transposed());
        let product =
            Product { m: rows, n: columns, k: width, a, b, added, out, line: columns, floats: false };
        self.device.multiply(&product)
    }
}

/// A size as a kernel takes it; models have no size of four billion.
pub(super) fn width(value: usize) -> Arg {
    Arg::U32(value as u32)
}
