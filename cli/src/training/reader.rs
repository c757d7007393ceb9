//! A model that is only read, with its tokenizer.

use std::path::Path;

use sn3_trainer::fast::Decoder;
use sn3_trainer::tokenizer::Tokenizer;

use super::import;
use crate::exit::{CliError, Exit, OrExit};
use crate::training::step::available_threads;

/// Opens a Hugging Face folder, with another tokenizer where one is named.
pub fn open(
    model: &Path,
    tokenizer: Option<&Path>,
    threads: Option<u16>,
) -> Result<(Decoder, Tokenizer), CliError> {
    if !model.is_dir() {
        let message = format!(
            "{} is no folder with a model; name a checkpoint, as `sn3 train` prints it",
            model.display()
        );
        return Err(CliError::new(Exit::Data, message));
    }
    let named = tokenizer.map(Tokenizer::load).transpose().or_exit(Exit::Data)?;
    let imported = import(model)?;
    let without = || {
        let message = format!("{} has no tokenizer.json; name one with --tokenizer", model.display());
        CliError::new(Exit::Data, message)
    };
    let tokenizer = named.or(imported.tokenizer).ok_or_else(without)?;
    let (found, most) = (tokenizer.vocab(), imported.config.vocab);
    if found > most {
        let message = format!("the tokenizer has {found} tokens, the model {most} only; use the model's own");
        return Err(CliError::new(Exit::Usage, message));
    }
    let threads = threads.map_or_else(available_threads, usize::from);
    let decoder = Decoder::new(&imported.config, imported.state, threads).or_exit(Exit::State)?;
    Ok((decoder, tokenizer))
}
