//! The binary `sn3` as a library, so that whole-system tests can call what a user calls.
//!
//! It turns arguments into configurations, drives the nodes, shows what they do, and maps every error
//! to one line and a stable exit code. It holds no protocol logic.
//!
//! ```text
//!  args ──► commands ──► nodes (miner, validator) ──► events ──► output (bars, lines, JSON)
//!                   └──► localnet: devnet + lockstep + nodes ──► report.html, checkpoint, run.json
//! ```

pub mod args;
pub mod commands;
pub mod compose;
pub mod exit;
pub mod folder;
pub mod localnet;
pub mod node;
pub mod output;
pub mod scaffold;
pub mod signals;
pub mod story;
pub mod text;
pub mod training;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command, MinerCommand, ValidatorCommand};
use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = init_log(&cli.log) {
        output::print_error(&error.message);
        return error.exit.into();
    }
    end_on_panic();
    let output = Output::new(cli.json);
    let result = runtime().and_then(|runtime| runtime.block_on(dispatch(cli.command, &output)));
    output.clear();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error.message);
            error.exit.into()
        }
    }
}

async fn dispatch(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Localnet(args) => localnet::command(args, output).await,
        Command::Devnet(args) => commands::devnet::run(&args, output).await,
        Command::Scaffold(args) => commands::scaffold::run(&args, output).await,
        Command::Miner { command: MinerCommand::Run(args) } => commands::miner::run(args, output).await,
        Command::Validator { command: ValidatorCommand::Run(args) } => {
            commands::validator::run(args, output).await
        }
        Command::Emission { command } => commands::emission::run(command, output).await,
        Command::Train(args) => commands::train::run(*args, output).await,
        Command::Eval(args) => commands::eval::run(args, output).await,
        Command::Generate(args) => commands::generate::run(args, output).await,
        Command::Plan(args) => commands::plan::run(&args, output),
        Command::Data { command } => commands::data::run(command, output).await,
        Command::Bench { command } => commands::bench::run(command, output).await,
        Command::Explain(args) => commands::explain::run(&args, output),
        Command::Wallet { command } => commands::wallet::run(command, output).await,
        Command::Register(args) => commands::register::run(&args, output).await,
        Command::Transfer(args) => commands::transfer::run(&args, output).await,
        Command::Tx { command } => commands::tx::run(command, output).await,
        Command::Stake { command } => commands::stake::run(command, output).await,
        Command::Metagraph(args) => commands::metagraph::run(&args, output).await,
        Command::Subnet(args) => commands::subnet::run(&args, output).await,
        Command::Weights { command } => commands::weights::run(command, output).await,
        Command::Doctor(args) => commands::doctor::run(&args, output).await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failure, format!("cannot start the async runtime: {error}")))
}

fn init_log(level: &str) -> Result<(), CliError> {
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|error| CliError::new(Exit::Usage, format!("--log {level:?} is no log level: {error}")))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    Ok(())
}

/// A panic in any task ends the process: a node that lost one of its tasks must not look alive.
///
/// Threads named `devnet…` are left out: the development chain catches panics of the runtime's native
/// code and answers them as errors, as a real node's sandbox would.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with("devnet")) {
            return;
        }
        report(info);
        std::process::exit(i32::from(Exit::Failure as u8));
    }));
}
