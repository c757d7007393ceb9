//! Losses by the run's model on the run's data.

use std::sync::Arc;

use sn3_trainer::data::Dataset;
use sn3_trainer::train::Train;

use super::{Evaluate, EvaluateError};

/// A trainer that is used only for its losses, and the data.
pub struct ModelEvaluator {
    trainer: Box<dyn Train>,
    dataset: Arc<Dataset>,
    heldout_samples_max: usize,
}

impl ModelEvaluator {
    /// Held-out losses use the first `heldout_samples_max` held-out samples.
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
        let count = dataset.heldout_len().min(self.heldout_samples_max);
        if count == 0 {
            return Ok(None);
        }
        let tokens: Vec<&[u32]> = (0..count).map(|index| dataset.heldout(index)).collect();
        self.loss(theta, &tokens).map(Some)
    }

    fn pool_len(&self) -> u64 {
        self.dataset.train_len() as u64
    }

    fn sample_id(&self, index: u32) -> u64 {
        self.dataset.sample_id(index as usize)
    }
}
