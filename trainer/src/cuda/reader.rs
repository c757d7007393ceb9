//! The public reader: a model for evaluation and generation on one GPU.

use sn3_protocol::model::ModelConfig;

use super::driver::{CudaDevice, CudaOptions};
use super::model::{CudaModelError, GpuModel};
use super::step::kernel_shape;
use crate::infer::Infer;
use crate::train::StepError;

/// A model that is only read, on one NVIDIA GPU: bf16 parameters and activations (or f32, for comparing), no
/// gradients and no optimizer.
///
/// Results are those of [`crate::fast::Decoder`] up to rounding. The logits of a next token are f32; those that losses
/// are made of are stored like activations, as in training. The same calls give the same bits on one machine.
///
/// Keys and values of the text that [`Infer::next_logits`] read last are kept: a text that goes on costs its new
/// tokens only.
pub struct CudaModel {
    model: GpuModel<CudaDevice>,
}

impl CudaModel {
    /// The model with the parameters `state`, in the order of the layout.
    ///
    /// Algorithms are not measured and cuDNN is not used, whatever `options` say: texts have too many sizes for that,
    /// and the same text must come out every time.
    ///
    /// # Errors
    /// If there is no usable GPU, a library is missing, the model does not fit the kernels or the memory, or the
    /// state is not one of it; the message says what to do.
    pub fn new(config: &ModelConfig, state: &[f32], options: &CudaOptions) -> Result<Self, CudaModelError> {
        let options = CudaOptions { measure: false, cudnn: false, ..options.clone() };
        let device = CudaDevice::new(Some(kernel_shape(config, options.storage)), &options)?;
        Ok(Self { model: GpuModel::new(device, config, state)? })
    }
}

impl Infer for CudaModel {
    fn model(&self) -> &ModelConfig {
        self.model.model()
    }

    fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        self.model.token_losses(tokens)
    }

    fn token_losses_of(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, StepError> {
        self.model.token_losses_of(texts)
    }

    fn tokens_at_once(&self) -> usize {
        self.model.tokens_at_once()
    }

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        self.model.next_logits(tokens)
    }
}
