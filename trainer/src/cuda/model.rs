//! A model that is only read, on a [`Device`]: losses of many texts at once, and logits of a text that grows.
//!
//! ```text
//!  texts ─► groups of one padded length ─► all rows through every layer ─► losses          (nothing is kept)
//!  text ─► what was read before: kept ─► the rest through every layer ─► last row's logits (keys, values are kept)
//! ```

use std::ops::Range;
use std::sync::Arc;

use sn3_protocol::model::ModelConfig;

use super::attention::{self, Cached, Sizes};
use super::batch::{Group, groups, padded};
use super::device::{Address, Arg, Buffer, Device, GpuError, Launch};
use super::forward::{Forward, Span};
use super::rows::{Cache, Rows};
use super::step::{NO_LABEL, check_shape, layout, rotary};
use crate::infer::{Infer, check};
use crate::shape::{Dims, Ranges};
use crate::train::{StateError, StepError, check_values};

/// Rows that pass through the layers together when many texts are read.
const ROWS_AT_ONCE: usize = 1 << 15;
/// Rows of one text that pass through the layers together; the first so many take the attention of whole texts.
const TEXT_ROWS_AT_ONCE: usize = 1 << 12;
/// Parameters that are f32 on the device at once while they are brought there.
const PARAMETERS_AT_ONCE: usize = 1 << 24;

/// Why there is no model on the GPU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaModelError {
    /// The GPU.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The state is not one of this model.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A model whose parameters are in a device's memory once, as products read them; the norms' also in f32.
pub(crate) struct GpuModel<D: Device> {
    device: Arc<D>,
    config: ModelConfig,
    dims: Dims,
    /// Those of the norms are places in `norms`.
    ranges: Ranges,
    stored: Buffer<D>,
    norms: Buffer<D>,
    cosines: Buffer<D>,
    sines: Buffer<D>,
    rows: Option<Rows<D>>,
    /// Most rows that are taken at once: fewer after memory was short.
    rows_max: usize,
    cache: Option<Cache<D>>,
}

impl<D: Device> GpuModel<D> {
    /// The model with the parameters `state`, in the order of the layout.
    pub(crate) fn new(device: Arc<D>, config: &ModelConfig, state: &[f32]) -> Result<Self, CudaModelError> {
        let layout = layout(config)?;
        check_values("the state", state, layout.parameters())?;
        let dims = Dims::new(config);
        check_shape(&dims)?;
        let mut ranges = Ranges::new(&layout, config);
        let (cosines, sines) = rotary(&dims, config.context as usize);
        Ok(Self {
            stored: store(&device, state, PARAMETERS_AT_ONCE)?,
            norms: Buffer::of(&device, &take_norms(&mut ranges, state))?,
            cosines: Buffer::of(&device, &cosines)?,
            sines: Buffer::of(&device, &sines)?,
            config: config.clone(),
            dims,
            ranges,
            rows: None,
            rows_max: ROWS_AT_ONCE,
            cache: None,
            device,
        })
    }

    fn forward(&self) -> Forward<'_, D> {
        Forward {
            device: &self.device,
            dims: &self.dims,
            ranges: &self.ranges,
            stored: &self.stored,
            norms: &self.norms,
            cosines: self.cosines.at(),
            sines: self.sines.at(),
        }
    }

    /// Makes room for `most` rows or, with less memory, for fewer, but not for fewer than `least`; how many may pass
    /// at once.
    fn fit(&mut self, (least, most): (usize, usize), losses: bool) -> Result<usize, GpuError> {
        let mut count = most.min(self.rows_max).max(least);
        while !self.rows.as_ref().is_some_and(|rows| rows.hold(count, losses)) {
            self.rows = None;
            match Rows::new(&self.device, &self.dims, count, losses) {
                Ok(rows) => self.rows = Some(rows),
                Err(GpuError::OutOfMemory { .. }) if count > least => {
                    count = (count / 2).max(least);
                    self.rows_max = count;
                    tracing::warn!(rows = count, "out of GPU memory: fewer tokens at once, the same results");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// The losses of texts that were checked.
    fn losses_of(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, GpuError> {
        let context = self.config.context as usize;
        let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.len() - 1).collect();
        let sizes = || lengths.iter().map(|&tokens| padded(tokens, context));
        let Some(longest) = sizes().max() else { return Ok(Vec::new()) };
        let count = self.fit((longest, sizes().sum::<usize>().next_power_of_two()), true)?;
        let rows = self.rows.as_ref().expect("`fit` makes them");
        let mut losses = vec![Vec::new(); texts.len()];
        for group in groups(&lengths, context, count) {
            let found = self.group(rows, &group, texts)?;
            for (found, &index) in found.chunks(group.tokens).zip(&group.members) {
                losses[index] = found[..lengths[index]].to_vec();
            }
        }
        Ok(losses)
    }

    /// The losses of a group's rows.
    fn group(&self, rows: &Rows<D>, group: &Group, texts: &[&[u32]]) -> Result<Vec<f32>, GpuError> {
        let (forward, head) = (self.forward(), rows.head.as_ref().expect("`fit` was asked for losses"));
        let (mut tokens, mut labels) = (vec![0; group.rows()], vec![NO_LABEL; group.rows()]);
        for (sample, &index) in group.members.iter().enumerate() {
            let (at, text) = (sample * group.tokens, texts[index]);
            tokens[at..][..text.len() - 1].copy_from_slice(&text[..text.len() - 1]);
            labels[at..][..text.len() - 1].copy_from_slice(&text[1..]);
        }
        rows.tokens.write(&tokens)?;
        head.labels.write(&labels)?;
        forward.embed(group.rows(), rows.tokens.at(), rows.x.at())?;
        let span = Span { rows: group.rows(), first: 0, tokens: group.tokens };
        let sizes = Sizes::new(&self.dims, group.samples, group.tokens);
        for weights in &self.ranges.layers {
            let at = rows.layer(rows.qkv.at());
            forward.layer(weights, span, &at, || self.attend(rows, sizes, rows.qkv.at()))?;
        }
        forward.norm(span.rows, rows.x.at(), &self.ranges.norm, rows.normed.at(), rows.factors.at())?;
        for first in (0..span.rows).step_by(head.run) {
            let at = head.rows(first, head.run.min(span.rows - first));
            let x = rows.normed.value(first * self.dims.hidden);
            forward.logits(at.rows, x, at.logits, at.line, false)?;
            forward.cross_entropy(&at, None)?;
        }
        head.losses.read(span.rows)
    }

    /// Whole texts' attention, by the crate's own kernels: sizes are many here, and a library's plan for each takes
    /// longer than it saves.
    fn attend(&self, rows: &Rows<D>, sizes: Sizes, qkv: Address) -> Result<(), GpuError> {
        let (out, log_sums) = (rows.mixed.at(), rows.log_sums.at());
        attention::forward(&*self.device, &attention::Forward { sizes, qkv, out, log_sums })
    }

    /// The logits after a text that was checked.
    fn logits_after(&mut self, tokens: &[u32]) -> Result<Vec<f32>, GpuError> {
        let mut cache = self.cache_for(tokens.len())?;
        let known = cache.known(tokens).min(tokens.len() - 1);
        cache.read.truncate(known);
        let most = (tokens.len() - known).min(TEXT_ROWS_AT_ONCE).next_power_of_two();
        let count = self.fit((1, most), false)?;
        let rows = self.rows.as_ref().expect("`fit` makes them");
        for block in tokens[known..].chunks(count) {
            self.read_on(rows, &mut cache, block)?;
        }
        let logits = cache.logits.read(self.dims.vocab);
        self.cache = Some(cache);
        logits
    }

    /// A cache with room for `tokens` tokens: what there is, or a larger one that has read nothing.
    fn cache_for(&mut self, tokens: usize) -> Result<Cache<D>, GpuError> {
        match self.cache.take().filter(|cache| cache.tokens >= tokens) {
            Some(cache) => Ok(cache),
            None => {
                let room = (tokens, self.config.context as usize);
                Cache::new(&self.device, &self.dims, self.ranges.layers.len(), room)
            }
        }
    }

    /// Reads tokens after those that the cache has read, and makes the last one's logits.
    fn read_on(&self, rows: &Rows<D>, cache: &mut Cache<D>, tokens: &[u32]) -> Result<(), GpuError> {
        let (forward, dims) = (self.forward(), &self.dims);
        let (count, first) = (tokens.len(), cache.read.len());
        rows.tokens.write(tokens)?;
        forward.embed(count, rows.tokens.at(), rows.x.at())?;
        let span = Span { rows: count, first, tokens: count };
        let sizes = Sizes::new(dims, 1, first + count);
        for (index, weights) in self.ranges.layers.iter().enumerate() {
            let (text, new) = cache.layer(dims, index, first);
            let cached = Cached { sizes, rows: count, qkv: text, out: rows.mixed.at() };
            forward.layer(weights, span, &rows.layer(new), || match first {
                0 => self.attend(rows, sizes, text),
                _ => attention::cached(&*self.device, &cached),
            })?;
        }
        cache.read.extend(tokens);
        let last = rows.x.value((count - 1) * dims.hidden);
        forward.norm(1, last, &self.ranges.norm, rows.normed.at(), rows.factors.at())?;
        forward.logits(1, rows.normed.at(), cache.logits.at(), dims.vocab, true)
    }
}

impl<D: Device> Infer for GpuModel<D> {
    fn model(&self) -> &ModelConfig {
        &self.config
    }

    fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        Ok(self.token_losses_of(&[tokens])?.swap_remove(0))
    }

    fn token_losses_of(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, StepError> {
        let range = (2, self.config.context as usize + 1);
        let check = |(index, tokens): (usize, &&[u32])| check(index, tokens, range, self.config.vocab);
        texts.iter().enumerate().try_for_each(check)?;
        Ok(self.losses_of(texts)?)
    }

    fn tokens_at_once(&self) -> usize {
        ROWS_AT_ONCE
    }

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        check(0, tokens, (1, self.config.context as usize), self.config.vocab)?;
        Ok(self.logits_after(tokens)?)
    }
}

/// Parameters as products read them, brought there through `at_once` values of f32.
fn store<D: Device>(device: &Arc<D>, state: &[f32], at_once: usize) -> Result<Buffer<D>, GpuError> {
    let stored = Buffer::stored(device, state.len())?;
    let floats = Buffer::words(device, at_once.min(state.len()))?;
    for (index, part) in state.chunks(at_once).enumerate() {
        floats.write(part)?;
        let count = part.len() as u64;
        let arguments = [floats.at().into(), stored.value(index * at_once).into(), Arg::U64(count)];
        device.launch("to_stored", Launch::strided(count), &arguments)?;
    }
    Ok(stored)
}

/// The norms' weights one after the other, and their ranges set to where they are then.
fn take_norms(ranges: &mut Ranges, state: &[f32]) -> Vec<f32> {
    let mut norms = Vec::new();
    let mut take = |range: &mut Range<usize>| {
        let first = norms.len();
        norms.extend_from_slice(&state[range.clone()]);
        *range = first..norms.len();
    };
    for layer in &mut ranges.layers {
        take(&mut layer.input_norm);
        take(&mut layer.post_norm);
    }
    take(&mut ranges.norm);
    norms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::emulator::Emulator;
    use crate::cuda::source::Storage;
    use crate::cuda::step::kernel_shape;
    use crate::tests::tiny;

    #[test]
    fn parameters_are_brought_in_parts() {
        let Some(device) = Emulator::new(kernel_shape(&tiny(), Storage::F32)) else { return };
        let state: Vec<f32> = (0..1001u16).map(f32::from).collect();
        for at_once in [1, 100, 1001, 5000] {
            assert_eq!(store(&device, &state, at_once).unwrap().read::<f32>(1001).unwrap(), state);
        }
    }
}
