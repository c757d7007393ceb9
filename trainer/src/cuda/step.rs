//! The trainer on a [`Device`]: parameters, optimizer and the recorded step.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::{ChunkRule, Layout};

use super::arena::Arena;
use super::device::{Arg, Buffer, Device, GpuError, Launch};
use super::forward::Forward;
use super::pass::{Pass, Weights};
use super::source::Storage;
use crate::shape::{Dims, Ranges};
use crate::train::{
    OptimizerState, StateError, StepError, StepStats, check_lr, check_samples, check_values, count_labels,
};

/// The label that does not count, as in `loss.cu`.
pub(super) const NO_LABEL: u32 = u32::MAX;
/// Values whose squares one block adds, as in `adam.cu`.
const NORM_VALUES: usize = 1 << 16;
/// What widths must be multiples of, so that rows begin at 16 bytes.
const WIDTH_UNIT: usize = 8;
/// Widest head whose results fit a warp's registers.
const HEAD_DIM_MAX: usize = 128;

/// One step's numbers, as `adam.cu` reads them; the GPU writes the last two.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
struct StepNumbers {
    scale: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
    rate: f32,
    root: f32,
    eps: f32,
    clip_norm: f32,
    norm: f32,
    clip: f32,
}

impl StepNumbers {
    /// For step `step` (from 1) over `count` labels: bias corrections in f64, as on the CPU.
    fn new(config: &AdamConfig, step: u64, lr: f32, count: u32) -> Self {
        let power = |beta: f32| f64::from(beta).powf(step as f64);
        Self {
            scale: 1.0 / count.max(1) as f32,
            decay: 1.0 - lr * config.weight_decay,
            beta1: config.beta1,
            beta2: config.beta2,
            rate: (f64::from(lr) / (1.0 - power(config.beta1))) as f32,
            root: (1.0 / (1.0 - power(config.beta2)).sqrt()) as f32,
            eps: config.eps,
            clip_norm: config.clip_norm,
            norm: 0.0,
            clip: 0.0,
        }
    }
}

/// How often a micro-batch of the present size was worked on.
enum Recorded<R> {
    /// Never: libraries still choose how to work.
    Not,
    /// Once, without recording.
    Warm,
    Done(R),
}

/// A trainer whose model and optimizer are in a device's memory.
pub(crate) struct GpuStep<D: Device> {
    device: Arc<D>,
    config: ModelConfig,
    layout: Layout,
    dims: Dims,
    ranges: Ranges,
    adam: AdamConfig,
    steps: u64,
    weights: Weights<D>,
    first: Buffer<D>,
    second: Buffer<D>,
    cosines: Buffer<D>,
    sines: Buffer<D>,
    numbers: Buffer<D>,
    total: Buffer<D>,
    squares: Buffer<D>,
    /// Before the arena, whose memory it works on.
    recorded: Recorded<D::Recording>,
    arena: Option<Arena<D>>,
    micro_batch: usize,
    masked: Option<u32>,
    recording: bool,
}

impl<D: Device> GpuStep<D> {
    /// A trainer with all parameters 0.
    pub(crate) fn new(
        device: Arc<D>,
        config: &ModelConfig,
        adam: AdamConfig,
        micro_batch: usize,
        masked: Option<u32>,
    ) -> Result<Self, GpuError> {
        let layout = layout(config)?;
        let (dims, count) = (Dims::new(config), layout.parameters());
        check_shape(&dims)?;
        let floats = || zeroed(&device, count * size_of::<f32>());
        let weights = Weights {
            master: floats()?,
            stored: zeroed(&device, count * device.storage().bytes())?,
            gradient: floats()?,
        };
        let (cosines, sines) = rotary(&dims, config.context as usize);
        Ok(Self {
            weights,
            first: floats()?,
            second: floats()?,
            cosines: Buffer::of(&device, &cosines)?,
            sines: Buffer::of(&device, &sines)?,
            numbers: Buffer::new(&device, size_of::<StepNumbers>())?,
            total: Buffer::new(&device, size_of::<f64>())?,
            squares: Buffer::new(&device, count.div_ceil(NORM_VALUES) * size_of::<f64>())?,
            recorded: Recorded::Not,
            arena: None,
            config: config.clone(),
            ranges: Ranges::new(&layout, config),
            layout,
            dims,
            adam,
            steps: 0,
            micro_batch: micro_batch.max(1),
            masked,
            recording: true,
            device,
        })
    }

    pub(crate) fn set_masked_label(&mut self, masked: Option<u32>) {
        self.masked = masked;
    }

    /// Whether steps after the first two of a size are replayed from a recording.
    pub(crate) fn set_recording(&mut self, recording: bool) {
        (self.recording, self.recorded) = (recording, Recorded::Not);
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Samples that pass through the model at once: what was asked for, or what memory allows.
    pub(crate) fn micro_batch(&self) -> usize {
        self.micro_batch
    }

    pub(crate) fn params(&self) -> Result<Vec<f32>, GpuError> {
        self.weights.master.read(self.layout.parameters())
    }

    pub(crate) fn set_params(&mut self, params: &[f32]) -> Result<Result<(), StateError>, GpuError> {
        if let Err(error) = check_values("the state", params, self.layout.parameters()) {
            return Ok(Err(error));
        }
        self.weights.master.write(params)?;
        let (from, to) = (self.weights.master.at(), self.weights.stored.at());
        let arguments = [from.into(), to.into(), Arg::U64(params.len() as u64)];
        self.device.launch("to_stored", Launch::strided(params.len() as u64), &arguments)?;
        Ok(Ok(()))
    }

    pub(crate) fn optimizer(&self) -> Result<OptimizerState, GpuError> {
        if self.steps == 0 {
            return Ok(OptimizerState::default());
        }
        let count = self.layout.parameters();
        let (first, second) = (self.first.read(count)?, self.second.read(count)?);
        Ok(OptimizerState { step: self.steps, first, second })
    }

    pub(crate) fn set_optimizer(
        &mut self,
        state: &OptimizerState,
    ) -> Result<Result<(), StateError>, GpuError> {
        let count = self.layout.parameters();
        if state.step == 0 && state.first.is_empty() && state.second.is_empty() {
            self.steps = 0;
            self.first.zero()?;
            self.second.zero()?;
            return Ok(Ok(()));
        }
        let checked = check_values("the optimizer's first moments", &state.first, count)
            .and_then(|()| check_values("the optimizer's second moments", &state.second, count));
        if checked.is_err() {
            return Ok(checked);
        }
        self.first.write(&state.first)?;
        self.second.write(&state.second)?;
        self.steps = state.step;
        Ok(Ok(()))
    }

    /// The mean loss of `samples` and its gradient by every parameter, in the order of the layout.
    pub(crate) fn gradient(&mut self, samples: &[&[u32]]) -> Result<(f32, Vec<f32>), StepError> {
        check_samples(samples, &self.config)?;
        let count = count_labels(samples, self.masked);
        self.accumulate(samples, 0.0, count)?;
        let gradient = self.weights.gradient.read(self.layout.parameters())?;
        Ok((self.mean(count)?, gradient))
    }

    /// One AdamW step.
    pub(crate) fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError> {
        check_lr(lr)?;
        check_samples(samples, &self.config)?;
        let tokens = count_labels(samples, self.masked);
        if tokens == 0 {
            return Ok(StepStats { loss: 0.0, grad_norm: 0.0, tokens });
        }
        self.accumulate(samples, lr, tokens)?;
        self.update()?;
        let (loss, grad_norm) = (self.mean(tokens)?, self.numbers.read::<StepNumbers>(1)?[0].norm);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(StepError::NotFinite { loss, grad_norm });
        }
        self.steps += 1;
        Ok(StepStats { loss, grad_norm, tokens })
    }

    /// The mean loss without training.
    pub(crate) fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError> {
        check_samples(samples, &self.config)?;
        self.fit(samples.len(), samples[0].len())?;
        self.total.zero()?;
        let arena = self.arena.as_ref().expect("`fit` makes one");
        for micro in samples.chunks(arena.sizes.samples) {
            self.put(arena, micro)?;
            let pass = self.pass();
            pass.forward(arena)?;
            pass.loss(arena)?;
        }
        let loss = self.mean(count_labels(samples, self.masked))?;
        if loss.is_finite() { Ok(loss) } else { Err(StepError::NotFinite { loss, grad_norm: 0.0 }) }
    }

    /// Puts the gradient of the mean over `count` labels into the gradient, and the losses into the total.
    fn accumulate(&mut self, samples: &[&[u32]], lr: f32, count: u32) -> Result<(), GpuError> {
        self.fit(samples.len(), samples[0].len())?;
        self.numbers.write(&[StepNumbers::new(&self.adam, self.steps + 1, lr, count)])?;
        self.weights.gradient.zero()?;
        self.total.zero()?;
        let at_once = self.arena.as_ref().expect("`fit` makes one").sizes.samples;
        samples.chunks(at_once).try_for_each(|micro| self.micro_step(micro))
    }

    /// One micro-batch: the first of a size is worked on as it is, the second recorded, the others replayed.
    fn micro_step(&mut self, micro: &[&[u32]]) -> Result<(), GpuError> {
        let arena = self.arena.as_ref().expect("`fit` makes one");
        self.put(arena, micro)?;
        let pass = self.pass();
        let mut work = || pass.forward(arena).and_then(|()| pass.backward(arena));
        let next = match &self.recorded {
            Recorded::Done(recording) => return self.device.replay(recording),
            Recorded::Warm if self.recording => {
                let recording = self.device.record(&mut work)?;
                self.device.replay(&recording)?;
                Recorded::Done(recording)
            }
            _ => {
                work()?;
                Recorded::Warm
            }
        };
        self.recorded = next;
        Ok(())
    }

    /// The norm, the clip and AdamW.
    fn update(&self) -> Result<(), GpuError> {
        let count = self.layout.parameters();
        let (gradient, blocks) = (self.weights.gradient.at(), count.div_ceil(NORM_VALUES) as u64);
        let arguments = [gradient.into(), Arg::U64(count as u64), self.squares.at().into()];
        self.device.launch("square_sums", Launch::blocks(blocks), &arguments)?;
        let arguments = [self.squares.at().into(), Arg::U64(blocks), self.numbers.at().into()];
        self.device.launch("clip_factor", Launch::blocks(1), &arguments)?;
        let Weights { master, stored, .. } = &self.weights;
        let memory = [
            gradient,
            self.first.at(),
            self.second.at(),
            master.at(),
            stored.at(),
            self.numbers.at(),
            self.total.at(),
        ];
        let arguments: Vec<Arg> = memory.into_iter().map(Arg::from).chain([Arg::U64(count as u64)]).collect();
        self.device.launch("adamw", Launch::strided(count.div_ceil(4) as u64), &arguments)
    }

    /// The total of the losses as a mean over `count` labels.
    fn mean(&self, count: u32) -> Result<f32, GpuError> {
        let total = self.total.read::<f64>(1)?[0];
        Ok((total / f64::from(count.max(1))) as f32)
    }

    fn pass(&self) -> Pass<'_, D> {
        let Weights { master, stored, gradient } = &self.weights;
        let forward = Forward {
            device: &*self.device,
            dims: &self.dims,
            ranges: &self.ranges,
            stored,
            norms: master,
            cosines: self.cosines.at(),
            sines: self.sines.at(),
        };
        // The scale is the first of the step's numbers.
        Pass { forward, gradient, scale: self.numbers.at(), total: self.total.at() }
    }

    /// Makes the arena for micro-batches of these samples; with less memory, for smaller ones.
    fn fit(&mut self, samples: usize, tokens: usize) -> Result<(), GpuError> {
        let mut at_once = self.micro_batch.min(samples);
        if self.arena.as_ref().is_some_and(|arena| arena.fits(at_once, tokens)) {
            return Ok(());
        }
        (self.recorded, self.arena) = (Recorded::Not, None);
        loop {
            let arena = Arena::new(&self.device, &self.dims, self.ranges.layers.len(), at_once, tokens);
            let ready = arena.and_then(|arena| self.device.prepare(arena.sizes).map(|()| arena));
            match ready {
                Ok(arena) => {
                    self.arena = Some(arena);
                    return Ok(());
                }
                Err(GpuError::OutOfMemory { .. }) if at_once > 1 => {
                    at_once = at_once.div_ceil(2);
                    tracing::warn!(
                        micro_batch = at_once,
                        "out of GPU memory: smaller micro-batches, the same batch in effect"
                    );
                    self.micro_batch = at_once;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a micro-batch to the device; what it lacks is filled with samples whose labels do not count.
    fn put(&self, arena: &Arena<D>, micro: &[&[u32]]) -> Result<(), GpuError> {
        let (samples, rows) = (arena.sizes.samples, arena.sizes.rows());
        let label = |&token: &u32| if Some(token) == self.masked { NO_LABEL } else { token };
        let mut tokens = micro.concat();
        let mut labels: Vec<u32> =
            micro.iter().flat_map(|sample| sample[1..].iter().map(label).chain([NO_LABEL])).collect();
        for _ in micro.len()..samples {
            tokens.extend_from_slice(micro[0]);
        }
        labels.resize(rows, NO_LABEL);
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|&row| tokens[row as usize]);
        arena.tokens.write(&tokens)?;
        arena.labels.write(&labels)?;
        arena.order.write(&order)
    }
}

impl From<GpuError> for StepError {
    fn from(error: GpuError) -> Self {
        Self::Backend(error.to_string())
    }
}

pub(super) fn layout(config: &ModelConfig) -> Result<Layout, GpuError> {
    config.layout(ChunkRule::default()).map_err(|error| GpuError::Unusable(error.to_string()))
}

fn zeroed<D: Device>(device: &Arc<D>, bytes: usize) -> Result<Buffer<D>, GpuError> {
    let buffer = Buffer::new(device, bytes)?;
    buffer.zero()?;
    Ok(buffer)
}

/// Refuses what the kernels cannot hold.
pub(super) fn check_shape(dims: &Dims) -> Result<(), GpuError> {
    let multiple = "a multiple of 8";
    for (field, value) in [("hidden", dims.hidden), ("ffn", dims.ffn), ("heads · head_dim", dims.q())] {
        if !value.is_multiple_of(WIDTH_UNIT) {
            return Err(GpuError::Shape { field, rule: multiple, value });
        }
    }
    let value = dims.head_dim;
    if value > HEAD_DIM_MAX || !value.is_multiple_of(2) {
        return Err(GpuError::Shape { field: "head_dim", rule: "even and at most 128", value });
    }
    Ok(())
}

/// Cosines and sines for every position of a context: context × (head_dim / 2) each.
pub(super) fn rotary(dims: &Dims, context: usize) -> (Vec<f32>, Vec<f32>) {
    let half = dims.head_dim / 2;
    let angle = |index: usize| (index / half) as f64 * dims.rope_frequency(index % half);
    let table = |function: fn(f64) -> f64| (0..context * half).map(|i| function(angle(i)) as f32).collect();
    (table(f64::cos), table(f64::sin))
}

/// The sizes that the kernels are compiled for.
pub(crate) fn kernel_shape(config: &ModelConfig, storage: Storage) -> super::source::KernelShape {
    super::source::KernelShape { hidden: config.hidden as usize, head_dim: config.head_dim as usize, storage }
}
