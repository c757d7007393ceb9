//! What evaluation and generation ask of a model.

use sn3_protocol::model::ModelConfig;

use crate::train::StepError;

/// A model that can be asked about text, without training.
pub trait Infer {
    /// The model's architecture.
    fn model(&self) -> &ModelConfig;

    /// −log p of every token but the first, given those before it, in nats; no label is masked.
    ///
    /// # Errors
    /// If there are fewer than 2 tokens or more than the context plus one, or one is outside the vocabulary.
    fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError>;

    /// The logits of the token that follows `tokens`: one for each entry of the vocabulary.
    ///
    /// # Errors
    /// If there are no tokens or more than the context, or one is outside the vocabulary.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError>;
}
