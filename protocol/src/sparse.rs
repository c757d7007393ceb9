//! What a pseudo-gradient is after compression, and the arithmetic that makes it (training protocol, sections 1.4 to 1.6).

use serde::{Deserialize, Serialize};

/// Numbers of the compression; part of the run's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SparseConfig {
    /// Kept values of each chunk (64 of 4,096).
    pub top_k: u32,
    /// β of the error feedback: `accumulator = β·error + delta` (0.95).
    pub error_decay: f32,
    /// Width of the quantiser's range in standard deviations (6).
    pub range_in_sigmas: f32,
}

impl Default for SparseConfig {
    fn default() -> Self {
        Self { top_k: 64, error_decay: 0.95, range_in_sigmas: 6.0 }
    }
}

/// The four-bin quantiser of one tensor: a kept value decodes to `lookup[code] + shift`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantizer {
    /// Mean of the kept values.
    pub shift: f32,
    /// Mean of the centred values that fell into each bin; 0 for an empty bin.
    pub lookup: [f32; 4],
}

/// The kept values of one tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseTensor {
    /// Positions inside their chunks, chunk after chunk, strictly ascending within a chunk.
    pub indices: Vec<u16>,
    /// Quantiser codes 0 to 3, in the order of `indices`.
    pub codes: Vec<u8>,
    /// How codes become values.
    pub quantizer: Quantizer,
}

/// A miner's compressed contribution of one window: one sparse tensor for each tensor of the layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PseudoGradient {
    /// In the layout's order.
    pub tensors: Vec<SparseTensor>,
}
