//! `sn3 data …`: from text to token shards, and a look at them.

mod info;
mod prepare;

use crate::args::training::DataCommand;
use crate::exit::CliError;
use crate::output::Output;

/// Runs one of the commands.
pub async fn run(command: DataCommand, output: &Output) -> Result<(), CliError> {
    match command {
        DataCommand::Prepare(args) => prepare::run(args, output).await,
        DataCommand::Info(args) => info::run(args, output).await,
    }
}
