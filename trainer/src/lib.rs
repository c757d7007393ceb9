//! Turns tokens into a better model on one node.
//!
//! ```text
//!  text files ──► data::Corpus ──► tokenizer ──► data::Dataset (memory-mapped samples)
//!                                                    │
//!  init::initial_state ──► train::Train ◄────────────┘      fast::StaticTrainer │ reference::ReferenceTrainer
//!                             │    │
//!            checkpoint (Hugging Face folder)   sidecar (optimizer, error feedback, cursor)
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`fast`], [`reference`] | one step: [`train::Train`] |
//! | [`session`] | ordinary single-node training with checkpoints and exact resume |
//! | [`data`] | text, token shards of other tools, samples by number |
//! | [`eval`], [`generate`] | loss, perplexity, bits per byte, multiple choice; a look at the model |
//! | [`convergence`] | SparseLoCo, DiLoCo and AdamW with the same tokens |
//! | [`plan`] | memory, time and payload before anything is allocated |
//! | [`checkpoint`], [`sidecar`] | models and optimizer states on disk |
//!
//! What it promises:
//! * The same seed, samples and state give the same bits on any number of threads of one machine.
//! * The fast trainer's gradients are those of the plain reference, which are those of finite differences and
//!   of transformers with torch; tests hold each against the next.
//! * A step either happens whole or changes nothing. A file is there whole or not at all, and a damaged one is
//!   named with what to do about it.
//! * Nothing read from disk is trusted: lengths are checked before memory is taken, values before use.
//!
//! ```
//! use sn3_protocol::model::ModelConfig;
//! use sn3_protocol::run::AdamConfig;
//! use sn3_trainer::data::{Corpus, Dataset, DatasetConfig};
//! use sn3_trainer::fast::StaticTrainer;
//! use sn3_trainer::init::initial_state;
//! use sn3_trainer::tokenizer::Tokenizer;
//! use sn3_trainer::train::Train;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let corpus = Corpus::from_texts((0..99).map(|i| format!("let x{i} = {i} + {i};\n"))).expect("text");
//! let tokenizer = Tokenizer::train(&corpus, 300)?;
//! # let folder = std::env::temp_dir().join(format!("sn3-trainer-example-{}", std::process::id()));
//! let dataset = Dataset::from_corpus(&corpus, &tokenizer, DatasetConfig::new(16, 1), &folder)?;
//!
//! let model = ModelConfig { layers: 1, context: 16, ..ModelConfig::preset("nano", Some(tokenizer.vocab()))? };
//! let mut trainer = StaticTrainer::new(&model, AdamConfig::default(), 4, 1)?
//!     .with_masked_label(Some(dataset.eos()));
//! trainer.set_params(&initial_state(&model, 1)?)?;
//! let batch: Vec<&[u32]> = (0..8).map(|index| dataset.train(index)).collect();
//! let before = trainer.loss(&batch)?;
//! for _ in 0..10 {
//!     trainer.step(&batch, 3e-3)?;
//! }
//! assert!(trainer.loss(&batch)? < before);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: talk to a network or a chain, compress pseudo-gradients (that is `sn3-protocol`), decide
//! which samples a node trains on, or download anything.

#![deny(unsafe_code)]

mod adam;
pub mod checkpoint;
pub mod convergence;
pub mod cuda;
pub mod data;
pub mod eval;
pub mod fast;
mod files;
pub mod generate;
pub mod infer;
pub mod init;
pub mod order;
pub mod plan;
mod pool;
mod random;
pub mod reference;
pub mod session;
mod shape;
pub mod sidecar;
#[cfg(test)]
mod tests;
pub mod tokenizer;
pub mod train;
mod vector;
