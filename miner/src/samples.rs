//! Where training samples come from.

use sn3_protocol::Digest;
use sn3_trainer::data::Dataset;

/// The training samples of a run: a fixed list that every participant has.
pub trait Samples: Send + Sync {
    /// How many there are.
    fn train_len(&self) -> u64;

    /// The tokens of one; `index` is below [`Samples::train_len`].
    fn train(&self, index: u32) -> &[u32];

    /// The id of one, for receipts (training protocol, section 6).
    fn sample_id(&self, index: u32) -> u64;

    /// The identity of all samples and their order.
    fn digest(&self) -> Digest;
}

impl Samples for Dataset {
    fn train_len(&self) -> u64 {
        Dataset::train_len(self) as u64
    }

    fn train(&self, index: u32) -> &[u32] {
        Dataset::train(self, index as usize)
    }

    fn sample_id(&self, index: u32) -> u64 {
        Dataset::sample_id(self, index as usize)
    }

    fn digest(&self) -> Digest {
        Dataset::digest(self)
    }
}
