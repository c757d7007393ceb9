//! From `--data` and `--tokenizer` to prepared samples.

use std::path::PathBuf;
use std::sync::Arc;

use sn3_trainer::data::{Corpus, Dataset, DatasetConfig, Sources, default_sources};
use sn3_trainer::tokenizer::{self, Tokenizer};

use crate::args::DataArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

/// Prepared text: the tokenizer and the samples made with it.
#[derive(Clone)]
pub struct Text {
    /// The tokenizer of the run.
    pub tokenizer: Arc<Tokenizer>,
    /// The samples, memory-mapped.
    pub dataset: Arc<Dataset>,
}

/// Where prepared text is kept: `--cache`, or `sn3` in the user's cache folder.
fn cache_dir(args: &DataArgs) -> PathBuf {
    let user = || {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
            .map(|dir| dir.join("sn3"))
    };
    args.cache.clone().or_else(user).unwrap_or_else(|| std::env::temp_dir().join("sn3"))
}

/// Reads the text that the arguments name.
pub fn read(args: &DataArgs, output: &Output) -> Result<Corpus, CliError> {
    let sources = if args.data.is_empty() {
        default_sources().or_exit(Exit::Data)?
    } else {
        Sources::new(args.data.clone())
    };
    let corpus = Corpus::read(&sources).or_exit(Exit::Data)?;
    output.story(format_args!("text: {:.1} MB", corpus.bytes() as f64 / 1e6));
    Ok(corpus)
}

/// The tokenizer that the arguments name, or one trained on the text.
pub fn tokenizer(args: &DataArgs, corpus: &Corpus, vocab: u32) -> Result<Tokenizer, CliError> {
    match &args.tokenizer {
        Some(path) => Tokenizer::load(path).or_exit(Exit::Data),
        None => tokenizer::train_or_load(corpus, vocab, &cache_dir(args)).or_exit(Exit::Data),
    }
}

/// Tokenises the text into samples of `seq_len` tokens, or finds them prepared.
pub fn prepare(
    args: &DataArgs,
    corpus: &Corpus,
    tokenizer: Tokenizer,
    seq_len: u32,
    seed: u64,
    output: &Output,
) -> Result<Text, CliError> {
    let config = DatasetConfig::new(seq_len, seed);
    let dataset = Dataset::from_corpus(corpus, &tokenizer, config, &cache_dir(args)).or_exit(Exit::Data)?;
    output.story(format_args!(
        "samples: {} to train on, {} held out, {} tokens each, vocabulary {}",
        dataset.train_len(),
        dataset.heldout_len(),
        dataset.seq_len(),
        tokenizer.vocab()
    ));
    Ok(Text { tokenizer: Arc::new(tokenizer), dataset: Arc::new(dataset) })
}
