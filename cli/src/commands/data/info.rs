//! `sn3 data info`: what a prepared folder or shards hold, and whether all of it is sound.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use sn3_protocol::Digest;
use sn3_trainer::data::{Prepared, Samples, ShardError, ShardOptions, Shards, TokenType};

use crate::args::training::{DataInfoArgs, TokenWidth};
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::output::Output;
use crate::training::{is_prepared, leave_on_stop};

/// Tells, and checks everything when asked to.
pub async fn run(args: DataInfoArgs, output: &Output) -> Result<(), CliError> {
    let output = output.clone();
    leave_on_stop(move || tell(&args, &output), "stopped").await
}

fn tell(args: &DataInfoArgs, output: &Output) -> Result<(), CliError> {
    match args.paths.as_slice() {
        [folder] if folder.is_dir() && is_prepared(folder)? => prepared(folder, args, output),
        [folder] if folder.is_dir() => {
            let message = format!(
                "{} was not made by `sn3 data prepare`; name shards by their files",
                folder.display()
            );
            Err(CliError::new(Exit::Data, message))
        }
        paths => foreign(paths, args, output),
    }
}

fn prepared(folder: &Path, args: &DataInfoArgs, output: &Output) -> Result<(), CliError> {
    let prepared = Prepared::read(folder).or_exit(Exit::Data)?;
    let train = prepared.training(folder).or_exit(Exit::Data)?;
    let heldout = prepared.held_out(folder).or_exit(Exit::Data)?;
    if args.verify {
        verify("training", &train, output)?;
        heldout.as_ref().map_or(Ok(()), |shards| verify("held out", shards, output))?;
    }
    output.result(text(folder, &prepared)?);
    let sample = args.show.map(|number| show(folder, &prepared, &train, number)).transpose()?;
    if let Some(sample) = &sample {
        output.result(format_args!("--- sample {}", args.show.unwrap_or_default()));
        output.result(sample);
    }
    #[derive(Serialize)]
    struct Event<'a> {
        folder: &'a Path,
        dataset: &'a Prepared,
        identity: Digest,
        verified: bool,
        sample: Option<String>,
    }
    let identity = train.identity();
    output.event("data", &Event { folder, dataset: &prepared, identity, verified: args.verify, sample });
    Ok(())
}

/// A prepared folder in lines.
pub fn text(folder: &Path, prepared: &Prepared) -> Result<String, CliError> {
    let shards = prepared.train_samples.div_ceil(prepared.shard_samples);
    let train = prepared.training(folder).or_exit(Exit::Data)?;
    let tokens = |samples: u64| million(samples * u64::from(prepared.seq_len));
    let rows = [
        ("folder", folder.display().to_string()),
        ("documents", prepared.documents.to_string()),
        (
            "vocabulary",
            format!("{} tokens, stored as {:?}", prepared.vocab, prepared.token_type).to_lowercase(),
        ),
        (
            "to train on",
            format!(
                "{} samples of {} tokens, {} tokens in {shards} shards",
                prepared.train_samples,
                prepared.seq_len,
                tokens(prepared.train_samples)
            ),
        ),
        (
            "held out",
            format!("{} samples, {} tokens", prepared.heldout_samples, tokens(prepared.heldout_samples)),
        ),
        ("tokenizer", prepared.tokenizer.to_string()),
        ("identity", train.identity().to_string()),
    ];
    let mut text = String::new();
    for (what, value) in rows {
        let _ = writeln!(text, "{what:<12} {value}");
    }
    Ok(text.trim_end().to_owned())
}

fn million(tokens: u64) -> String {
    if tokens < 1_000_000 { tokens.to_string() } else { format!("{:.1} M", tokens as f64 / 1e6) }
}

fn show(folder: &Path, prepared: &Prepared, train: &Shards, number: u64) -> Result<String, CliError> {
    if number >= train.count() {
        let message = format!("there is no sample {number}; the last one is {}", train.count() - 1);
        return Err(CliError::new(Exit::Usage, message));
    }
    let tokens = train.sample(number).or_exit(Exit::Data)?;
    prepared.tokenizer(folder).or_exit(Exit::Data)?.decode(&tokens).or_exit(Exit::Data)
}

/// Shards of other tools.
fn foreign(paths: &[PathBuf], args: &DataInfoArgs, output: &Output) -> Result<(), CliError> {
    if args.show.is_some() {
        let message = "--show needs a folder made by `sn3 data prepare`, which has its tokenizer";
        return Err(CliError::new(Exit::Usage, message));
    }
    let bin = args.bin.map(|width| match width {
        TokenWidth::U16 => TokenType::U16,
        TokenWidth::U32 => TokenType::U32,
    });
    let options = ShardOptions { seq_len: args.seq_len as usize, vocab: args.vocab, bin };
    let shards = Shards::open(paths, options).map_err(|error| unusable(&error))?;
    if args.verify {
        verify("shards", &shards, output)?;
    }
    let (samples, identity) = (shards.count(), shards.identity());
    let tokens = samples * u64::from(args.seq_len);
    output.result(format_args!(
        "{} shards: {samples} samples of {} tokens, {} tokens{}",
        paths.len(),
        args.seq_len,
        million(tokens),
        if args.verify { ", all sound" } else { "" }
    ));
    output.result(format_args!("identity {identity}"));
    #[derive(Serialize)]
    struct Event<'a> {
        shards: &'a [PathBuf],
        samples: u64,
        tokens: u64,
        identity: Digest,
        verified: bool,
    }
    output.event("shards", &Event { shards: paths, samples, tokens, identity, verified: args.verify });
    Ok(())
}

fn verify(name: &str, shards: &Shards, output: &Output) -> Result<(), CliError> {
    let bar = output.bar(name, shards.count());
    let most = AtomicU64::new(0);
    let end = shards.verify(&|done| bar.set_position(most.fetch_max(done, Ordering::Relaxed).max(done)));
    bar.finish_and_clear();
    end.map_err(|error| unusable(&error))?;
    output.story(format_args!("{name}: {} samples read, every token and id is sound", shards.count()));
    Ok(())
}

fn unusable(error: &ShardError) -> CliError {
    let exit = if matches!(error, ShardError::NoType { .. }) { Exit::Usage } else { Exit::Data };
    CliError::new(exit, chain_of_causes(error))
}
