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
mod scan;
mod select;

pub(crate) use chunks::Band;
pub use chunks::{Chunk, Chunks, largest_divisor};
pub use compress::{CompressError, compress, compress_on};
pub use quantize::Quantizer;
pub use scan::Instructions;

use rayon::prelude::*;
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

    /// L2 norm of the kept values, the norm that aggregation clips by.
    ///
    /// There are only four different values, so it is `√Σ n_c · v_c²` over the codes `c = 0, 1, 2, 3`, where
    /// `n_c` counts the code and `v_c` is its value: four f64 products added in that order, rounded to f32 once.
    /// Counting has no order, so that a GPU or any number of threads reach the same bits.
    ///
    /// By hand: three values of 2 and one of −2 have norm √(3·4 + 1·4) = 4.
    ///
    /// ```
    /// # use sn3_protocol::{Quantizer, SparseTensor};
    /// let quantizer = Quantizer { shift: 0.0, lookup: [0.0, -2.0, 0.0, 2.0] };
    /// let tensor = SparseTensor { indices: vec![0, 1, 2, 3], codes: vec![3, 3, 1, 3], quantizer };
    /// assert_eq!(tensor.norm(), 4.0);
    /// ```
    #[must_use]
    pub fn norm(&self) -> f32 {
        self.energy().sqrt() as f32
    }

    /// Sum of the squares of the kept values.
    fn energy(&self) -> f64 {
        let mut counts = [0u64; 4];
        self.codes.iter().for_each(|&code| counts[usize::from(code & 3)] += 1);
        let decoded = self.quantizer.decoded().map(f64::from);
        counts.iter().zip(decoded).map(|(&count, value)| count as f64 * (value * value)).sum()
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
        layout.split_mut(&mut dense).into_par_iter().zip(&self.tensors).enumerate().for_each(
            |(index, (out, tensor))| {
                let chunks = Chunks::of(layout, index);
                chunks.for_each_band(top_k, out, |band, out| {
                    chunks.for_each_kept(band, top_k, tensor, |position, value| out[position] = value);
                });
            },
        );
        dense
    }

    /// L2 norm over all tensors' kept values, in f64.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.tensors.iter().map(SparseTensor::energy).sum::<f64>().sqrt()
    }
}
