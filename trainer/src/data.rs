//! Text to training samples: sources, documents, tokens, packed samples on disk.
//!
//! ```text
//!  files, folders, .jsonl ──► Corpus (documents) ──► Tokenizer ──► packed samples ──► cache file
//!                              bounded, sorted                     shuffled by seed    memory-mapped
//! ```
//!
//! [`Shards`] are token files as other tools write them (`.npy`, `.bin`); they and a [`Dataset`] are
//! [`Samples`], which is all that training asks for.

mod corpus;
mod dataset;
mod pack;
mod prepare;
mod samples;
mod shards;
mod sources;
mod store;

pub use corpus::{Corpus, CorpusError, DOCUMENT_BYTES_MAX};
pub use dataset::{Dataset, DatasetConfig, DatasetError};
pub use prepare::{
    PrepareError, PrepareOptions, PrepareProgress, Prepared, SHARD_SAMPLES_MAX, prepare, text_sources,
    train_tokenizer,
};
pub(crate) use samples::spread;
pub use samples::{Samples, Split};
pub use shards::{SHARDS_MAX, ShardError, ShardOptions, Shards, TokenType};
pub use sources::{
    DEFAULT_SOURCE_BYTES_MAX, SOURCE_BYTES_MAX, SOURCE_FILES_MAX, SourceError, Sources, default_sources,
};
pub use store::{StoreError, sample_id};
