//! The trainer that the arguments ask for.

use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::{AdamConfig, RunConfig};
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::reference::ReferenceTrainer;
use sn3_trainer::train::Train;

use crate::args::TrainerKind;
use crate::args::training::{Device, StepArgs};
use crate::exit::{CliError, Exit, OrExit};

/// Tokens of one pass unless the arguments say otherwise.
const PASS_TOKENS_CPU: u32 = 2_048;
const PASS_TOKENS_CUDA: u32 = 32_768;
/// Bytes for each parameter on the CPU: weight, gradient and two moments, all f32.
const STATE_BYTES: u64 = 16;

/// A trainer with all parameters 0, for batches of `batch` samples of `seq_len` tokens; labels equal to `eos` are
/// masked.
pub fn build(
    config: &ModelConfig,
    adam: AdamConfig,
    args: &StepArgs,
    (batch, seq_len): (u32, u32),
    eos: u32,
) -> Result<Box<dyn Train>, CliError> {
    let micro_batch = micro_batch(args, batch, seq_len);
    match (args.device, args.trainer) {
        (Device::Cpu, TrainerKind::Static) => {
            let threads = args.threads.map_or_else(available_threads, usize::from);
            let trainer = StaticTrainer::new(config, adam, micro_batch, threads).or_exit(Exit::Usage)?;
            Ok(Box::new(trainer.with_masked_label(Some(eos))))
        }
        (Device::Cpu, TrainerKind::Reference) => {
            let trainer = ReferenceTrainer::new(config, adam, micro_batch)
                .map_err(|error| CliError::new(Exit::Usage, error))?;
            Ok(Box::new(trainer.with_masked_label(Some(eos))))
        }
        (Device::Cuda, TrainerKind::Static) => cuda(config, adam, micro_batch, eos),
        (Device::Cuda, TrainerKind::Reference) => cuda_reference(config, adam, micro_batch, eos),
    }
}

/// A trainer for a run, with all parameters 0, whose end-of-text labels are masked. On the CPU the run's own
/// micro-batch is used, on a GPU one that fills it; they differ by rounding.
pub fn for_run(config: &RunConfig, args: &StepArgs, eos: u32) -> Result<Box<dyn Train>, CliError> {
    let own = Some(config.micro_batch).filter(|_| args.device == Device::Cpu);
    let args = StepArgs { micro_batch: args.micro_batch.or(own), ..args.clone() };
    build(&config.model, config.adam, &args, (config.batch_samples, config.model.context), eos)
}

/// Threads that the machine offers.
#[must_use]
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Fails where the arguments ask for a GPU that cannot be used, before any text is prepared.
pub fn check_device(device: Device) -> Result<(), CliError> {
    if device == Device::Cpu {
        return Ok(());
    }
    match sn3_trainer::cuda::probe().problem {
        None => Ok(()),
        Some(problem) => {
            let message = format!(
                "no usable GPU: {problem}; `sn3 doctor` lists what was found, --device cpu needs none"
            );
            Err(CliError::new(Exit::Usage, message))
        }
    }
}

/// Fails where the state of a model cannot be in this machine's memory, before any text is prepared.
pub fn check_memory(config: &ModelConfig, args: &StepArgs) -> Result<(), CliError> {
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_bytes(&text));
    let needed = config.parameters().saturating_mul(STATE_BYTES);
    match free.filter(|&free| args.device == Device::Cpu && needed > free) {
        None => Ok(()),
        Some(free) => {
            let [needed, free] = [needed, free].map(|bytes| bytes as f64 / 1e9);
            let message = format!(
                "weights, gradients and moments of {} take {needed:.0} GB, this machine has {free:.0} GB free; train a smaller model, or see `sn3 plan` for a GPU",
                config.name
            );
            Err(CliError::new(Exit::Usage, message))
        }
    }
}

/// The line `MemAvailable` of Linux's `/proc/meminfo`; other systems have none.
fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn micro_batch(args: &StepArgs, batch: u32, seq_len: u32) -> usize {
    let tokens = if args.device == Device::Cuda { PASS_TOKENS_CUDA } else { PASS_TOKENS_CPU };
    let micro_batch = args.micro_batch.unwrap_or(tokens / seq_len.max(1));
    micro_batch.clamp(1, batch.max(1)) as usize
}

#[cfg(feature = "cuda")]
fn cuda(
    config: &ModelConfig,
    adam: AdamConfig,
    micro_batch: usize,
    eos: u32,
) -> Result<Box<dyn Train>, CliError> {
    use sn3_trainer::cuda::{CudaOptions, CudaTrainer};
    let options = CudaOptions::default();
    let trainer = CudaTrainer::new(config, adam, micro_batch, &options).or_exit(Exit::Usage)?;
    Ok(Box::new(trainer.with_masked_label(Some(eos))))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: &ModelConfig, _: AdamConfig, _: usize, _: u32) -> Result<Box<dyn Train>, CliError> {
    let problem = sn3_trainer::cuda::probe().problem.unwrap_or_default();
    Err(CliError::new(Exit::Usage, format!("no usable GPU: {problem}")))
}

#[cfg(feature = "candle-cuda")]
fn cuda_reference(
    config: &ModelConfig,
    adam: AdamConfig,
    micro_batch: usize,
    eos: u32,
) -> Result<Box<dyn Train>, CliError> {
    let trainer = ReferenceTrainer::on_gpu(config, adam, micro_batch).or_exit(Exit::Usage)?;
    Ok(Box::new(trainer.with_masked_label(Some(eos))))
}

#[cfg(not(feature = "candle-cuda"))]
fn cuda_reference(_: &ModelConfig, _: AdamConfig, _: usize, _: u32) -> Result<Box<dyn Train>, CliError> {
    let message = "the reference trainer runs on a GPU only in a program built with `--features candle-cuda`; leave out --device cuda or --trainer reference";
    Err(CliError::new(Exit::Usage, message))
}

#[cfg(test)]
mod tests {
    use super::available_bytes;

    #[test]
    fn free_memory_is_read_from_linuxs_table() {
        let text = "MemTotal:       24689832 kB\nMemAvailable:   18874368 kB\nBuffers: 1 kB\n";
        assert_eq!(available_bytes(text), Some(18 << 30));
        assert_eq!((available_bytes(""), available_bytes("MemAvailable: much")), (None, None));
    }
}
