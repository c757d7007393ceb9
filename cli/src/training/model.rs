//! From `--model` to an architecture, with parameters where there are some.

use std::path::Path;

use sn3_protocol::model::{ModelConfig, PRESETS};
use sn3_trainer::checkpoint::{ImportError, Imported, import_config, import_hf};
use sn3_trainer::tokenizer::Tokenizer;

use crate::exit::{CliError, Exit, OrExit, chain_of_causes};

/// What `--model` named.
pub enum ModelSource {
    /// One of our own sizes; vocabulary and context follow the text.
    Preset(ModelConfig),
    /// A `config.json`: an architecture without parameters.
    Config(ModelConfig),
    /// A Hugging Face folder: an architecture with its parameters.
    Checkpoint(Box<Imported>),
}

impl ModelSource {
    /// A preset's name, the path of a `config.json`, or the path of a Hugging Face folder.
    pub fn open(text: &str) -> Result<Self, CliError> {
        if PRESETS.contains(&text) {
            return Ok(Self::Preset(ModelConfig::preset(text, None).or_exit(Exit::Usage)?));
        }
        let path = Path::new(text);
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Self::checkpoint(path),
            Ok(_) => Ok(Self::Config(import_config(path).map_err(|error| failed(&error))?)),
            Err(error) => {
                let presets = PRESETS.join(", ");
                let message =
                    format!("model {text:?} is no preset ({presets}) and no file or folder: {error}");
                Err(CliError::new(Exit::Usage, message))
            }
        }
    }

    /// A Hugging Face folder with its parameters.
    fn checkpoint(path: &Path) -> Result<Self, CliError> {
        Ok(Self::Checkpoint(Box::new(import(path)?)))
    }

    /// As [`ModelSource::open`], but only the architecture: no parameter is read.
    pub fn open_config(text: &str) -> Result<ModelConfig, CliError> {
        let config = Path::new(text).join("config.json");
        match config.is_file() && !PRESETS.contains(&text) {
            true => import_config(&config).map_err(|error| failed(&error)),
            false => Ok(Self::open(text)?.own().clone()),
        }
    }

    /// Its architecture for a vocabulary and samples of `seq_len` tokens.
    pub fn config(&self, vocab: u32, seq_len: u32) -> Result<ModelConfig, CliError> {
        let own = self.own();
        if let Self::Preset(preset) = self {
            return Ok(ModelConfig { vocab, context: seq_len, ..preset.clone() });
        }
        if vocab > own.vocab {
            let message = format!(
                "the tokenizer has {vocab} tokens, the model {} only; use the model's own tokenizer",
                own.vocab
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        if seq_len > own.context {
            let message = format!(
                "samples of {seq_len} tokens are longer than the model's context of {}; use --seq-len",
                own.context
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        Ok(own.clone())
    }

    /// The architecture as it was named.
    pub fn own(&self) -> &ModelConfig {
        match self {
            Self::Preset(config) | Self::Config(config) => config,
            Self::Checkpoint(imported) => &imported.config,
        }
    }

    /// The tokenizer that came with it.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        match self {
            Self::Checkpoint(imported) => imported.tokenizer.as_ref(),
            _ => None,
        }
    }

    /// The parameters that came with it.
    pub fn state(&self) -> Option<&[f32]> {
        match self {
            Self::Checkpoint(imported) => Some(&imported.state),
            _ => None,
        }
    }
}

/// Reads a Hugging Face folder.
pub fn import(path: &Path) -> Result<Imported, CliError> {
    import_hf(path).map_err(|error| failed(&error))
}

/// A file that is not there is missing data; one with wrong contents is a damaged checkpoint.
fn failed(error: &ImportError) -> CliError {
    let exit = if matches!(error, ImportError::Read { .. }) { Exit::Data } else { Exit::State };
    CliError::new(exit, chain_of_causes(error))
}
