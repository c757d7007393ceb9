//! The forward pass alone, for evaluation and generation.

use sn3_protocol::model::ModelConfig;

use super::StaticTrainer;
use super::head::Label;
use crate::infer::{Infer, check};
use crate::train::StepError;

impl Infer for StaticTrainer {
    fn model(&self) -> &ModelConfig {
        &self.config
    }

    fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        let context = self.config.context as usize;
        check(0, tokens, (2, context + 1), self.config.vocab)?;
        let inputs = &tokens[..tokens.len() - 1];
        let labels: Vec<Label> = tokens[1..].iter().copied().map(Some).collect();
        let (pass, arena, _) = self.pass(&[inputs]);
        pass.forward(inputs, arena);
        pass.loss(&labels, arena);
        Ok(self.arena.losses.clone())
    }

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        check(0, tokens, (1, self.config.context as usize), self.config.vocab)?;
        let (pass, arena, _) = self.pass(&[tokens]);
        pass.forward(tokens, arena);
        Ok(pass.last_logits(arena))
    }
}

#[cfg(test)]
mod tests {
    use sn3_protocol::run::AdamConfig;

    use super::*;
    use crate::init::initial_state;
    use crate::reference::ReferenceTrainer;
    use crate::tests::{random_samples, tiny, untied};
    use crate::train::Train;

    #[test]
    fn losses_and_logits_are_the_references() {
        for config in [tiny(), untied()] {
            let state: Vec<f32> = initial_state(&config, 5).unwrap().iter().map(|v| v * 4.0).collect();
            let mut fast = StaticTrainer::new(&config, AdamConfig::default(), 2, 1).unwrap();
            fast.set_params(&state).unwrap();
            let mut reference = ReferenceTrainer::new(&config, AdamConfig::default(), 1).unwrap();
            reference.set_params(&state).unwrap();
            let sample = &random_samples(&config, 1, 70)[0];
            let vocab = config.vocab as usize;
            let logits = reference.logits(&[sample]).unwrap();
            let losses = fast.token_losses(sample).unwrap();
            assert_eq!(losses.len(), 69);
            for (at, loss) in losses.iter().enumerate() {
                let row = &logits[at * vocab..][..vocab];
                let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
                let expected = sum.ln() - f64::from(row[sample[at + 1] as usize]);
                assert!((f64::from(*loss) - expected).abs() < 1e-4, "{at}: {loss}, not {expected}");
            }
            let next = fast.next_logits(sample).unwrap();
            for (found, expected) in next.iter().zip(&logits[69 * vocab..]) {
                assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_whole_context_and_its_label_fit_and_no_more() {
        let config = tiny();
        let mut fast = StaticTrainer::new(&config, AdamConfig::default(), 2, 1).unwrap();
        let long = vec![1; config.context as usize + 1];
        assert_eq!(fast.token_losses(&long).unwrap().len(), config.context as usize);
        assert!(matches!(fast.next_logits(&long), Err(StepError::Length { .. })));
        assert!(matches!(fast.next_logits(&[config.vocab]), Err(StepError::Token { .. })));
        assert!(matches!(fast.token_losses(&[1]), Err(StepError::Length { .. })));
        assert!(matches!(fast.next_logits(&[]), Err(StepError::Length { .. })));
    }
}
