//! The whole model, forward and backward: which kernel and which product reads and writes what.
//!
//! Buffers and order are the CPU pass's (`fast::pass`), with two differences: queries, keys and values stay in one
//! matrix through attention, and residual sums are made by the products that end a branch.

use std::ops::Range;

use super::arena::{Arena, Layer, NORM_BLOCKS};
use super::attention;
use super::device::{Address, Arg, Buffer, Device, GpuError, Launch, Operand, Product};
use super::forward::{Forward, LayerRows, LossRows, Span, width};
use crate::shape::{Dims, LayerRanges, Ranges};

/// Parameters and their gradients on the device, in the order of the layout.
pub(super) struct Weights<D: Device> {
    /// f32.
    pub(super) master: Buffer<D>,
    /// As products read them.
    pub(super) stored: Buffer<D>,
    /// f32.
    pub(super) gradient: Buffer<D>,
}

/// What a pass reads besides the arena.
pub(super) struct Pass<'a, D: Device> {
    pub(super) forward: Forward<'a, D>,
    /// f32.
    pub(super) gradient: &'a Buffer<D>,
    /// f32: what every row's gradient by its logits is multiplied by.
    pub(super) scale: Address,
    /// f64: to which losses are added.
    pub(super) total: Address,
}

type Done = Result<(), GpuError>;

impl<'a, D: Device> Pass<'a, D> {
    /// Fills the arena with the activations of its tokens.
    pub(super) fn forward(&self, arena: &Arena<D>) -> Done {
        let (rows, ranges) = (arena.sizes.rows(), self.ranges());
        self.forward.embed(rows, arena.tokens.at(), arena.layers[0].x.at())?;
        for (index, (weights, layer)) in ranges.layers.iter().zip(&arena.layers).enumerate() {
            let next = arena.layers.get(index + 1).map_or(&arena.last, |layer| &layer.x);
            let at = layer_rows(layer, next, arena);
            let attention = || self.device().attention_forward(&attention_of(layer, arena));
            self.forward.layer(weights, span(arena), &at, attention)?;
        }
        self.norm(&arena.last, &ranges.norm, arena)
    }

    /// Adds the losses of all labels to the total, after [`Pass::forward`].
    pub(super) fn loss(&self, arena: &Arena<D>) -> Done {
        self.each_run(arena, |first, count| self.run_losses(arena, (first, count), false))?;
        self.add_losses(arena)
    }

    /// Adds the losses to the total and the gradient of their scaled sum to the gradient, after
    /// [`Pass::forward`]; the activations are used up.
    pub(super) fn backward(&self, arena: &Arena<D>) -> Done {
        self.each_run(arena, |first, count| self.backward_head(arena, first, count))?;
        self.add_losses(arena)?;
        self.norm_backward(&arena.last, &self.ranges().norm, arena, true)?;
        for (at, layer) in self.ranges().layers.iter().zip(&arena.layers).rev() {
            self.backward_feed_forward(at, layer, arena)?;
            self.backward_attention(at, layer, arena)?;
        }
        self.embed_backward(arena)
    }

    fn backward_head(&self, arena: &Arena<D>, first: usize, count: usize) -> Done {
        let Dims { hidden, vocab, .. } = *self.dims();
        self.run_losses(arena, (first, count), true)?;
        let dlogits = Operand::new(arena.logits.at(), arena.logits_line);
        let head = self.forward.matrix(&self.ranges().head, hidden).0;
        let x = Operand::new(arena.normed.value(first * hidden), hidden);
        let (dx, dhead) = (arena.dnormed.value(first * hidden), self.gradient(&self.ranges().head));
        self.multiply([count, hidden, vocab], dlogits, head, dx, hidden, None, false)?;
        self.multiply([vocab, hidden, count], dlogits.transposed(), x, dhead, hidden, Some(dhead), true)
    }

    fn backward_feed_forward(&self, at: &LayerRanges, layer: &Layer<D>, arena: &Arena<D>) -> Done {
        let (dims, rows) = (self.dims(), arena.sizes.rows());
        self.pull(rows, &arena.dx, &at.down, dims.ffn, &arena.activation)?;
        let arguments =
            [layer.gate_up.at().into(), arena.activation.at().into(), Arg::U64(rows as u64), width(dims.ffn)];
        self.device().launch("swiglu_backward", Launch::strided((rows * dims.ffn / 4) as u64), &arguments)?;
        self.weigh(rows, &arena.dx, &arena.activation, &at.down, dims.ffn)?;
        self.norm(&layer.middle, &at.post_norm, arena)?;
        self.weigh(rows, &layer.gate_up, &arena.normed, &at.gate_up, dims.hidden)?;
        self.pull(rows, &layer.gate_up, &at.gate_up, dims.hidden, &arena.dnormed)?;
        self.norm_backward(&layer.middle, &at.post_norm, arena, false)
    }

    fn backward_attention(&self, at: &LayerRanges, layer: &Layer<D>, arena: &Arena<D>) -> Done {
        let (dims, rows) = (self.dims(), arena.sizes.rows());
        self.weigh(rows, &arena.dx, &layer.mixed, &at.out, dims.q())?;
        self.pull(rows, &arena.dx, &at.out, dims.q(), &arena.dmixed)?;
        self.device().attention_backward(&attention::Backward {
            forward: attention_of(layer, arena),
            dout: arena.dmixed.at(),
            dqkv: arena.dqkv.at(),
            row_sums: arena.row_sums.at(),
            query_sums: arena.query_sums.at(),
        })?;
        self.forward.rope(span(arena), arena.dqkv.at(), -1.0)?;
        self.norm(&layer.x, &at.input_norm, arena)?;
        self.weigh(rows, &arena.dqkv, &arena.normed, &at.qkv, dims.hidden)?;
        self.pull(rows, &arena.dqkv, &at.qkv, dims.hidden, &arena.dnormed)?;
        self.norm_backward(&layer.x, &at.input_norm, arena, false)
    }

    /// Calls `work(first row, rows)` for each run of rows whose logits are in memory together.
    fn each_run(&self, arena: &Arena<D>, work: impl Fn(usize, usize) -> Done) -> Done {
        let rows = arena.sizes.rows();
        (0..rows).step_by(arena.run).try_for_each(|first| work(first, arena.run.min(rows - first)))
    }

    /// Losses of a run of rows; with `gradient`, the logits become theirs.
    fn run_losses(&self, arena: &Arena<D>, (first, count): (usize, usize), gradient: bool) -> Done {
        let x = arena.normed.value(first * self.dims().hidden);
        let at = LossRows {
            rows: count,
            logits: arena.logits.at(),
            line: arena.logits_line,
            labels: arena.labels.word(first),
            losses: arena.losses.word(first),
        };
        self.forward.logits(count, x, at.logits, at.line, false)?;
        self.forward.cross_entropy(&at, gradient.then_some(self.scale))
    }

    fn norm(&self, x: &Buffer<D>, weight: &Range<usize>, arena: &Arena<D>) -> Done {
        let (normed, factors) = (arena.normed.at(), arena.factors.at());
        self.forward.norm(arena.sizes.rows(), x.at(), weight, normed, factors)
    }

    fn add_losses(&self, arena: &Arena<D>) -> Done {
        let arguments = [arena.losses.at().into(), Arg::U64(arena.sizes.rows() as u64), self.total.into()];
        self.device().launch("add_losses", Launch::blocks(1), &arguments)
    }

    /// The gradient through `norm(x)`, whose factors are the arena's, added to (or instead of) `arena.dx`.
    fn norm_backward(&self, x: &Buffer<D>, weight: &Range<usize>, arena: &Arena<D>, replace: bool) -> Done {
        let rows = arena.sizes.rows();
        let run = rows.div_ceil(NORM_BLOCKS);
        let blocks = rows.div_ceil(run);
        let arguments = [
            x.at().into(),
            self.forward.norms.word(weight.start).into(),
            arena.factors.at().into(),
            arena.dnormed.at().into(),
            arena.dx.at().into(),
            arena.partial.at().into(),
            Arg::U64(rows as u64),
            width(run),
            Arg::U32(u32::from(replace)),
        ];
        let launch = Launch::norm(blocks as u64, self.dims().hidden, self.device().storage());
        self.device().launch("norm_backward", launch, &arguments)?;
        let arguments = [arena.partial.at().into(), width(blocks), self.gradient(weight).into()];
        self.device().launch(
            "norm_weight",
            Launch::blocks(self.dims().hidden.div_ceil(32) as u64),
            &arguments,
        )
    }

    fn embed_backward(&self, arena: &Arena<D>) -> Done {
        let rows = arena.sizes.rows();
        let arguments = [
            arena.dx.at().into(),
            arena.tokens.at().into(),
            arena.order.at().into(),
            self.gradient(&self.ranges().embed).into(),
            Arg::U64(rows as u64),
            width(self.dims().hidden),
        ];
        self.device().launch("embed_backward", Launch::blocks(rows as u64), &arguments)
    }

    fn device(&self) -> &'a D {
        self.forward.device
    }

    fn dims(&self) -> &'a Dims {
        self.forward.dims
    }

    fn ranges(&self) -> &'a Ranges {
        self.forward.ranges
    }

    fn gradient(&self, range: &Range<usize>) -> Address {
        self.gradient.word(range.start)
    }

    /// `dx = dy · weight`.
    fn pull(&self, rows: usize, dy: &Buffer<D>, weight: &Range<usize>, width: usize, dx: &Buffer<D>) -> Done {
        let (weight, columns) = self.forward.matrix(weight, width);
        let dy = Operand::new(dy.at(), columns);
        self.multiply([rows, width, columns], dy, weight, dx.at(), width, None, false)
    }

    /// `dweight += dyᵀ · x`.
    fn weigh(&self, rows: usize, dy: &Buffer<D>, x: &Buffer<D>, weight: &Range<usize>, width: usize) -> Done {
        let (columns, out) = (weight.len() / width, self.gradient(weight));
        let (dy, x) = (Operand::new(dy.at(), columns), Operand::new(x.at(), width));
        self.multiply([columns, width, rows], dy.transposed(), x, out, width, Some(out), true)
    }

    #[allow(clippy::too_many_arguments, reason = "a product's own; every caller is above")]
    fn multiply(
        &self,
        [m, n, k]: [usize; 3],
        a: Operand,
        b: Operand,
        out: Address,
        line: usize,
        added: Option<Address>,
        floats: bool,
    ) -> Done {
        self.device().multiply(&Product { m, n, k, a, b, added, out, line, floats })
    }
}

/// All rows of an arena's samples, from position 0.
fn span<D: Device>(arena: &Arena<D>) -> Span {
    Span { rows: arena.sizes.rows(), first: 0, tokens: arena.sizes.tokens }
}

fn layer_rows<D: Device>(layer: &Layer<D>, next: &Buffer<D>, arena: &Arena<D>) -> LayerRows {
    LayerRows {
        x: layer.x.at(),
        normed: arena.normed.at(),
        factors: arena.factors.at(),
        qkv: layer.qkv.at(),
        mixed: layer.mixed.at(),
        middle: layer.middle.at(),
        gate_up: layer.gate_up.at(),
        activation: arena.activation.at(),
        next: next.at(),
    }
}

fn attention_of<D: Device>(layer: &Layer<D>, arena: &Arena<D>) -> attention::Forward {
    let (qkv, out, log_sums) = (layer.qkv.at(), layer.mixed.at(), layer.log_sums.at());
    attention::Forward { sizes: arena.sizes, qkv, out, log_sums }
}
