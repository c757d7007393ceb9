//! The contract of every trainer: parameters and optimizer as flat buffers, a step, a loss.

use sn3_protocol::Layout;
use sn3_protocol::model::ModelConfig;

/// What one optimizer step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepStats {
    /// Mean cross-entropy in nats over the counted labels, before the update.
    pub loss: f32,
    /// L2 norm of the gradient over all tensors, before it was clipped.
    pub grad_norm: f32,
    /// Labels that counted; 0 means that all were masked and nothing was changed.
    pub tokens: u32,
}

/// AdamW's moments and step count, in the order of the layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// First moments, one a parameter; empty before the first step of a fresh optimizer.
    pub first: Vec<f32>,
    /// Second moments, one a parameter; empty together with `first`.
    pub second: Vec<f32>,
}

/// Why a step or a loss was not computed; parameters and optimizer are as before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// No samples.
    #[error("a step needs at least one sample")]
    NoSamples,
    /// Samples of different lengths, or too short or too long for the model.
    #[error("sample {sample} has {tokens} tokens; all samples of a step need the same {min} to {max}")]
    Length {
        /// Its position.
        sample: usize,
        /// Its tokens.
        tokens: usize,
        /// Fewest tokens: an input and a label.
        min: usize,
        /// Most tokens: the model's context.
        max: usize,
    },
    /// A token that the model has no row for.
    #[error(
        "sample {sample} has token {token}, outside the model's vocabulary of {vocab}; use the model's tokenizer"
    )]
    Token {
        /// Its position.
        sample: usize,
        /// The token.
        token: u32,
        /// Rows of the embedding.
        vocab: u32,
    },
    /// The gradient or the loss is infinite or not a number.
    #[error(
        "loss {loss} or gradient norm {grad_norm} is not finite; lower the learning rate or go back to a checkpoint"
    )]
    NotFinite {
        /// The loss.
        loss: f32,
        /// The norm of the gradient; 0 where none was computed.
        grad_norm: f32,
    },
    /// A learning rate that is negative or not a number.
    #[error("learning rate {0} is not a finite number of at least 0")]
    LearningRate(f32),
    /// The tensor library failed.
    #[error("the tensor library failed: {0}")]
    Backend(String),
}

/// Why a state does not belong to this trainer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another number of values than the model has.
    #[error("{what} has {found} values, the model {expected}; it belongs to another model")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The model's parameters.
        expected: usize,
    },
    /// A value that is infinite or not a number.
    #[error("{what} holds a value that is not finite at position {index}; use an intact state")]
    NotFinite {
        /// Which buffer.
        what: &'static str,
        /// Where.
        index: usize,
    },
}

/// One node's trainer: a model, its optimizer and the step.
///
/// The loss is the mean next-token cross-entropy over all labels of all samples of the call; a label equal to
/// the end-of-text token is masked (training protocol, section 1.1), and the last token of a sample is only a
/// label. Results do not depend on the number of threads; how samples are cut into micro-batches changes only
/// the rounding.
pub trait Train: Send {
    /// The model's architecture.
    fn config(&self) -> &ModelConfig;

    /// Names, shapes and order of the parameters.
    fn layout(&self) -> &Layout;

    /// All parameters, in the order of the layout.
    fn params(&self) -> Vec<f32>;

    /// Replaces all parameters; the optimizer stays as it is (training protocol, section 1.1: moments persist
    /// across rounds, parameters do not).
    ///
    /// # Errors
    /// If the length is not the model's or a value is not finite.
    fn set_params(&mut self, params: &[f32]) -> Result<(), StateError>;

    /// One AdamW step on `samples` with learning rate `lr`.
    ///
    /// # Errors
    /// If samples are malformed or the result is not finite; nothing is changed then.
    fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError>;

    /// The mean loss of `samples` without training; 0 when all labels are masked.
    ///
    /// # Errors
    /// If samples are malformed or the result is not finite.
    fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError>;

    /// A copy of the optimizer's state.
    fn optimizer(&self) -> OptimizerState;

    /// Replaces the optimizer's state; [`OptimizerState::default`] is a fresh one.
    ///
    /// # Errors
    /// If a length is not the model's or a value is not finite.
    fn set_optimizer(&mut self, state: OptimizerState) -> Result<(), StateError>;
}

/// Fewest tokens of a sample: one input and its label.
pub const SAMPLE_TOKENS_MIN: usize = 2;

/// Checks samples against the model, before any memory is taken for them.
pub(crate) fn check_samples(samples: &[&[u32]], config: &ModelConfig) -> Result<(), StepError> {
    let first = samples.first().ok_or(StepError::NoSamples)?;
    let (min, max) = (SAMPLE_TOKENS_MIN, config.context as usize);
    for (sample, tokens) in samples.iter().enumerate() {
        if tokens.len() != first.len() || !(min..=max).contains(&tokens.len()) {
            return Err(StepError::Length { sample, tokens: tokens.len(), min, max });
        }
        if let Some(&token) = tokens.iter().find(|&&token| token >= config.vocab) {
            return Err(StepError::Token { sample, token, vocab: config.vocab });
        }
    }
    Ok(())
}

/// Labels of `samples` that count: every token but the first of each, unless it is `masked`.
pub(crate) fn count_labels(samples: &[&[u32]], masked: Option<u32>) -> u32 {
    let labels = samples.iter().flat_map(|sample| &sample[1..]);
    labels.filter(|&&token| Some(token) != masked).count() as u32
}

/// Checks that `values` can be the parameters (or moments) of a model with `expected` of them.
pub(crate) fn check_values(what: &'static str, values: &[f32], expected: usize) -> Result<(), StateError> {
    if values.len() != expected {
        return Err(StateError::Length { what, found: values.len(), expected });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StateError::NotFinite { what, index }),
        None => Ok(()),
    }
}

/// Checks a learning rate.
pub(crate) fn check_lr(lr: f32) -> Result<(), StepError> {
    if lr.is_finite() && lr >= 0.0 { Ok(()) } else { Err(StepError::LearningRate(lr)) }
}
