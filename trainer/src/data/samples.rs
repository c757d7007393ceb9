//! What training and evaluation read: samples of equal length, by number.

use sn3_protocol::Digest;

use super::dataset::Dataset;
use super::shards::ShardError;

/// Samples of equal length, each found by its number.
pub trait Samples: Sync {
    /// How many there are.
    fn count(&self) -> u64;

    /// Tokens in each.
    fn seq_len(&self) -> usize;

    /// Every token is below this.
    fn vocab(&self) -> u32;

    /// What tells these samples from others; a resumed training asks for the same.
    fn identity(&self) -> Digest;

    /// The tokens of sample `index`.
    ///
    /// # Errors
    /// If a token is not below [`Samples::vocab`].
    ///
    /// # Panics
    /// If `index` is not below [`Samples::count`].
    fn sample(&self, index: u64) -> Result<Vec<u32>, ShardError>;
}

impl<T: Samples + ?Sized> Samples for &T {
    fn count(&self) -> u64 {
        (**self).count()
    }

    fn seq_len(&self) -> usize {
        (**self).seq_len()
    }

    fn vocab(&self) -> u32 {
        (**self).vocab()
    }

    fn identity(&self) -> Digest {
        (**self).identity()
    }

    fn sample(&self, index: u64) -> Result<Vec<u32>, ShardError> {
        (**self).sample(index)
    }
}

/// The numbers of `count` samples, evenly spread over all of them; all where there are fewer.
///
/// Held-out samples are in the order of their documents, so that the first ones would be of one or two documents.
///
/// By hand: 4 of 10 are 0, 2, 5 and 7.
pub fn spread(count: u64, all: u64) -> impl Iterator<Item = u64> {
    let count = count.min(all);
    (0..count).map(move |index| (u128::from(index) * u128::from(all) / u128::from(count)) as u64)
}

/// One part of a [`Dataset`]: what is trained on, or what is held out.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    dataset: &'a Dataset,
    heldout: bool,
}

impl Dataset {
    /// The samples to train on.
    #[must_use]
    pub fn training(&self) -> Split<'_> {
        Split { dataset: self, heldout: false }
    }

    /// The samples whose documents nobody trains on.
    #[must_use]
    pub fn held_out(&self) -> Split<'_> {
        Split { dataset: self, heldout: true }
    }
}

impl Samples for Split<'_> {
    fn count(&self) -> u64 {
        let count = if self.heldout { self.dataset.heldout_len() } else { self.dataset.train_len() };
        count as u64
    }

    fn seq_len(&self) -> usize {
        self.dataset.seq_len()
    }

    fn vocab(&self) -> u32 {
        self.dataset.vocab()
    }

    fn identity(&self) -> Digest {
        self.dataset.digest()
    }

    fn sample(&self, index: u64) -> Result<Vec<u32>, ShardError> {
        let index = index as usize;
        Ok(if self.heldout { self.dataset.heldout(index) } else { self.dataset.train(index) }.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn samples_are_spread_over_all_of_them() {
        assert_eq!(spread(4, 10).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(spread(10, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(5, 0).count(), 0);
        assert_eq!(spread(2, u64::MAX).nth(1), Some(u64::MAX / 2));
    }
}
