//! `sn3 emission …`: the economics, simulated. One file a command.

mod attacks;
mod cases;
mod consensus;
mod diff;
mod new;
mod results;
mod rules;
mod run;
mod snapshot;
mod study;
mod sweep;

pub use snapshot::take as take_snapshot;

use crate::args::emission::EmissionCommand;
use crate::exit::CliError;
use crate::output::Output;

/// Runs one of the commands.
pub async fn run(command: EmissionCommand, output: &Output) -> Result<(), CliError> {
    match command {
        EmissionCommand::New(args) => new::run(&args, output),
        EmissionCommand::Run(args) => run::run(args, output).await,
        EmissionCommand::Cases(args) => cases::run(args, output).await,
        EmissionCommand::Consensus(args) => consensus::run(args, output).await,
        EmissionCommand::Snapshot(args) => snapshot::run(&args, output).await,
        EmissionCommand::Rules(args) => rules::run(&args, output),
        EmissionCommand::Sweep(args) => sweep::run(args, output).await,
        EmissionCommand::Diff(args) => diff::run(args, output).await,
        EmissionCommand::Attacks(args) => attacks::run(args, output).await,
    }
}
