//! From `--data` and `--tokenizer` to samples, be it text or a prepared folder.

use std::path::Path;

use sn3_trainer::data::{Prepared, Samples, Shards};
use sn3_trainer::tokenizer::Tokenizer;

use super::ModelSource;
use crate::args::DataArgs;
use crate::args::training::TextArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::text::{self, Text};

/// Longest samples that are made unless longer ones are asked for.
const SEQ_LEN_MAX: u32 = 2_048;

/// Samples with their tokenizer.
pub enum Material {
    /// Text that was tokenised here, kept in the cache.
    Text(Text),
    /// A folder made by `sn3 data prepare`.
    Shards(Box<PreparedFolder>),
}

/// An opened folder of shards.
pub struct PreparedFolder {
    description: Prepared,
    tokenizer: Tokenizer,
    train: Shards,
    heldout: Option<Shards>,
}

/// Whether `sn3 data prepare` made this folder; an error where it has not finished.
pub fn is_prepared(folder: &Path) -> Result<bool, CliError> {
    if folder.join("dataset.json").is_file() {
        return Ok(true);
    }
    match folder.join("work/begun.json").is_file() {
        false => Ok(false),
        true => {
            let folder = folder.display();
            let message = format!(
                "{folder} is the beginning of a preparation; run its `sn3 data prepare` again to finish it"
            );
            Err(CliError::new(Exit::Data, message))
        }
    }
}

impl Material {
    /// Opens what the arguments name, for the model that will read it.
    pub fn open(source: &ModelSource, args: &TextArgs, seed: u64, output: &Output) -> Result<Self, CliError> {
        match args.data.as_slice() {
            [folder] if is_prepared(folder)? => Self::prepared(folder, args, output),
            _ => Self::text(source, args, seed, output),
        }
    }

    fn text(source: &ModelSource, args: &TextArgs, seed: u64, output: &Output) -> Result<Self, CliError> {
        let TextArgs { data, tokenizer, vocab, seq_len, cache } = args.clone();
        let data = DataArgs { data, tokenizer, cache };
        let corpus = text::read(&data, output)?;
        let own = source.tokenizer().filter(|_| data.tokenizer.is_none() && vocab.is_none());
        let tokenizer = match own {
            Some(tokenizer) => tokenizer.clone(),
            None => text::tokenizer(&data, &corpus, vocab.unwrap_or(source.own().vocab))?,
        };
        let seq_len = seq_len.unwrap_or(source.own().context.min(SEQ_LEN_MAX));
        // Checked before minutes of tokenising.
        source.config(tokenizer.vocab(), seq_len)?;
        Ok(Self::Text(text::prepare(&data, &corpus, tokenizer, seq_len, seed, output)?))
    }

    fn prepared(folder: &Path, args: &TextArgs, output: &Output) -> Result<Self, CliError> {
        if args.tokenizer.is_some() || args.vocab.is_some() {
            let message = format!(
                "{} was prepared with its own tokenizer; leave out --tokenizer and --vocab, or prepare again",
                folder.display()
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        let description = Prepared::read(folder).or_exit(Exit::Data)?;
        if let Some(asked) = args.seq_len.filter(|&asked| asked != description.seq_len) {
            let message = format!(
                "{} has samples of {} tokens, not {asked}; leave out --seq-len, or prepare again",
                folder.display(),
                description.seq_len
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        let tokenizer = description.tokenizer(folder).or_exit(Exit::Data)?;
        let train = description.training(folder).or_exit(Exit::Data)?;
        let heldout = description.held_out(folder).or_exit(Exit::Data)?;
        output.story(format_args!(
            "samples: {} to train on, {} held out, {} tokens each, vocabulary {}",
            description.train_samples, description.heldout_samples, description.seq_len, description.vocab
        ));
        Ok(Self::Shards(Box::new(PreparedFolder { description, tokenizer, train, heldout })))
    }

    /// The tokenizer of the samples.
    pub fn tokenizer(&self) -> &Tokenizer {
        match self {
            Self::Text(text) => &text.tokenizer,
            Self::Shards(folder) => &folder.tokenizer,
        }
    }

    /// Tokens of a sample.
    pub fn seq_len(&self) -> u32 {
        match self {
            Self::Text(text) => text.dataset.seq_len() as u32,
            Self::Shards(folder) => folder.description.seq_len,
        }
    }

    /// The samples to train on.
    pub fn train(&self) -> Box<dyn Samples + '_> {
        match self {
            Self::Text(text) => Box::new(text.dataset.training()),
            Self::Shards(folder) => Box::new(&folder.train),
        }
    }

    /// The samples that nobody trains on, if there are any.
    pub fn held_out(&self) -> Option<Box<dyn Samples + '_>> {
        match self {
            Self::Text(text) if text.dataset.heldout_len() == 0 => None,
            Self::Text(text) => Some(Box::new(text.dataset.held_out())),
            Self::Shards(folder) => {
                folder.heldout.as_ref().map(|shards| Box::new(shards) as Box<dyn Samples>)
            }
        }
    }

    /// The samples that nobody trains on; an error where there are none.
    pub fn held_out_or_error(&self) -> Result<Box<dyn Samples + '_>, CliError> {
        let none = || {
            let message = "no sample is held out; use more text, or prepare it with a larger --heldout";
            CliError::new(Exit::Data, message)
        };
        self.held_out().ok_or_else(none)
    }
}
