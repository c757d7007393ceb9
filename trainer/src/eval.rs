//! How good a model is: loss, perplexity and bits per byte of text; multiple-choice questions.
//!
//! Scores are those of the lm-eval harness: text in windows of the context without overlap, each token predicted
//! once; a choice's score is the sum of the log-probabilities of its tokens after the question, plain or divided
//! by the choice's length in characters.

mod batch;
mod choices;
mod questions;

pub use choices::{ChoiceReport, evaluate_choices};
pub use questions::{QUESTION_FILE_BYTES_MAX, Question, QuestionError, read_questions};

use serde::Serialize;

use self::batch::{Piece, each_piece};
use crate::data::{Samples, ShardError, spread};
use crate::infer::Infer;
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::train::StepError;

/// Why nothing was evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The model.
    #[error(transparent)]
    Model(#[from] StepError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The samples.
    #[error(transparent)]
    Data(#[from] ShardError),
    /// Nothing to evaluate.
    #[error("there is nothing to evaluate: {0}")]
    Empty(&'static str),
    /// A tokenizer with more entries than the model.
    #[error("the tokenizer has {tokenizer} entries, the model {model}; use the model's own tokenizer")]
    Vocab {
        /// The tokenizer's.
        tokenizer: u32,
        /// The model's.
        model: u32,
    },
}

/// The loss of a model on text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextReport {
    /// Documents or samples.
    pub pieces: u64,
    /// Tokens that were predicted.
    pub tokens: u64,
    /// Bytes of text that they stand for.
    pub bytes: u64,
    /// Mean −log p of a token in nats.
    pub loss: f64,
    /// e to the loss.
    pub perplexity: f64,
    /// −log₂ p of all tokens, divided by the bytes of text; comparable between tokenizers.
    pub bits_per_byte: f64,
}

/// Sums of a text's losses.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    pieces: u64,
    tokens: u64,
    bytes: u64,
    nats: f64,
}

impl Sums {
    fn add(&mut self, losses: &[f32]) {
        self.tokens += losses.len() as u64;
        self.nats += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
    }

    /// By hand: 4 tokens of 1 nat each for 5 bytes: loss 1, perplexity e, 4 / (5 · ln 2) = 1.154 bits a byte.
    fn report(self) -> Result<TextReport, EvalError> {
        let Self { pieces, tokens, bytes, nats } = self;
        if tokens == 0 || bytes == 0 {
            return Err(EvalError::Empty("no token is preceded by another"));
        }
        let loss = nats / tokens as f64;
        let bits_per_byte = nats / (bytes as f64 * std::f64::consts::LN_2);
        Ok(TextReport { pieces, tokens, bytes, loss, perplexity: loss.exp(), bits_per_byte })
    }
}

/// Evaluates whole documents. Each begins after the end-of-text token and is cut into windows of the context;
/// every token is predicted exactly once, from those of its window. `progress` is told the number of documents
/// done.
///
/// # Errors
/// If the tokenizer is not the model's, or there is no text.
pub fn evaluate_text<'a>(
    model: &mut dyn Infer,
    tokenizer: &Tokenizer,
    documents: impl IntoIterator<Item = &'a str>,
    progress: &mut dyn FnMut(u64),
) -> Result<TextReport, EvalError> {
    check_vocab(model, tokenizer)?;
    let (mut sums, context) = (Sums::default(), model.model().context as usize);
    let pieces = documents.into_iter().map(|document| {
        let mut tokens = vec![tokenizer.eos()];
        tokens.extend(tokenizer.encode(document)?);
        let windows = (0..tokens.len() - 1).step_by(context);
        let window = |first: usize| tokens[first..(first + context + 1).min(tokens.len())].to_vec();
        Ok(Piece { what: document.len() as u64, texts: windows.map(window).collect() })
    });
    each_piece(model, pieces, |piece, losses| {
        losses.iter().for_each(|losses| sums.add(losses));
        sums.pieces += 1;
        sums.bytes += piece.what;
        progress(sums.pieces);
        Ok(())
    })?;
    sums.report()
}

/// Evaluates `count` samples, evenly spread, for example those held out of training. Labels equal to the
/// end-of-text token are left out, as in training; a sample's first token is only read.
///
/// # Errors
/// If a sample is malformed, or there are none.
pub fn evaluate_samples(
    model: &mut dyn Infer,
    tokenizer: &Tokenizer,
    samples: &dyn Samples,
    count: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<TextReport, EvalError> {
    check_vocab(model, tokenizer)?;
    let mut sums = Sums::default();
    let sample = |index| Ok(Piece { what: (), texts: vec![samples.sample(index)?] });
    each_piece(model, spread(count, samples.count()).map(sample), |piece, losses| {
        let labels = &piece.texts[0][1..];
        let counted = losses[0].iter().zip(labels).filter(|(_, label)| **label != tokenizer.eos());
        sums.add(&counted.map(|(loss, _)| *loss).collect::<Vec<f32>>());
        sums.pieces += 1;
        sums.bytes += tokenizer.decode(labels)?.len() as u64;
        progress(sums.pieces);
        Ok(())
    })?;
    sums.report()
}

fn check_vocab(model: &dyn Infer, tokenizer: &Tokenizer) -> Result<(), EvalError> {
    let (tokenizer, model) = (tokenizer.vocab(), model.model().vocab);
    if tokenizer <= model { Ok(()) } else { Err(EvalError::Vocab { tokenizer, model }) }
}

#[cfg(test)]
mod tests;
