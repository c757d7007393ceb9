//! The public trainer: the recorded step on one GPU.

use std::sync::Arc;

use sn3_protocol::Layout;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::sparse::{PseudoGradient, SparseConfig};

use super::codec::{Codec, CodecError};
use super::device::GpuError;
use super::driver::{CudaDevice, CudaOptions};
use super::step::{GpuStep, kernel_shape};
use crate::tokenizer::END_OF_TEXT_ID;
use crate::train::{OptimizerState, StateError, StepError, StepStats, Train};

/// A trainer with a static step on one NVIDIA GPU: bf16 weights and activations (or f32, for comparing), f32 sums,
/// master weights and moments. The contract is the CPU trainer's; results differ from it by rounding.
///
/// Two runs on one machine give the same bits when `CudaOptions::measure` is off and attention is the crate's own:
/// measuring may choose another algorithm, and cuDNN adds the queries' gradient up in no fixed order.
pub struct CudaTrainer {
    device: Arc<CudaDevice>,
    step: GpuStep<CudaDevice>,
}

impl CudaTrainer {
    /// A trainer with all parameters 0; give it a state with [`Train::set_params`].
    ///
    /// `micro_batch` samples (at least 1) pass through the model at once, fewer where the GPU's memory does not
    /// allow them, with one warning. Labels equal to [`END_OF_TEXT_ID`] are masked.
    ///
    /// # Errors
    /// If there is no usable GPU, a library is missing, the model does not fit the kernels or the memory; the message
    /// says what to do.
    pub fn new(
        config: &ModelConfig,
        adam: AdamConfig,
        micro_batch: usize,
        options: &CudaOptions,
    ) -> Result<Self, GpuError> {
        let device = CudaDevice::new(Some(kernel_shape(config, options.storage)), options)?;
        let step = GpuStep::new(device.clone(), config, adam, micro_batch, Some(END_OF_TEXT_ID))?;
        Ok(Self { device, step })
    }

    /// Masks labels equal to `masked` instead: the run's end-of-text token, or none.
    #[must_use]
    pub fn with_masked_label(mut self, masked: Option<u32>) -> Self {
        self.step.set_masked_label(masked);
        self
    }

    /// Asks for every piece of a step anew instead of replaying a recording; slower, the same results.
    #[must_use]
    pub fn without_recording(mut self) -> Self {
        self.step.set_recording(false);
        self
    }

    /// Whether attention is cuDNN's; otherwise the crate's own kernels do it.
    #[must_use]
    pub fn has_cudnn(&self) -> bool {
        self.device.has_cudnn()
    }

    /// Samples that pass through the model at once: what was asked for, or what memory allowed.
    #[must_use]
    pub fn micro_batch(&self) -> usize {
        self.step.micro_batch()
    }

    /// Bytes of GPU memory that are free, and all there are.
    ///
    /// # Errors
    /// If the driver does not answer.
    pub fn memory(&self) -> Result<(usize, usize), GpuError> {
        self.device.memory()
    }

    /// The mean loss of `samples` and its gradient by every parameter, in the order of the layout.
    ///
    /// # Errors
    /// If samples are malformed or the GPU fails.
    pub fn gradient(&mut self, samples: &[&[u32]]) -> Result<(f32, Vec<f32>), StepError> {
        self.step.gradient(samples)
    }
}

/// The contract has no way to say that a GPU was lost while it was only read.
const LOST: &str = "the GPU answers as long as its driver runs";

impl Train for CudaTrainer {
    fn config(&self) -> &ModelConfig {
        self.step.config()
    }

    fn layout(&self) -> &Layout {
        self.step.layout()
    }

    fn params(&self) -> Vec<f32> {
        self.step.params().expect(LOST)
    }

    fn set_params(&mut self, params: &[f32]) -> Result<(), StateError> {
        self.step.set_params(params).expect(LOST)
    }

    fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError> {
        self.step.step(samples, lr)
    }

    fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError> {
        self.step.loss(samples)
    }

    fn optimizer(&self) -> OptimizerState {
        self.step.optimizer().expect(LOST)
    }

    fn set_optimizer(&mut self, state: OptimizerState) -> Result<(), StateError> {
        self.step.set_optimizer(&state).expect(LOST)
    }
}

/// SparseLoCo's codec on one NVIDIA GPU, for one layout: the same bits as `sn3_protocol`'s on the CPU.
pub struct CudaCodec {
    device: Arc<CudaDevice>,
    codec: Codec<CudaDevice>,
}

impl CudaCodec {
    /// A codec whose error feedback is 0.
    ///
    /// # Errors
    /// If there is no usable GPU, a library is missing or memory is short.
    pub fn new(layout: &Layout, config: SparseConfig, options: &CudaOptions) -> Result<Self, GpuError> {
        let device = CudaDevice::new(None, options)?;
        Ok(Self { codec: Codec::new(device.clone(), layout, config)?, device })
    }

    /// The error feedback, in the order of the layout.
    ///
    /// # Errors
    /// If the GPU fails.
    pub fn error(&self) -> Result<Vec<f32>, GpuError> {
        self.codec.error()
    }

    /// Replaces the error feedback.
    ///
    /// # Errors
    /// If it has another length than the layout, or the GPU fails.
    pub fn set_error(&mut self, error: &[f32]) -> Result<(), CodecError> {
        self.codec.set_error(error)
    }

    /// Compresses `delta` with the error feedback, as `sn3_protocol::sparse::compress`.
    ///
    /// # Errors
    /// As there, and if the GPU fails; the error feedback is as before.
    pub fn compress(&mut self, delta: &[f32]) -> Result<PseudoGradient, CodecError> {
        self.codec.set_delta(delta)?;
        self.codec.compress()
    }

    /// The dense update of a round, as `sn3_protocol::aggregate::aggregate`.
    ///
    /// # Errors
    /// As there, and if the GPU fails.
    pub fn aggregate(&self, peers: &[&PseudoGradient]) -> Result<Vec<f32>, CodecError> {
        self.codec.aggregate(peers)
    }

    /// `theta − rate·update`, as `sn3_protocol::aggregate::outer_step`.
    ///
    /// # Errors
    /// As there, and if the GPU fails.
    pub fn outer_step(&self, theta: &[f32], update: &[f32], rate: f32) -> Result<Vec<f32>, CodecError> {
        self.codec.outer_step(theta, update, rate)
    }

    /// Seconds of `runs` compressions of the delta that lies on the GPU, without copies to or from it; for measuring.
    ///
    /// # Errors
    /// If the GPU fails.
    pub fn time_kernels(&mut self, runs: u32) -> Result<f64, GpuError> {
        let run = |codec: &Codec<CudaDevice>| codec.run_selection().and_then(|()| codec.run_quantisation());
        run(&self.codec)?;
        self.device.wait()?;
        let begin = std::time::Instant::now();
        (0..runs).try_for_each(|_| run(&self.codec))?;
        self.device.wait()?;
        Ok(begin.elapsed().as_secs_f64())
    }
}
