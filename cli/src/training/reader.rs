//! A model that is only read, with its tokenizer.

use std::path::Path;

use sn3_protocol::model::ModelConfig;
use sn3_trainer::fast::Decoder;
use sn3_trainer::infer::Infer;
use sn3_trainer::tokenizer::Tokenizer;

use super::import;
use super::step::{available_threads, check_device};
use crate::args::training::Device;
use crate::exit::{CliError, Exit, OrExit};

/// Opens a Hugging Face folder, with another tokenizer where one is named.
pub fn open(
    model: &Path,
    tokenizer: Option<&Path>,
    device: Device,
    threads: Option<u16>,
) -> Result<(Box<dyn Infer>, Tokenizer), CliError> {
    check_device(device)?;
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
    let model = match device {
        Device::Cpu => on_cpu(&imported.config, imported.state, threads),
        Device::Cuda => on_gpu(&imported.config, &imported.state),
    }?;
    Ok((model, tokenizer))
}

fn on_cpu(config: &ModelConfig, state: Vec<f32>, threads: Option<u16>) -> Result<Box<dyn Infer>, CliError> {
    let threads = threads.map_or_else(available_threads, usize::from);
    Ok(Box::new(Decoder::new(config, state, threads).or_exit(Exit::State)?))
}

#[cfg(feature = "cuda")]
fn on_gpu(config: &ModelConfig, state: &[f32]) -> Result<Box<dyn Infer>, CliError> {
    use sn3_trainer::cuda::{CudaModel, CudaModelError, CudaOptions};
    let model = CudaModel::new(config, state, &CudaOptions::default());
    let exit = |error: &CudaModelError| match error {
        CudaModelError::State(_) => Exit::State,
        _ => Exit::Usage,
    };
    Ok(Box::new(model.map_err(|error| CliError::new(exit(&error), error))?))
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: &ModelConfig, _: &[f32]) -> Result<Box<dyn Infer>, CliError> {
    let problem = sn3_trainer::cuda::probe().problem.unwrap_or_default();
    Err(CliError::new(Exit::Usage, format!("no usable GPU: {problem}")))
}
