//! The fast trainer for CPUs: a hand-written forward and backward pass over buffers taken once.
//!
//! ```text
//!  tokens ─► embed ─► [ norm ─ qkv ─ rope ─ attention ─ out ─ + ─ norm ─ gate·up ─ swiglu ─ down ─ + ] × layers
//!                                                                                               │
//!  AdamW ◄─ clip ◄─ gradient ◄─ the same backwards ◄─ loss and its gradient, a run of tokens at a time
//! ```
//!
//! Queries, keys and values are one product, gate and up another; every product is written where it is wanted.
//! Norms and activations are computed again in the backward pass instead of kept. Work is cut into tasks whose
//! sizes depend on the model and the batch only, and no sum crosses tasks except in a fixed order, so any
//! number of threads gives the same bits.

mod arena;
mod attention;
mod decode;
mod head;
mod infer;
mod matrix;
mod norm;
mod pass;
mod rope;
mod swiglu;

use sn3_protocol::model::{ModelConfig, ModelConfigError};
use sn3_protocol::run::AdamConfig;
use sn3_protocol::{ChunkRule, Layout};

use crate::adam::{self, Adam};
use crate::pool::Pool;
use crate::shape::{Dims, Ranges};
use crate::tokenizer::END_OF_TEXT_ID;
use crate::train::{
    OptimizerState, StateError, StepError, StepStats, Train, check_lr, check_samples, check_values,
    count_labels,
};
use arena::Arena;
pub use decode::{Decoder, DecoderError};
use head::Label;
use pass::Pass;
use rope::Rotary;

/// A trainer with a static step, f32 on the CPU; the gradients are the reference's to rounding.
pub struct StaticTrainer {
    config: ModelConfig,
    layout: Layout,
    dims: Dims,
    ranges: Ranges,
    rotary: Rotary,
    theta: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam,
    arena: Arena,
    pool: Pool,
    micro_batch: usize,
    masked: Option<u32>,
}

impl StaticTrainer {
    /// A trainer with all parameters 0; give it a state with [`Train::set_params`].
    ///
    /// `micro_batch` samples (at least 1) pass through the model at once, on `threads` threads (0 counts as
    /// 1). Labels equal to [`END_OF_TEXT_ID`] are masked; change that with
    /// [`StaticTrainer::with_masked_label`].
    ///
    /// # Errors
    /// If the configuration has no layout.
    pub fn new(
        config: &ModelConfig,
        adam: AdamConfig,
        micro_batch: usize,
        threads: usize,
    ) -> Result<Self, ModelConfigError> {
        let layout = config.layout(ChunkRule::default())?;
        let (dims, parameters) = (Dims::new(config), layout.parameters());
        Ok(Self {
            config: config.clone(),
            dims,
            ranges: Ranges::new(&layout, config),
            rotary: Rotary::new(config.context as usize, &dims),
            theta: vec![0.0; parameters],
            gradient: Vec::new(),
            adam: Adam::new(adam, parameters),
            arena: Arena::default(),
            pool: Pool::new(threads),
            micro_batch: micro_batch.max(1),
            masked: Some(END_OF_TEXT_ID),
            layout,
        })
    }

    /// Masks labels equal to `masked` instead: the run's end-of-text token, or none.
    #[must_use]
    pub fn with_masked_label(mut self, masked: Option<u32>) -> Self {
        self.masked = masked;
        self
    }

    /// The mean loss of `samples` and its gradient by every parameter, in the order of the layout.
    ///
    /// # Errors
    /// If samples are malformed.
    pub fn gradient(&mut self, samples: &[&[u32]]) -> Result<(f32, &[f32]), StepError> {
        check_samples(samples, &self.config)?;
        let count = count_labels(samples, self.masked);
        let loss = self.accumulate(samples, count);
        Ok((loss, &self.gradient))
    }

    /// Computes the gradient of the mean over `count` labels; returns the mean.
    fn accumulate(&mut self, samples: &[&[u32]], count: u32) -> f32 {
        self.gradient.resize(self.theta.len(), 0.0);
        self.gradient.fill(0.0);
        let scale = 1.0 / count.max(1) as f32;
        let mut loss = 0.0;
        for micro in samples.chunks(self.micro_batch) {
            let (inputs, labels) = (micro.concat(), self.labels(micro));
            let (pass, arena, gradient) = self.pass(micro);
            pass.forward(&inputs, arena);
            loss += pass.backward(&inputs, &labels, scale, arena, gradient);
        }
        (loss / f64::from(count.max(1))) as f32
    }

    /// The pass for one micro-batch, and the buffers that it writes.
    fn pass(&mut self, micro: &[&[u32]]) -> (Pass<'_>, &mut Arena, &mut [f32]) {
        let tokens = micro[0].len();
        self.arena.fit(&self.dims, self.ranges.layers.len(), micro.len(), tokens);
        let pass = Pass {
            dims: &self.dims,
            ranges: &self.ranges,
            rotary: &self.rotary,
            theta: &self.theta,
            pool: &self.pool,
            tokens,
        };
        (pass, &mut self.arena, &mut self.gradient)
    }

    /// The label of every token: the next one, unless it is masked; none for the last of a sample.
    fn labels(&self, micro: &[&[u32]]) -> Vec<Label> {
        let label = |&token: &u32| Some(token).filter(|_| Some(token) != self.masked);
        micro.iter().flat_map(|sample| sample[1..].iter().map(label).chain([None])).collect()
    }
}

impl Train for StaticTrainer {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn params(&self) -> Vec<f32> {
        self.theta.clone()
    }

    fn set_params(&mut self, params: &[f32]) -> Result<(), StateError> {
        check_values("the state", params, self.theta.len())?;
        self.theta.copy_from_slice(params);
        Ok(())
    }

    fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError> {
        check_lr(lr)?;
        check_samples(samples, &self.config)?;
        let tokens = count_labels(samples, self.masked);
        if tokens == 0 {
            return Ok(StepStats { loss: 0.0, grad_norm: 0.0, tokens });
        }
        let loss = self.accumulate(samples, tokens);
        let grad_norm = adam::norm(&self.gradient, &self.pool);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(StepError::NotFinite { loss, grad_norm });
        }
        self.adam.update(&mut self.theta, &self.gradient, grad_norm, lr, &self.pool);
        Ok(StepStats { loss, grad_norm, tokens })
    }

    fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError> {
        check_samples(samples, &self.config)?;
        let (count, mut sum) = (count_labels(samples, self.masked), 0.0);
        for micro in samples.chunks(self.micro_batch) {
            let (inputs, labels) = (micro.concat(), self.labels(micro));
            let (pass, arena, _) = self.pass(micro);
            pass.forward(&inputs, arena);
            sum += pass.loss(&labels, arena);
        }
        let loss = (sum / f64::from(count.max(1))) as f32;
        if loss.is_finite() { Ok(loss) } else { Err(StepError::NotFinite { loss, grad_norm: 0.0 }) }
    }

    fn optimizer(&self) -> OptimizerState {
        self.adam.state().clone()
    }

    fn set_optimizer(&mut self, state: OptimizerState) -> Result<(), StateError> {
        self.adam.set_state(state)
    }
}

#[cfg(test)]
mod tests;
