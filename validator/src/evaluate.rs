//! Trying updates: what does a peer's update do to the loss on its own and on random samples?

mod model;
mod trials;

pub use model::ModelEvaluator;
pub use trials::{Round, Trials, authorship, run_trials};

/// Computes losses of model states on samples of the run's data. The node uses a [`ModelEvaluator`];
/// tests use a toy.
pub trait Evaluate: Send {
    /// Mean loss in nats per token of the state `theta` on these training samples.
    ///
    /// # Errors
    /// If the loss is no finite number, or the samples do not fit the model.
    fn train_loss(&mut self, theta: &[f32], samples: &[u32]) -> Result<f64, EvaluateError>;

    /// Mean loss of the state `theta` on the held-out samples; none where there are none.
    ///
    /// # Errors
    /// As for [`Evaluate::train_loss`].
    fn heldout_loss(&mut self, theta: &[f32]) -> Result<Option<f64>, EvaluateError>;

    /// Number of training samples.
    fn pool_len(&self) -> u64;

    /// Id of a training sample below [`Evaluate::pool_len`], for receipts.
    fn sample_id(&self, index: u32) -> u64;
}

/// Why there is no loss.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the loss of {samples} samples cannot be computed: {reason}")]
pub struct EvaluateError {
    /// How many samples.
    pub samples: usize,
    /// What the model said.
    pub reason: String,
}
