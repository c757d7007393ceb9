//! Byte-level BPE: text to token ids and back, from a Hugging Face `tokenizer.json` or trained here.

use std::path::{Path, PathBuf};

use sn3_protocol::Digest;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerBuilder};

use crate::data::Corpus;
use crate::files;

/// The end-of-text token of tokenizers trained by this crate; its id is [`END_OF_TEXT_ID`].
pub const END_OF_TEXT: &str = "<|endoftext|>";
/// The id of [`END_OF_TEXT`] in tokenizers trained by this crate.
pub const END_OF_TEXT_ID: u32 = 0;
/// Smallest vocabulary that can be trained: 256 bytes and the end-of-text token.
pub const VOCAB_MIN: u32 = 257;
/// Most text that a tokenizer is trained on; more changes the merges of a small vocabulary hardly at all.
pub const TRAINING_BYTES_MAX: usize = 4 << 20;
/// Largest `tokenizer.json` that is read; those of 262,144 entries have about 35 MB.
pub const FILE_BYTES_MAX: u64 = 128 << 20;

/// Names under which well-known model families keep their end-of-text token, most specific first.
const END_OF_TEXT_NAMES: [&str; 5] = [END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>"];

/// A tokenizer and the bytes of its `tokenizer.json`, by whose digest nodes agree on it.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    json: Vec<u8>,
    eos: u32,
}

/// Why there is no tokenizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file cannot be read or written.
    #[error("tokenizer file {path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no `tokenizer.json`.
    #[error("no usable tokenizer.json: {0}; pass a file written by the Hugging Face tokenizers library")]
    Format(String),
    /// No known end-of-text token.
    #[error("the tokenizer has none of the end-of-text tokens {END_OF_TEXT_NAMES:?}; add one of them")]
    NoEndOfText,
    /// Asked for fewer entries than bytes exist.
    #[error("a vocabulary of {0} is too small; byte-level BPE needs at least {VOCAB_MIN}")]
    VocabTooSmall(u32),
    /// Training failed inside the tokenizers library.
    #[error("training the tokenizer failed: {0}")]
    Train(String),
    /// Text that cannot be encoded or ids that cannot be decoded.
    #[error("the tokenizer cannot convert this text: {0}")]
    Convert(String),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// If the file cannot be read, is no tokenizer or has no end-of-text token.
    pub fn load(path: &Path) -> Result<Self, TokenizerError> {
        let at = |source| TokenizerError::File { path: path.to_owned(), source };
        Self::from_json(files::read_bounded(path, FILE_BYTES_MAX).map_err(at)?)
    }

    /// A tokenizer from the bytes of a `tokenizer.json`, for example those fetched from a run's store.
    ///
    /// # Errors
    /// If the bytes are no tokenizer or it has no end-of-text token.
    pub fn from_json(json: Vec<u8>) -> Result<Self, TokenizerError> {
        let inner =
            tokenizers::Tokenizer::from_bytes(&json).map_err(|e| TokenizerError::Format(e.to_string()))?;
        let eos = END_OF_TEXT_NAMES.iter().find_map(|name| inner.token_to_id(name));
        Ok(Self { inner, json, eos: eos.ok_or(TokenizerError::NoEndOfText)? })
    }

    /// Trains a vocabulary of at most `vocab` entries on a bounded sample of `corpus`.
    ///
    /// The result depends on the texts and `vocab` only. A very short corpus gives fewer entries.
    ///
    /// # Errors
    /// If `vocab` is below [`VOCAB_MIN`] or the library fails.
    pub fn train(corpus: &Corpus, vocab: u32) -> Result<Self, TokenizerError> {
        if vocab < VOCAB_MIN {
            return Err(TokenizerError::VocabTooSmall(vocab));
        }
        let failed = |e: tokenizers::Error| TokenizerError::Train(e.to_string());
        let mut trainer = BpeTrainerBuilder::new()
            .show_progress(false)
            .vocab_size(vocab as usize)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
            .build();
        let bytes = ByteLevel::new(false, false, true);
        let mut tokenizer = TokenizerBuilder::new()
            .with_model(BPE::default())
            .with_normalizer(None::<tokenizers::NormalizerWrapper>)
            .with_pre_tokenizer(Some(bytes))
            .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
            .with_decoder(Some(bytes))
            .build()
            .map_err(failed)?;
        tokenizer.train(&mut trainer, corpus.sample(TRAINING_BYTES_MAX).into_iter()).map_err(failed)?;
        Self::from_json(tokenizer.to_string(true).map_err(failed)?.into_bytes())
    }

    /// The bytes of the `tokenizer.json`.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The identity of the tokenizer: the digest of its `tokenizer.json`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.json)
    }

    /// Number of entries, special tokens included; every id is below it.
    #[must_use]
    pub fn vocab(&self) -> u32 {
        self.inner.get_vocab_size(true) as u32
    }

    /// The id that ends every document, and whose label is masked in training.
    #[must_use]
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The text of one entry.
    pub(crate) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The ids of `text`, without special tokens.
    ///
    /// # Errors
    /// If the tokenizer's own rules refuse the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding =
            self.inner.encode_fast(text, false).map_err(|e| TokenizerError::Convert(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`; special tokens are left out.
    ///
    /// # Errors
    /// If the tokenizer has no decoder for the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, true).map_err(|e| TokenizerError::Convert(e.to_string()))
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} entries, {})", self.vocab(), self.digest().short())
    }
}

/// The tokenizer for `corpus` and `vocab`: from `cache_dir` if trained before, else trained and kept there.
///
/// # Errors
/// As [`Tokenizer::train`], and when the cache folder cannot be written. A damaged cache file is trained anew.
pub fn train_or_load(corpus: &Corpus, vocab: u32, cache_dir: &Path) -> Result<Tokenizer, TokenizerError> {
    let key = format!("tokenizer-{}-{vocab}.json", corpus.digest().short());
    let path = cache_dir.join(key);
    if path.exists() {
        match Tokenizer::load(&path) {
            Ok(tokenizer) => return Ok(tokenizer),
            Err(error) => tracing::warn!(?path, %error, "cached tokenizer is unusable and trained anew"),
        }
    }
    let tokenizer = Tokenizer::train(corpus, vocab)?;
    files::write_atomic(&path, tokenizer.json()).map_err(|source| TokenizerError::File { path, source })?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Corpus {
        let text = |i: u32| format!("fn double_{i}(value: u32) -> u32 {{\n    value * {i} // größer\n}}\n");
        Corpus::from_texts((0..200).map(text)).unwrap()
    }

    #[test]
    fn text_survives_the_round_trip_and_training_is_deterministic() {
        let tokenizer = Tokenizer::train(&corpus(), 400).unwrap();
        let text = "fn über(x: &str) { /* 日本 */ }\n\n\tend";
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        assert!(ids.iter().all(|&id| id < tokenizer.vocab() && id != tokenizer.eos()));
        assert_eq!(tokenizer.eos(), END_OF_TEXT_ID);
        assert_eq!(tokenizer.json(), Tokenizer::train(&corpus(), 400).unwrap().json());
    }

    #[test]
    fn the_cache_is_used_and_a_damaged_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let first = train_or_load(&corpus(), 300, dir.path()).unwrap();
        let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(std::fs::read(&file).unwrap(), first.json());
        std::fs::write(&file, b"{").unwrap();
        assert_eq!(train_or_load(&corpus(), 300, dir.path()).unwrap().digest(), first.digest());
        assert_eq!(std::fs::read(&file).unwrap(), first.json());
    }

    #[test]
    fn bad_tokenizers_are_refused_with_a_remedy() {
        assert!(matches!(Tokenizer::train(&corpus(), 100), Err(TokenizerError::VocabTooSmall(100))));
        let error = Tokenizer::from_json(b"[]".to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("no usable tokenizer.json"), "{error}");
        let none = Tokenizer::train(&corpus(), 300).unwrap();
        let renamed = String::from_utf8(none.json().to_vec()).unwrap().replace(END_OF_TEXT, "<x>");
        assert!(matches!(Tokenizer::from_json(renamed.into_bytes()), Err(TokenizerError::NoEndOfText)));
    }
}
