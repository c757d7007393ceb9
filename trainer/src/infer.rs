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

    /// [`Infer::token_losses`] of several texts, in their order. A device that is idle with one text does many at
    /// once; the losses are those of one text after the other, up to rounding where it does.
    ///
    /// # Errors
    /// As there, for the first text that is wrong.
    fn token_losses_of(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, StepError> {
        texts.iter().map(|tokens| self.token_losses(tokens)).collect()
    }

    /// Tokens that [`Infer::token_losses_of`] is best given together; 1 where it does one text after the other.
    fn tokens_at_once(&self) -> usize {
        1
    }

    /// The logits of the token that follows `tokens`: one for each entry of the vocabulary.
    ///
    /// # Errors
    /// If there are no tokens or more than the context, or one is outside the vocabulary.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError>;
}

/// Refuses a text of fewer than `min` or more than `max` tokens, or with one outside the vocabulary; `sample` is its
/// number in messages.
pub(crate) fn check(
    sample: usize,
    tokens: &[u32],
    (min, max): (usize, usize),
    vocab: u32,
) -> Result<(), StepError> {
    if !(min..=max).contains(&tokens.len()) {
        return Err(StepError::Length { sample, tokens: tokens.len(), min, max });
    }
    match tokens.iter().find(|&&token| token >= vocab) {
        Some(&token) => Err(StepError::Token { sample, token, vocab }),
        None => Ok(()),
    }
}
