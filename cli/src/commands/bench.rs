//! `sn3 bench …`: measurements that take long enough to be worth a command.

mod convergence;

use crate::args::training::BenchCommand;
use crate::exit::CliError;
use crate::output::Output;

/// Runs one of the benchmarks.
pub async fn run(command: BenchCommand, output: &Output) -> Result<(), CliError> {
    match command {
        BenchCommand::Convergence(args) => convergence::run(*args, output).await,
    }
}
