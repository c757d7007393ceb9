//! A prepared dataset: what a node trains on and is evaluated on, prepared once and mapped afterwards.

use std::path::Path;

use sn3_protocol::{Digest, digest::Hasher};

use super::corpus::{Corpus, CorpusError};
use super::pack::pack;
use super::sources::Sources;
use super::store::{self, Shape, Store, StoreError};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// How a corpus is cut into samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetConfig {
    /// Tokens in a sample, at least 2.
    pub seq_len: u32,
    /// Seed of the split and of the order of samples.
    pub seed: u64,
    /// Share of the documents kept for evaluation, in `[0, 1)`.
    pub heldout_fraction: f64,
}

impl DatasetConfig {
    /// Samples of `seq_len` tokens; one document in 20 is held out.
    #[must_use]
    pub fn new(seq_len: u32, seed: u64) -> Self {
        Self { seq_len, seed, heldout_fraction: 0.05 }
    }
}

/// Samples of equal length, in a fixed shuffled order, with held-out ones apart.
#[derive(Debug)]
pub struct Dataset {
    store: Store,
}

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Reading the text.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// Converting it.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Keeping the result.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text is too short.
    #[error(
        "the text gives {tokens} training tokens, less than one sample of {seq_len}; add text or use shorter samples"
    )]
    TooShort {
        /// Tokens in whole samples and the remainder.
        tokens: usize,
        /// Tokens asked for in a sample.
        seq_len: u32,
    },
    /// A configuration without meaning.
    #[error(
        "samples of {seq_len} tokens with a held-out share of {heldout_fraction} cannot be made; use at least 2 tokens and a share in [0, 1)"
    )]
    Config {
        /// Tokens in a sample.
        seq_len: u32,
        /// Share of held-out documents.
        heldout_fraction: f64,
    },
}

impl Dataset {
    /// Reads `sources` and gives their dataset, from the cache where it was prepared before.
    ///
    /// # Errors
    /// If the sources are unreadable or too short, or the cache folder cannot be written. A damaged cache
    /// file is prepared anew with a warning.
    pub fn open_or_prepare(
        sources: &Sources,
        tokenizer: &Tokenizer,
        config: DatasetConfig,
        cache_dir: &Path,
    ) -> Result<Self, DatasetError> {
        Self::from_corpus(&Corpus::read(sources)?, tokenizer, config, cache_dir)
    }

    /// As [`Dataset::open_or_prepare`], from a corpus that has been read already.
    ///
    /// # Errors
    /// As there.
    pub fn from_corpus(
        corpus: &Corpus,
        tokenizer: &Tokenizer,
        config: DatasetConfig,
        cache_dir: &Path,
    ) -> Result<Self, DatasetError> {
        config.check()?;
        let path = cache_dir.join(format!("tokens-{}.sn3", config.cache_key(corpus, tokenizer).short()));
        if path.exists() {
            match Self::open(&path) {
                Ok(dataset) => return Ok(dataset),
                Err(error) => tracing::warn!(%error, "cached dataset is prepared anew"),
            }
        }
        config.prepare(corpus, tokenizer, &path)?;
        Self::open(&path)
    }

    /// Opens a token store, for example one prepared on another machine, and checks every byte of it.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        Ok(Self { store: Store::open(path)? })
    }

    /// Number of training samples.
    #[must_use]
    pub fn train_len(&self) -> usize {
        self.store.shape.train as usize
    }

    /// Number of held-out samples; none of their documents is in a training sample.
    #[must_use]
    pub fn heldout_len(&self) -> usize {
        self.store.shape.heldout as usize
    }

    /// Tokens in every sample.
    #[must_use]
    pub fn seq_len(&self) -> usize {
        self.store.shape.seq_len as usize
    }

    /// Every token is below this.
    #[must_use]
    pub fn vocab(&self) -> u32 {
        self.store.shape.vocab
    }

    /// The token that ends a document.
    #[must_use]
    pub fn eos(&self) -> u32 {
        self.store.shape.eos
    }

    /// Training sample `index`: [`Dataset::seq_len`] tokens.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::train_len`].
    #[must_use]
    pub fn train(&self, index: usize) -> &[u32] {
        assert!(index < self.train_len(), "training sample {index} of {}", self.train_len());
        self.store.sample(index as u64)
    }

    /// Held-out sample `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::heldout_len`].
    #[must_use]
    pub fn heldout(&self, index: usize) -> &[u32] {
        assert!(index < self.heldout_len(), "held-out sample {index} of {}", self.heldout_len());
        self.store.sample(self.store.shape.train + index as u64)
    }

    /// Id of training sample `index`, for receipts (training protocol, section 6).
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::train_len`].
    #[must_use]
    pub fn sample_id(&self, index: usize) -> u64 {
        assert!(index < self.train_len(), "training sample {index} of {}", self.train_len());
        self.store.id(index as u64)
    }

    /// The identity of all samples and their order; nodes of one run have the same.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.store.checksum
    }
}

impl DatasetConfig {
    fn check(self) -> Result<(), DatasetError> {
        let Self { seq_len, heldout_fraction, .. } = self;
        let sound = seq_len >= 2 && (0.0..1.0).contains(&heldout_fraction);
        if sound { Ok(()) } else { Err(DatasetError::Config { seq_len, heldout_fraction }) }
    }

    fn cache_key(self, corpus: &Corpus, tokenizer: &Tokenizer) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/dataset/v1");
        hasher.update(&corpus.digest().0);
        hasher.update(&tokenizer.digest().0);
        hasher.update(&self.seq_len.to_le_bytes());
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.heldout_fraction.to_le_bytes());
        hasher.finish()
    }

    fn prepare(self, corpus: &Corpus, tokenizer: &Tokenizer, path: &Path) -> Result<(), DatasetError> {
        let length = self.seq_len as usize;
        let packed = pack(&corpus.parts, tokenizer, length, self.seed, self.heldout_fraction)?;
        if packed.train.is_empty() {
            return Err(DatasetError::TooShort { tokens: packed.tokens, seq_len: self.seq_len });
        }
        let shape = Shape {
            seq_len: self.seq_len,
            vocab: tokenizer.vocab(),
            eos: tokenizer.eos(),
            train: (packed.train.len() / length) as u64,
            heldout: (packed.heldout.len() / length) as u64,
        };
        tracing::info!(train = shape.train, heldout = shape.heldout, seq_len = length, "dataset prepared");
        Ok(store::write(path, shape, &packed.train, &packed.heldout)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Corpus {
        Corpus::from_texts((0..80).map(|i| format!("let x{i} = {};\n", i * 7).repeat(5))).unwrap()
    }

    #[test]
    fn a_dataset_is_prepared_once_and_the_same_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let (corpus, config) = (corpus(), DatasetConfig::new(16, 3));
        let tokenizer = Tokenizer::train(&corpus, 300).unwrap();
        let open = || Dataset::from_corpus(&corpus, &tokenizer, config, dir.path()).unwrap();
        let (first, second) = (open(), open());
        assert_eq!(first.digest(), second.digest());
        assert_eq!((first.seq_len(), first.eos(), first.vocab()), (16, tokenizer.eos(), tokenizer.vocab()));
        assert!(first.train_len() > 20 && first.heldout_len() >= 1);
        assert_eq!(first.sample_id(5), store::sample_id(second.train(5)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let other = DatasetConfig { seed: 4, ..config };
        let other = Dataset::from_corpus(&corpus, &tokenizer, other, dir.path()).unwrap();
        assert_ne!(other.digest(), first.digest());
    }

    #[test]
    fn a_damaged_cache_is_prepared_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (corpus, config) = (corpus(), DatasetConfig::new(16, 3));
        let tokenizer = Tokenizer::train(&corpus, 300).unwrap();
        let open = || Dataset::from_corpus(&corpus, &tokenizer, config, dir.path()).unwrap().digest();
        let digest = open();
        let path = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        std::fs::write(&path, b"SN3TOKEN").unwrap();
        assert_eq!(open(), digest);
    }

    #[test]
    fn too_short_text_and_senseless_samples_are_explained() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = corpus();
        let tokenizer = Tokenizer::train(&corpus, 300).unwrap();
        let prepare = |config| Dataset::from_corpus(&corpus, &tokenizer, config, dir.path()).unwrap_err();
        let error = prepare(DatasetConfig::new(100_000, 0)).to_string();
        assert!(error.contains("less than one sample of 100000"), "{error}");
        assert!(matches!(prepare(DatasetConfig::new(1, 0)), DatasetError::Config { seq_len: 1, .. }));
    }
}
