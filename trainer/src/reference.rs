//! The reference trainer: candle's automatic differentiation over the plainest possible model.
//!
//! It is the definition that the fast trainer is held against; nothing here is tuned. It runs on the CPU, and on a GPU
//! by candle's own CUDA code in a build with the feature `candle-cuda`.

mod model;

use candle_core::{DType, Device, Tensor, Var};
use sn3_protocol::layout::TensorSpec;
use sn3_protocol::model::{ModelConfig, ModelConfigError};
use sn3_protocol::run::AdamConfig;
use sn3_protocol::{ChunkRule, Layout};

use crate::adam::{self, Adam};
use crate::pool::Pool;
use crate::shape::Dims;
use crate::tokenizer::END_OF_TEXT_ID;
use crate::train::{
    OptimizerState, StateError, StepError, StepStats, Train, check_lr, check_samples, check_values,
    count_labels,
};
use model::Model;

/// Why there is no reference trainer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The configuration.
    #[error(transparent)]
    Model(#[from] ModelConfigError),
    /// The device.
    #[error("candle cannot use the device: {0}; `sn3 doctor` lists what was found")]
    Device(String),
}

/// What went wrong without the backtrace that candle puts below it.
fn device_error(error: &candle_core::Error) -> ReferenceError {
    ReferenceError::Device(error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// A trainer on candle's autograd in f32. Its optimizer runs on the CPU, wherever the model does.
pub struct ReferenceTrainer {
    device: Device,
    config: ModelConfig,
    layout: Layout,
    model: Model,
    adam: Adam,
    micro_batch: usize,
    masked: Option<u32>,
}

impl ReferenceTrainer {
    /// A trainer with all parameters 0; give it a state with [`Train::set_params`].
    ///
    /// `micro_batch` samples (at least 1) pass through the model at once. Labels equal to
    /// [`END_OF_TEXT_ID`] are masked; change that with [`ReferenceTrainer::with_masked_label`].
    ///
    /// # Errors
    /// If the configuration has no layout.
    pub fn new(config: &ModelConfig, adam: AdamConfig, micro_batch: usize) -> Result<Self, ModelConfigError> {
        match Self::on(Device::Cpu, config, adam, micro_batch) {
            Ok(trainer) => Ok(trainer),
            Err(ReferenceError::Model(error)) => Err(error),
            Err(ReferenceError::Device(error)) => unreachable!("zeros on the CPU cannot fail: {error}"),
        }
    }

    /// As [`ReferenceTrainer::new`], with the model on the first NVIDIA GPU.
    ///
    /// # Errors
    /// If the configuration has no layout, there is no usable GPU, or its memory does not suffice.
    #[cfg(feature = "candle-cuda")]
    pub fn on_gpu(
        config: &ModelConfig,
        adam: AdamConfig,
        micro_batch: usize,
    ) -> Result<Self, ReferenceError> {
        let device = Device::new_cuda(0).map_err(|error| device_error(&error))?;
        Self::on(device, config, adam, micro_batch)
    }

    fn on(
        device: Device,
        config: &ModelConfig,
        adam: AdamConfig,
        micro_batch: usize,
    ) -> Result<Self, ReferenceError> {
        let layout = config.layout(ChunkRule::default())?;
        let zeros = |tensor: &TensorSpec| {
            let shape: Vec<usize> = tensor.shape.iter().map(|&n| n as usize).collect();
            Var::zeros(shape, DType::F32, &device).map_err(|error| device_error(&error))
        };
        let variables = layout.tensors().iter().map(zeros).collect::<Result<_, _>>()?;
        let model = Model::new(Dims::new(config), config.tied_head, variables);
        Ok(Self {
            device,
            config: config.clone(),
            model,
            adam: Adam::new(adam, layout.parameters()),
            layout,
            micro_batch: micro_batch.max(1),
            masked: Some(END_OF_TEXT_ID),
        })
    }

    /// Masks labels equal to `masked` instead: the run's end-of-text token, or none.
    #[must_use]
    pub fn with_masked_label(mut self, masked: Option<u32>) -> Self {
        self.masked = masked;
        self
    }

    /// The logits at every position of every sample: samples × tokens × vocabulary, one after another.
    ///
    /// # Errors
    /// If samples are malformed or the library fails.
    pub fn logits(&self, samples: &[&[u32]]) -> Result<Vec<f32>, StepError> {
        check_samples(samples, &self.config)?;
        let logits = self.model.logits(&self.inputs(samples)?)?;
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    /// The mean loss of `samples` and its gradient by every parameter, in the order of the layout.
    ///
    /// # Errors
    /// If samples are malformed or the library fails.
    pub fn gradient(&self, samples: &[&[u32]]) -> Result<(f32, Vec<f32>), StepError> {
        check_samples(samples, &self.config)?;
        let count = count_labels(samples, self.masked);
        let (mut loss, mut gradient) = (0.0, vec![0.0; self.layout.parameters()]);
        for micro in samples.chunks(self.micro_batch) {
            let part = self.loss_of(micro, count)?;
            let grads = part.backward()?;
            for (index, variable) in self.model.variables().iter().enumerate() {
                if let Some(grad) = grads.get(variable) {
                    let values = grad.flatten_all()?.to_vec1::<f32>()?;
                    let sums = &mut gradient[self.layout.range(index)];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
            }
            loss += part.to_scalar::<f32>()?;
        }
        Ok((loss, gradient))
    }

    /// The sum of the losses of one micro-batch divided by the labels of the whole batch.
    fn loss_of(&self, samples: &[&[u32]], count: u32) -> Result<Tensor, StepError> {
        let labels = samples.iter().flat_map(|sample| sample[1..].iter().copied().chain([0]));
        let labels: Vec<u32> = labels.collect();
        let counts = |sample: &&[u32]| {
            let counted = sample[1..].iter().map(|&t| f32::from(u8::from(Some(t) != self.masked)));
            counted.chain([0.0]).collect::<Vec<f32>>()
        };
        let weights: Vec<f32> = samples.iter().flat_map(counts).collect();
        let rows = labels.len();
        let labels = Tensor::from_vec(labels, (rows, 1), &self.device)?;
        let weights = Tensor::from_vec(weights, (rows, 1), &self.device)?;
        let logits = self.model.logits(&self.inputs(samples)?)?;
        let losses = model::cross_entropy(&logits, &labels)?;
        Ok(((losses * weights)?.sum_all()? / f64::from(count.max(1)))?)
    }

    /// Token ids as a samples × tokens tensor.
    fn inputs(&self, samples: &[&[u32]]) -> Result<Tensor, StepError> {
        Ok(Tensor::from_vec(samples.concat(), (samples.len(), samples[0].len()), &self.device)?)
    }
}

impl From<candle_core::Error> for StepError {
    fn from(error: candle_core::Error) -> Self {
        Self::Backend(error.to_string())
    }
}

impl Train for ReferenceTrainer {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn params(&self) -> Vec<f32> {
        let values = |variable: &Var| variable.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        let tensors = self.model.variables().iter().map(|v| values(v).expect("f32 variables"));
        tensors.collect::<Vec<_>>().concat()
    }

    fn set_params(&mut self, params: &[f32]) -> Result<(), StateError> {
        check_values("the state", params, self.layout.parameters())?;
        for (index, variable) in self.model.variables().iter().enumerate() {
            let values = &params[self.layout.range(index)];
            let tensor = Tensor::from_slice(values, variable.shape(), &self.device);
            tensor.and_then(|tensor| variable.set(&tensor)).expect("the layout's own shapes");
        }
        Ok(())
    }

    fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError> {
        check_lr(lr)?;
        check_samples(samples, &self.config)?;
        let tokens = count_labels(samples, self.masked);
        if tokens == 0 {
            return Ok(StepStats { loss: 0.0, grad_norm: 0.0, tokens });
        }
        let pool = Pool::new(1);
        let (loss, gradient) = self.gradient(samples)?;
        let grad_norm = adam::norm(&gradient, &pool);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(StepError::NotFinite { loss, grad_norm });
        }
        let mut theta = self.params();
        self.adam.update(&mut theta, &gradient, grad_norm, lr, &pool);
        self.set_params(&theta).map_err(|_| StepError::NotFinite { loss, grad_norm })?;
        Ok(StepStats { loss, grad_norm, tokens })
    }

    fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError> {
        check_samples(samples, &self.config)?;
        let (count, mut loss) = (count_labels(samples, self.masked), 0.0);
        for micro in samples.chunks(self.micro_batch) {
            loss += self.loss_of(micro, count)?.to_scalar::<f32>()?;
        }
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
