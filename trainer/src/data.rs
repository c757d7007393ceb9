//! Text to training samples: sources, documents, tokens, packed samples on disk.
//!
//! ```text
//!  text, .jsonl, .parquet ──► Corpus (documents) ──► Tokenizer ──► packed samples ──► cache file
//!                              bounded, sorted                     shuffled by seed    memory-mapped
//! ```
//!
//! [`Shards`] are token files as other tools write them (`.npy`, `.bin`); they and a [`Dataset`] are
//! [`Samples`], which is all that training asks for.

mod corpus;
mod dataset;
mod documents;
mod pack;
mod packed;
mod prepare;
mod samples;
mod shards;
mod sources;
mod store;

pub use corpus::{Corpus, CorpusError, DOCUMENT_BYTES_MAX};
pub use dataset::{Dataset, DatasetConfig, DatasetError};
pub use documents::DocumentError;
pub use prepare::{
    PrepareError, PrepareOptions, PrepareProgress, Prepared, SHARD_SAMPLES_MAX, check_free, prepare,
    text_sources, train_tokenizer,
};
pub use samples::{Samples, Split, spread};
pub use shards::{SHARDS_MAX, ShardError, ShardOptions, Shards, TokenType};
pub use sources::{
    DEFAULT_SOURCE_BYTES_MAX, SOURCE_BYTES_MAX, SOURCE_FILES_MAX, SourceError, Sources, default_sources,
};
pub use store::{StoreError, sample_id};
