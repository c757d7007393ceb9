//! `sn3 devnet`: a development chain until Ctrl-C, and the controls of one that runs.

mod control;
mod start;

pub use start::{read_scaffold, write_manifest};

use crate::args::devnet::DevnetArgs;
use crate::exit::CliError;
use crate::output::Output;

/// Starts a chain, or tells a running one what to do.
pub async fn run(args: &DevnetArgs, output: &Output) -> Result<(), CliError> {
    match &args.command {
        None => start::run(&args.start, output).await,
        Some(command) => control::run(command, output).await,
    }
}
