//! Losses by the run's model on the run's data.

use std::sync::Arc;

use sn3_trainer::data::{Dataset, spread};
use sn3_trainer::train::Train;

use super::{Evaluate, EvaluateError};

/// A trainer that is used only for its losses, and the data.
pub struct ModelEvaluator {
    trainer: Box<dyn Train>,
    dataset: Arc<Dataset>,
    heldout_samples_max: usize,
}

impl ModelEvaluator {
    /// Held-out losses use at most `heldout_samples_max` held-out samples, evenly spread over all of them: they are in
    /// the order of their documents, and the first ones would be of one or two.
    #[must_use]
    pub fn new(trainer: Box<dyn Train>, dataset: Arc<Dataset>, heldout_samples_max: usize) -> Self {
        Self { trainer, dataset, heldout_samples_max }
    }

    fn loss(&mut self, theta: &[f32], samples: &[&[u32]]) -> Result<f64, EvaluateError> {
        let count = samples.len();
        let failed = |reason: String| EvaluateError { samples: count, reason };
        self.trainer.set_params(theta).map_err(|error| failed(error.to_string()))?;
        self.trainer.loss(samples).map(f64::from).map_err(|error| failed(error.to_string()))
    }
}

impl Evaluate for ModelEvaluator {
    fn train_loss(&mut self, theta: &[f32], samples: &[u32]) -> Result<f64, EvaluateError> {
        let dataset = Arc::clone(&self.dataset);
        if let Some(index) = samples.iter().find(|index| **index as usize >= dataset.train_len()) {
            let reason = format!("sample {index} is outside the data's {} samples", dataset.train_len());
            return Err(EvaluateError { samples: samples.len(), reason });
        }
        let tokens: Vec<&[u32]> = samples.iter().map(|index| dataset.train(*index as usize)).collect();
        self.loss(theta, &tokens)
    }

    fn heldout_loss(&mut self, theta: &[f32]) -> Result<Option<f64>, EvaluateError> {
        let dataset = Arc::clone(&self.dataset);
        let chosen = spread(self.heldout_samples_max as u64, dataset.heldout_len() as u64);
        let tokens: Vec<&[u32]> = chosen.map(|index| dataset.heldout(index as usize)).collect();
        if tokens.is_empty() {
            return Ok(None);
        }
        self.loss(theta, &tokens).map(Some)
    }

    fn pool_len(&self) -> u64 {
        self.dataset.train_len() as u64
    }

    fn sample_id(&self, index: u32) -> u64 {
        self.dataset.sample_id(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use sn3_protocol::model::ModelConfig;
    use sn3_protocol::run::AdamConfig;
    use sn3_trainer::data::{Corpus, DatasetConfig};
    use sn3_trainer::fast::StaticTrainer;
    use sn3_trainer::init::initial_state;
    use sn3_trainer::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn held_out_losses_are_of_samples_from_all_documents() {
        let corpus =
            Corpus::from_texts((0..90).map(|i| format!("let x{i} = {};\n", i * 7).repeat(5))).unwrap();
        let tokenizer = Tokenizer::train(&corpus, 300).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = DatasetConfig { heldout_fraction: 0.3, ..DatasetConfig::new(16, 1) };
        let dataset = Arc::new(Dataset::from_corpus(&corpus, &tokenizer, config, dir.path()).unwrap());
        let preset = ModelConfig::preset("nano", Some(tokenizer.vocab())).unwrap();
        let model = ModelConfig { layers: 1, context: 16, ..preset };
        let trainer = || StaticTrainer::new(&model, AdamConfig::default(), 4, 1).unwrap();
        let theta = initial_state(&model, 1).unwrap();
        let of = |indices: [usize; 3]| {
            let mut trainer = trainer();
            trainer.set_params(&theta).unwrap();
            f64::from(trainer.loss(&indices.map(|index| dataset.heldout(index))).unwrap())
        };
        let count = dataset.heldout_len();
        assert!(count > 6, "{count}");
        let (all, first) = (of([0, count / 3, 2 * count / 3]), of([0, 1, 2]));
        assert_ne!(all.to_bits(), first.to_bits(), "other samples have another loss");
        let mut evaluator = ModelEvaluator::new(Box::new(trainer()), Arc::clone(&dataset), 3);
        assert_eq!(evaluator.heldout_loss(&theta).unwrap().map(f64::to_bits), Some(all.to_bits()));
        let mut none = ModelEvaluator::new(Box::new(trainer()), dataset, 0);
        assert_eq!(none.heldout_loss(&theta).unwrap(), None);
    }
}
