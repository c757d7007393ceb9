//! Models as Hugging Face folders: what any other tool reads and writes.
//!
//! ```text
//!  model.safetensors                 f32, Hugging Face names; above 2 GB in shards with an index
//!  config.json                       LlamaForCausalLM
//!  generation_config.json
//!  tokenizer.json, tokenizer_config.json
//! ```

mod config;
mod export;
mod import;

pub use export::{ExportError, SHARD_BYTES_MAX, export_hf};
pub use import::{ImportError, Imported, import_config, import_hf};

/// File names of the Hugging Face layout.
const CONFIG: &str = "config.json";
const GENERATION_CONFIG: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Longest `config.json` or index that is read; the 72B model's index has 60 kB.
const JSON_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests;
