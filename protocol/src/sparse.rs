//! What a pseudo-gradient is after compression, and the arithmetic that makes it (training protocol, sections
//! 1.4 to 1.6).
//!
//! ```text
//!  error ← β·error + delta ──► chunks ──► top-k by |value| ──► quantiser ──► PseudoGradient
//!    ▲                                                             │
//!    └──────────────── minus what was sent ◄───────────────────────┘
//! ```

mod chunks;
mod compress;
mod quantize;
mod select;

pub use chunks::{Chunk, Chunks, largest_divisor};
pub use compress::{CompressError, compress};
pub use quantize::Quantizer;

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

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

impl SparseTensor {
    /// The kept values in order.
    pub fn values(&self) -> impl Iterator<Item = f32> + '_ {
        let decoded = self.quantizer.decoded();
        self.codes.iter().map(move |&code| decoded[usize::from(code & 3)])
    }

    /// L2 norm of the kept values: squares are summed in f64 in the order of `indices`, the root is rounded to
    /// f32. This is the norm that aggregation clips by.
    #[must_use]
    pub fn norm(&self) -> f32 {
        self.values().map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32
    }
}

/// A miner's compressed contribution of one window: one sparse tensor for each tensor of the layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PseudoGradient {
    /// In the layout's order.
    pub tensors: Vec<SparseTensor>,
}

impl PseudoGradient {
    /// The dense values in the layout's flat order; positions that were not sent are 0.
    ///
    /// # Panics
    /// If the pseudo-gradient was neither made for nor decoded with this layout.
    #[must_use]
    pub fn decode_dense(&self, layout: &Layout, top_k: u32) -> Vec<f32> {
        let mut dense = vec![0.0; layout.parameters()];
        for (index, tensor) in self.tensors.iter().enumerate() {
            let chunks = Chunks::of(layout, index);
            let out = &mut dense[layout.range(index)];
            chunks.for_each_kept(top_k, tensor, |position, value| out[position] = value);
        }
        dense
    }

    /// L2 norm over all tensors' kept values, in f64.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let square = |value: f32| f64::from(value) * f64::from(value);
        self.tensors.iter().flat_map(SparseTensor::values).map(square).sum::<f64>().sqrt()
    }
}
