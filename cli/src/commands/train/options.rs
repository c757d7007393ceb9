//! From the arguments to the numbers of a training.

use sn3_protocol::run::AdamConfig;
use sn3_protocol::schedule::{FlatSpan, InnerSchedule};
use sn3_trainer::session::TrainOptions;

use crate::args::training::{ScheduleArgs, ScheduleKind, TrainArgs};
use crate::exit::{CliError, Exit};

/// Longest warm-up unless another is named: that of the 72B run (training protocol, section 1.2).
const WARMUP_MAX: u64 = 1_500;
const WARMUP_MAX_ANNEAL: u64 = 100;

/// The numbers, checked as far as that is possible without data.
pub fn options(args: &TrainArgs) -> Result<TrainOptions, CliError> {
    let small = matches!(args.model.as_str(), "nano" | "micro");
    let options = TrainOptions {
        steps: args.steps,
        batch_samples: args.batch.unwrap_or(if small { 8 } else { 192 }),
        schedule: schedule(&args.schedule, &args.model, args.steps),
        adam: AdamConfig { weight_decay: args.weight_decay, clip_norm: args.clip, ..AdamConfig::default() },
        seed: args.seed,
        checkpoint_every: args.checkpoint_every,
        keep: usize::from(args.keep),
        evaluate_every: args.evaluate_every,
        evaluate_samples: args.evaluate_samples,
    };
    let adam = &options.adam;
    let sound = |value: f32, above: bool| value.is_finite() && value >= 0.0 && (!above || value > 0.0);
    let wrong = |message: String| Err(CliError::new(Exit::Usage, message));
    if !sound(adam.weight_decay, false) {
        return wrong(format!("--weight-decay is {}; use a number of at least 0", adam.weight_decay));
    }
    if !sound(adam.clip_norm, true) {
        return wrong(format!("--clip is {}; use a number above 0", adam.clip_norm));
    }
    match options.schedule.fault() {
        Some(field) => {
            wrong(format!("the learning rate's {field} is out of range; see --lr, --floor, --decay"))
        }
        None => Ok(options),
    }
}

fn schedule(args: &ScheduleArgs, model: &str, steps: u64) -> InnerSchedule {
    let base_lr = args.lr.unwrap_or(match model {
        "nano" => 4e-3,
        "micro" => 2e-3,
        _ => 1.2e-4,
    });
    let warmup_max = if args.schedule == ScheduleKind::Main { WARMUP_MAX } else { WARMUP_MAX_ANNEAL };
    let warmup_steps = args.warmup.unwrap_or((steps / 20).min(warmup_max));
    let flat = match args.flat.as_slice() {
        &[start_step, steps] => Some(FlatSpan { start_step, steps }),
        _ => None,
    };
    let still = flat.map_or(0, |span| span.steps);
    let rest = args.decay.unwrap_or(steps.saturating_sub(warmup_steps).saturating_sub(still).max(1));
    match args.schedule {
        ScheduleKind::Main => InnerSchedule::Main {
            peak_lr: base_lr,
            warmup_steps,
            cosine_steps: rest,
            floor_factor: args.floor.unwrap_or(0.1),
            flat,
        },
        ScheduleKind::Anneal => InnerSchedule::Anneal {
            base_lr,
            warmup_steps,
            decay_steps: rest,
            peak_factor: args.anneal_peak,
            floor_factor: args.floor.unwrap_or(0.0),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn parsed(line: &str) -> Result<TrainOptions, CliError> {
        let words = ["sn3", "train"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Train(args) => options(&args),
            other => panic!("{other:?}"),
        }
    }

    /// By hand: of 1,000 steps 50 are warm-up, so the cosine has 950 and ends at a tenth of 4e-3.
    #[test]
    fn the_default_ends_at_a_tenth_of_the_presets_rate() {
        let options = parsed("").unwrap();
        assert_eq!(options.schedule.lr(50), 4e-3);
        assert!((options.schedule.lr(1_000) - 4e-4).abs() < 1e-12);
        let flat = parsed("--flat 100 200").unwrap();
        assert_eq!(flat.schedule.lr(100), flat.schedule.lr(300));
        assert!((flat.schedule.lr(1_000) - 4e-4).abs() < 1e-12);
    }

    #[test]
    fn annealing_goes_from_a_quarter_to_nothing() {
        let options = parsed("--schedule anneal --lr 0.1 --warmup 10 --decay 20").unwrap();
        assert!((options.schedule.lr(10) - 0.025).abs() < 1e-12);
        assert_eq!(options.schedule.lr(30), 0.0);
    }

    #[test]
    fn numbers_without_meaning_are_named() {
        for (line, name) in [
            ("--lr nan", "peak_lr"),
            ("--floor 2", "floor"),
            ("--clip 0", "--clip"),
            ("--weight-decay inf", "--weight-decay"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.exit == Exit::Usage && error.message.contains(name), "{line}: {error}");
        }
    }
}
