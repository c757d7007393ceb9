//! Losses of many pieces of text, as many at once as a model takes well.

use super::EvalError;
use crate::infer::Infer;

/// Something to evaluate, as the texts that a model is given for it: a document's windows, a question's choices.
pub(super) struct Piece<T> {
    pub(super) what: T,
    pub(super) texts: Vec<Vec<u32>>,
}

/// Calls `done` with every piece and the losses of its texts, in order. Pieces are collected until they have as many
/// tokens as the model takes at once: on the CPU each is passed through the model on its own.
pub(super) fn each_piece<T>(
    model: &mut dyn Infer,
    pieces: impl Iterator<Item = Result<Piece<T>, EvalError>>,
    mut done: impl FnMut(Piece<T>, &[Vec<f32>]) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    let (mut waiting, mut tokens) = (Vec::new(), 0);
    for piece in pieces {
        let piece = piece?;
        tokens += piece.texts.iter().map(Vec::len).sum::<usize>();
        waiting.push(piece);
        if tokens >= model.tokens_at_once() {
            pass(model, std::mem::take(&mut waiting), &mut done)?;
            tokens = 0;
        }
    }
    pass(model, waiting, &mut done)
}

fn pass<T>(
    model: &mut dyn Infer,
    pieces: Vec<Piece<T>>,
    done: &mut impl FnMut(Piece<T>, &[Vec<f32>]) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    if pieces.is_empty() {
        return Ok(());
    }
    let texts: Vec<&[u32]> = pieces.iter().flat_map(|piece| &piece.texts).map(Vec::as_slice).collect();
    let losses = model.token_losses_of(&texts)?;
    let mut rest = losses.as_slice();
    for piece in pieces {
        let (own, others) = rest.split_at(piece.texts.len());
        done(piece, own)?;
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::StepError;
    use sn3_protocol::model::ModelConfig;

    /// Losses are the tokens themselves; notes how many texts it was given at once.
    struct Echo {
        config: ModelConfig,
        at_once: usize,
        calls: Vec<usize>,
    }

    impl Infer for Echo {
        fn model(&self) -> &ModelConfig {
            &self.config
        }

        fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
            Ok(tokens[1..].iter().map(|&token| token as f32).collect())
        }

        fn token_losses_of(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, StepError> {
            self.calls.push(texts.len());
            texts.iter().map(|tokens| self.token_losses(tokens)).collect()
        }

        fn tokens_at_once(&self) -> usize {
            self.at_once
        }

        fn next_logits(&mut self, _: &[u32]) -> Result<Vec<f32>, StepError> {
            Err(StepError::NoSamples)
        }
    }

    /// Pieces of 0 to 4 texts of 2 tokens, that is 0, 2, 4, 6 and 8: with 10 at once, 0 + 2 + 4 + 6 and then 8.
    #[test]
    fn pieces_come_out_in_order_however_many_pass_at_once() {
        for (at_once, calls) in [(1, vec![1, 2, 3, 4]), (10, vec![6, 4]), (1000, vec![10])] {
            let mut model = Echo { config: crate::tests::tiny(), at_once, calls: Vec::new() };
            let piece =
                |what: u32| Piece { what, texts: (0..what).map(|i| vec![0, what * 10 + i]).collect() };
            let mut seen = Vec::new();
            each_piece(&mut model, (0..5).map(|what| Ok(piece(what))), |piece, losses| {
                seen.push((piece.what, losses.concat()));
                Ok(())
            })
            .unwrap();
            assert_eq!(seen[..2], [(0, vec![]), (1, vec![10.0])]);
            assert_eq!(seen[4], (4, vec![40.0, 41.0, 42.0, 43.0]));
            // Without texts nothing is due; the first call is of the first piece that has some.
            assert_eq!(model.calls, calls, "{at_once} at once");
        }
    }
}
