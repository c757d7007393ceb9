//! Text to training samples: sources, documents, tokens, packed samples on disk.
//!
//! ```text
//!  files, folders, .jsonl ──► Corpus (documents) ──► Tokenizer ──► packed samples ──► cache file
//!                              bounded, sorted                     shuffled by seed    memory-mapped
//! ```

mod corpus;
mod dataset;
mod pack;
mod sources;
mod store;

pub use corpus::{Corpus, CorpusError, DOCUMENT_BYTES_MAX};
pub use dataset::{Dataset, DatasetConfig, DatasetError};
pub use sources::{
    DEFAULT_SOURCE_BYTES_MAX, SOURCE_BYTES_MAX, SOURCE_FILES_MAX, SourceError, Sources, default_sources,
};
pub use store::{StoreError, sample_id};
