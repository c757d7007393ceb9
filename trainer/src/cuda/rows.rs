//! Memory for reading: rows on their way through the layers, which each layer writes anew, and what is kept of a text.

use std::sync::Arc;

use super::arena::logits_run;
use super::device::{Address, Buffer, Device, GpuError};
use super::forward::{LayerRows, LossRows};
use crate::shape::Dims;

/// Fewest tokens that a cache is made for.
const CACHE_TOKENS_MIN: usize = 1024;

/// The activations of as many rows as pass through the layers together.
pub(super) struct Rows<D: Device> {
    pub(super) count: usize,
    pub(super) x: Buffer<D>,
    middle: Buffer<D>,
    pub(super) normed: Buffer<D>,
    pub(super) qkv: Buffer<D>,
    pub(super) mixed: Buffer<D>,
    gate_up: Buffer<D>,
    activation: Buffer<D>,
    /// f32 from here on.
    pub(super) factors: Buffer<D>,
    pub(super) log_sums: Buffer<D>,
    /// u32.
    pub(super) tokens: Buffer<D>,
    pub(super) head: Option<Head<D>>,
}

/// What losses are made of.
pub(super) struct Head<D: Device> {
    logits: Buffer<D>,
    /// Rows whose logits there is room for.
    pub(super) run: usize,
    line: usize,
    /// u32.
    pub(super) labels: Buffer<D>,
    /// f32.
    pub(super) losses: Buffer<D>,
}

impl<D: Device> Rows<D> {
    /// Room for `count` rows; with `losses` also for their losses.
    pub(super) fn new(device: &Arc<D>, dims: &Dims, count: usize, losses: bool) -> Result<Self, GpuError> {
        let stored = |width: usize| Buffer::stored(device, count * width);
        let words = |width: usize| Buffer::words(device, count * width);
        Ok(Self {
            count,
            x: stored(dims.hidden)?,
            middle: stored(dims.hidden)?,
            normed: stored(dims.hidden)?,
            qkv: stored(dims.qkv())?,
            mixed: stored(dims.q())?,
            gate_up: stored(2 * dims.ffn)?,
            activation: stored(dims.ffn)?,
            factors: words(1)?,
            log_sums: words(dims.heads)?,
            tokens: words(1)?,
            head: losses.then(|| Head::new(device, dims, count)).transpose()?,
        })
    }

    /// Whether `count` rows fit, and their losses where those are asked for.
    pub(super) fn hold(&self, count: usize, losses: bool) -> bool {
        self.count >= count && (self.head.is_some() || !losses)
    }

    /// A layer's places, with queries, keys and values at `qkv`. Nothing of a layer is kept but what is there.
    pub(super) fn layer(&self, qkv: Address) -> LayerRows {
        LayerRows {
            x: self.x.at(),
            normed: self.normed.at(),
            factors: self.factors.at(),
            qkv,
            mixed: self.mixed.at(),
            middle: self.middle.at(),
            gate_up: self.gate_up.at(),
            activation: self.activation.at(),
            next: self.x.at(),
        }
    }
}

impl<D: Device> Head<D> {
    fn new(device: &Arc<D>, dims: &Dims, count: usize) -> Result<Self, GpuError> {
        let (run, line) = logits_run(dims, count, device.storage());
        let logits = Buffer::stored(device, run * line)?;
        let (labels, losses) = (Buffer::words(device, count)?, Buffer::words(device, count)?);
        Ok(Self { logits, run, line, labels, losses })
    }

    /// The places of `rows` rows from `first` on.
    pub(super) fn rows(&self, first: usize, rows: usize) -> LossRows {
        let (labels, losses) = (self.labels.word(first), self.losses.word(first));
        LossRows { rows, logits: self.logits.at(), line: self.line, labels, losses }
    }
}

/// Queries, keys and values of the text that was read last, by layer. The queries are not needed again; beside the
/// others they lie as the kernels read them.
pub(super) struct Cache<D: Device> {
    layers: Vec<Buffer<D>>,
    /// Tokens that there is room for.
    pub(super) tokens: usize,
    pub(super) read: Vec<u32>,
    /// f32: the last token's.
    pub(super) logits: Buffer<D>,
}

impl<D: Device> Cache<D> {
    /// Room for at least `tokens` tokens, no more than `context`.
    pub(super) fn new(
        device: &Arc<D>,
        dims: &Dims,
        layers: usize,
        (tokens, context): (usize, usize),
    ) -> Result<Self, GpuError> {
        let tokens = tokens.next_power_of_two().max(CACHE_TOKENS_MIN).min(context);
        let layer = |_| Buffer::stored(device, tokens * dims.qkv());
        let layers = (0..layers).map(layer).collect::<Result<_, _>>()?;
        Ok(Self { layers, tokens, read: Vec::new(), logits: Buffer::words(device, dims.vocab)? })
    }

    /// How many of `tokens` were read before, from their beginning.
    pub(super) fn known(&self, tokens: &[u32]) -> usize {
        self.read.iter().zip(tokens).take_while(|(read, token)| read == token).count()
    }

    /// Where layer `layer` begins, and where its row of position `first` is.
    pub(super) fn layer(&self, dims: &Dims, layer: usize, first: usize) -> (Address, Address) {
        let layer = &self.layers[layer];
        (layer.at(), layer.value(first * dims.qkv()))
    }
}
