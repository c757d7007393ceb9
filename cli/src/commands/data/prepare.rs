//! `sn3 data prepare`: text, .jsonl and Parquet, packed or not, to shuffled shards with ids.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_trainer::data::{
    PrepareError, PrepareOptions, PrepareProgress, Prepared, Sources, check_free, default_sources, prepare,
    text_sources, train_tokenizer,
};
use sn3_trainer::tokenizer::Tokenizer;

use crate::args::training::DataPrepareArgs;
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::output::Output;
use crate::training::{Pace, lasting, leave_on_stop};

/// Prepares, or goes on with what is there.
pub async fn run(args: DataPrepareArgs, output: &Output) -> Result<(), CliError> {
    let output = output.clone();
    let work = move || prepare_all(&args, &output);
    leave_on_stop(work, "stopped; the same command goes on with what is done").await
}

fn prepare_all(args: &DataPrepareArgs, output: &Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let threads = args.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_exit(Exit::Failure)?;
    let options = options(args)?;
    // Before the minutes that a tokenizer may take.
    check_free(&args.out).map_err(|error| failed(&error))?;
    let tokenizer = tokenizer(args, &options, output)?;
    let shown = Shown::new(output);
    let prepared = pool
        .install(|| prepare(&tokenizer, &options, &args.out, &|progress| shown.see(progress)))
        .map_err(|error| failed(&error))?;
    shown.bar.finish_and_clear();
    tell(&args.out, &prepared, output)?;
    output.story(lasting(begin.elapsed().as_secs_f64()));
    Ok(())
}

fn options(args: &DataPrepareArgs) -> Result<PrepareOptions, CliError> {
    let sources: Sources = match args.inputs.as_slice() {
        [] => default_sources().or_exit(Exit::Data)?,
        paths => text_sources(paths.to_vec(), args.ext.clone()),
    };
    Ok(PrepareOptions {
        sources,
        field: args.field.clone(),
        seq_len: args.seq_len,
        seed: args.seed,
        heldout_fraction: args.heldout,
        shard_samples: args.shard_samples,
    })
}

/// The named tokenizer, that of a folder which is prepared already, or one trained on the text.
fn tokenizer(
    args: &DataPrepareArgs,
    options: &PrepareOptions,
    output: &Output,
) -> Result<Tokenizer, CliError> {
    if let Some(path) = &args.tokenizer {
        return Tokenizer::load(path).or_exit(Exit::Data);
    }
    output.story(format_args!("training a tokenizer of {} tokens on a sample of the text", args.vocab));
    train_tokenizer(options, args.vocab).map_err(|error| failed(&error))
}

/// Shows how far it is; called from any thread.
struct Shown {
    bar: ProgressBar,
    output: Output,
    pace: Mutex<Pace>,
}

impl Shown {
    fn new(output: &Output) -> Self {
        let bar = output.bar("MB tokenised", 0);
        Self { bar, output: output.clone(), pace: Mutex::new(Pace::new()) }
    }

    fn see(&self, progress: PrepareProgress) {
        const MB: u64 = 1_000_000;
        let (name, done, of) = match progress {
            PrepareProgress::Tokenised { bytes, of } => ("MB tokenised", bytes / MB, of / MB),
            PrepareProgress::Written { shards, of } => ("shards", shards, of),
            _ => return,
        };
        self.bar.set_prefix(name);
        self.bar.set_length(of);
        self.bar.set_position(done);
        let mut pace = self.pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.bar.is_hidden() && pace.due() {
            self.output.story(format_args!("{name}: {done} of {of}"));
        }
    }
}

fn tell(folder: &Path, prepared: &Prepared, output: &Output) -> Result<(), CliError> {
    #[derive(Serialize)]
    struct Event<'a> {
        folder: &'a Path,
        dataset: &'a Prepared,
    }
    output.result(super::info::text(folder, prepared)?);
    output.event("prepared", &Event { folder, dataset: prepared });
    Ok(())
}

fn failed(error: &PrepareError) -> CliError {
    let exit = match error {
        PrepareError::Option { .. } | PrepareError::Occupied { .. } | PrepareError::Busy { .. } => {
            Exit::Usage
        }
        _ => Exit::Data,
    };
    CliError::new(exit, chain_of_causes(error))
}
