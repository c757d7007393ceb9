//! The configuration of a training run: every number on which its participants must agree.
//!
//! It is published once, signed, as the run's genesis. [`RunConfig::digest`] is what the first round
//! record links to, so that nobody can train under other numbers without being seen.

mod gauntlet;

pub use gauntlet::{
    BmaRule, ControlRule, GauntletConfig, MissingRule, NegativeRule, OverlapRule, RatingRule, SlashFactors,
    SyncRule, WeightRule,
};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::ids::{BlockNumber, NetUid, RunId, Window};
use crate::model::{ModelConfig, ModelConfigError};
use crate::schedule::{InnerSchedule, OuterSchedule};
use crate::sparse::SparseConfig;

/// Constants of the inner optimizer, AdamW (training protocol, section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay, on every parameter.
    pub weight_decay: f32,
    /// Largest L2 norm of the gradient over all tensors.
    pub clip_norm: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip_norm: 1.0 }
    }
}

impl AdamConfig {
    fn fault(&self) -> Option<&'static str> {
        let decay = |x: f32| (0.0..1.0).contains(&x);
        let checks = [
            (decay(self.beta1), "adam.beta1"),
            (decay(self.beta2), "adam.beta2"),
            (self.eps.is_finite() && self.eps > 0.0, "adam.eps"),
            (self.weight_decay.is_finite() && self.weight_decay >= 0.0, "adam.weight_decay"),
            (self.clip_norm.is_finite() && self.clip_norm > 0.0, "adam.clip_norm"),
        ];
        checks.into_iter().find(|(sound, _)| !sound).map(|(_, name)| name)
    }
}

/// Every number of a run. JSON; unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the run.
    pub run: RunId,
    /// The subnet that pays for it.
    pub netuid: NetUid,
    /// Seed of the initial state and of all assignments.
    pub seed: u64,
    /// Length of a window in blocks.
    pub blocks_per_window: u64,
    /// Blocks after the end of a window in which its submissions may arrive.
    pub put_blocks: u64,
    /// Blocks after the deadline that a node waits for the round record before it says that there is none.
    pub record_blocks: u64,
    /// Inner optimizer steps in a window.
    pub inner_steps: u32,
    /// Samples in one inner step.
    pub batch_samples: u32,
    /// Samples in one pass of the model; divides [`RunConfig::batch_samples`]. Gradients are accumulated.
    pub micro_batch: u32,
    /// The model; a sample has as many tokens as its context.
    pub model: ModelConfig,
    /// The compression.
    pub sparse: SparseConfig,
    /// Inner learning rate by inner step.
    pub inner: InnerSchedule,
    /// Outer learning rate by round.
    pub outer: OuterSchedule,
    /// Constants of the inner optimizer.
    pub adam: AdamConfig,
    /// Constants of the judgement.
    pub gauntlet: GauntletConfig,
    /// Digest of the tokenizer.
    pub tokenizer: Digest,
    /// Digest of the tokenised data.
    pub dataset: Digest,
    /// Digest of the state before the first window.
    pub initial_state: Digest,
    /// The first window.
    pub start_window: Window,
    /// The last window, where the run has one.
    pub end_window: Option<Window>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunConfigError {
    /// A field has a value outside its range.
    #[error("run configuration: {field} is out of range ({value}); {remedy}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// The bytes are no configuration.
    #[error(
        "run configuration of {bytes} bytes cannot be read: {source}; fetch it again or check its fields"
    )]
    Json {
        /// Their number.
        bytes: usize,
        /// What the reader said.
        source: serde_json::Error,
    },
    /// A model that cannot be built.
    #[error("run configuration: {0}")]
    Model(#[from] ModelConfigError),
    /// More bytes than any configuration needs.
    #[error("run configuration has {0} bytes; at most {max} are read", max = RunConfig::BYTES_MAX)]
    TooLong(usize),
}

impl RunConfig {
    /// Longest JSON text that is read.
    pub const BYTES_MAX: usize = 1 << 18;
    /// Most samples that one miner trains in one window.
    pub const SAMPLES_MAX: u64 = 1 << 24;

    /// Reads and checks a configuration.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RunConfigError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(RunConfigError::TooLong(bytes.len()));
        }
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|source| RunConfigError::Json { bytes: bytes.len(), source })?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as JSON, fields in the order of the type.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a run configuration has only string keys and plain values")
    }

    /// Whether all numbers are in their ranges and fit each other.
    pub fn check(&self) -> Result<(), RunConfigError> {
        self.check_clock()?;
        self.check_work()?;
        self.model.check()?;
        let faults = [self.adam.fault(), self.inner.fault(), self.outer.fault(), self.sparse_fault()];
        match faults.into_iter().flatten().chain(self.gauntlet.fault()).next() {
            Some(field) => {
                Err(out_of_range(field, "see the field's description", "choose a value in its range"))
            }
            None => Ok(()),
        }
    }

    /// The identity of the run's numbers: BLAKE2b-256 of a domain tag and the compact JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let json =
            serde_json::to_vec(self).expect("a run configuration has only string keys and plain values");
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/run/v1");
        hasher.update(&json);
        hasher.finish()
    }

    /// The round of a window, counted from the start of the run.
    #[must_use]
    pub fn round(&self, window: Window) -> u64 {
        window.0.saturating_sub(self.start_window.0)
    }

    /// The inner step of the run at which `window` begins.
    #[must_use]
    pub fn first_inner_step(&self, window: Window) -> u64 {
        self.round(window).saturating_mul(u64::from(self.inner_steps))
    }

    /// The first block of a window, at which a miner begins to train it.
    #[must_use]
    pub fn first_block(&self, window: Window) -> BlockNumber {
        window.first_block(self.blocks_per_window)
    }

    /// The block at whose height submissions of `window` close; its hash seeds the evaluation.
    #[must_use]
    pub fn deadline_block(&self, window: Window) -> BlockNumber {
        self.first_block(window.next()).saturating_add(self.put_blocks)
    }

    /// The outer learning rate of a window.
    #[must_use]
    pub fn outer_lr(&self, window: Window) -> f32 {
        self.outer.lr(self.round(window))
    }

    /// Whether `window` belongs to the run.
    #[must_use]
    pub fn contains(&self, window: Window) -> bool {
        window >= self.start_window && self.end_window.is_none_or(|end| window <= end)
    }

    fn check_clock(&self) -> Result<(), RunConfigError> {
        let per_window = self.blocks_per_window;
        if !(2..=1 << 20).contains(&per_window) {
            return Err(out_of_range("blocks_per_window", per_window, "use 2 to 1,048,576"));
        }
        if self.put_blocks == 0 || self.put_blocks >= per_window {
            return Err(out_of_range("put_blocks", self.put_blocks, "use 1 to blocks_per_window - 1"));
        }
        if self.record_blocks == 0 || self.record_blocks > 1 << 20 {
            return Err(out_of_range("record_blocks", self.record_blocks, "use 1 to 1,048,576"));
        }
        if self.start_window.0 > u64::MAX / per_window / 4 {
            return Err(out_of_range(
                "start_window",
                self.start_window,
                "use a window that the chain can reach",
            ));
        }
        match self.end_window {
            Some(end) if end < self.start_window => {
                Err(out_of_range("end_window", end, "use start_window or a later one"))
            }
            _ => Ok(()),
        }
    }

    fn check_work(&self) -> Result<(), RunConfigError> {
        let samples = u64::from(self.inner_steps) * u64::from(self.batch_samples);
        if samples == 0 || samples > Self::SAMPLES_MAX {
            return Err(out_of_range("inner_steps * batch_samples", samples, "use 1 to 16,777,216 samples"));
        }
        if self.micro_batch == 0 || !self.batch_samples.is_multiple_of(self.micro_batch) {
            return Err(out_of_range("micro_batch", self.micro_batch, "use a divisor of batch_samples"));
        }
        Ok(())
    }

    fn sparse_fault(&self) -> Option<&'static str> {
        let sparse = &self.sparse;
        let checks = [
            ((1..=4096).contains(&sparse.top_k), "sparse.top_k"),
            ((0.0..=1.0).contains(&sparse.error_decay), "sparse.error_decay"),
            (sparse.range_in_sigmas.is_finite() && sparse.range_in_sigmas > 0.0, "sparse.range_in_sigmas"),
        ];
        checks.into_iter().find(|(sound, _)| !sound).map(|(_, name)| name)
    }
}

fn out_of_range(field: &'static str, value: impl ToString, remedy: &'static str) -> RunConfigError {
    RunConfigError::Field { field, value: value.to_string(), remedy }
}

#[cfg(test)]
mod tests;
