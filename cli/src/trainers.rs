//! The trainer that the arguments ask for.

use sn3_protocol::run::RunConfig;
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::reference::ReferenceTrainer;
use sn3_trainer::train::Train;

use crate::args::TrainerKind;
use crate::exit::{CliError, Exit, OrExit};

/// Threads that the machine offers.
#[must_use]
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A trainer for a run, with all parameters 0, whose end-of-text labels are masked.
///
/// # Errors
/// If the run's model cannot be built.
pub fn build(
    config: &RunConfig,
    kind: TrainerKind,
    threads: usize,
    eos: u32,
) -> Result<Box<dyn Train>, CliError> {
    let micro_batch = config.micro_batch as usize;
    match kind {
        TrainerKind::Static => {
            let trainer =
                StaticTrainer::new(&config.model, config.adam, micro_batch, threads).or_exit(Exit::Usage)?;
            Ok(Box::new(trainer.with_masked_label(Some(eos))))
        }
        TrainerKind::Reference => {
            let trainer = ReferenceTrainer::new(&config.model, config.adam, micro_batch)
                .map_err(|error| CliError::new(Exit::Usage, error))?;
            Ok(Box::new(trainer.with_masked_label(Some(eos))))
        }
    }
}
