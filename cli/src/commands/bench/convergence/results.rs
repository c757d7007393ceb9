//! `results.json`: all runs so far, with what they ran with.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sn3_trainer::convergence::{Arm, ConvergenceOptions, ConvergenceReport, Run};

use crate::args::training::ConvergenceArgs;
use crate::exit::{CliError, Exit};
use crate::training::step::available_threads;
use crate::training::{Folder, Material};

pub(super) const RESULTS: &str = "results.json";
/// Held while [`RESULTS`] is read and written again.
const LOCK: &str = "results.lock";
/// Longest file that is read.
const BYTES_MAX: u64 = 256 << 20;
const VERSION: u32 = 1;

/// What runs must share to be compared, besides the options; all but `threads` and `program`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Digest of the samples.
    pub samples: String,
    /// How many there are to train on.
    pub train_samples: u64,
    /// Digest of the tokenizer.
    pub tokenizer: String,
    /// Implementation of the step.
    pub trainer: String,
    /// Where it ran.
    pub device: String,
    /// Threads of the last call; results do not depend on it, times do.
    pub threads: usize,
    /// Version of the program of the last call.
    pub program: String,
    /// Parameters of the model.
    pub parameters: u64,
}

impl Conditions {
    pub(super) fn new(args: &ConvergenceArgs, material: &Material, parameters: u64) -> Self {
        let train = material.train();
        Self {
            samples: train.identity().to_string(),
            train_samples: train.count(),
            tokenizer: material.tokenizer().digest().to_string(),
            trainer: format!("{:?}", args.step.trainer).to_lowercase(),
            device: format!("{:?}", args.step.device).to_lowercase(),
            threads: args.step.threads.map_or_else(available_threads, usize::from),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            parameters,
        }
    }

    /// The first thing that makes runs of both incomparable.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let pairs = [
            ("samples", &self.samples, &other.samples),
            ("tokenizer", &self.tokenizer, &other.tokenizer),
            ("trainer", &self.trainer, &other.trainer),
            ("device", &self.device, &other.device),
        ];
        pairs.into_iter().find(|(_, found, asked)| found != asked).map(|(name, ..)| name)
    }
}

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    v: u32,
    /// What the runs share.
    pub conditions: Conditions,
    /// The runs; its options name every arm and seed that was ever asked for.
    pub report: ConvergenceReport,
}

impl Results {
    /// The results in `path`, or none yet; they must be of the same comparison.
    pub(super) fn open(
        path: &Path,
        options: &ConvergenceOptions,
        conditions: Conditions,
    ) -> Result<Self, CliError> {
        let parameters = conditions.parameters;
        let fresh = ConvergenceReport { options: options.clone(), parameters, runs: Vec::new() };
        if !path.exists() {
            return Ok(Self { v: VERSION, conditions, report: fresh });
        }
        let mut found = Self::read(path)?;
        let differs = found
            .conditions
            .difference(&conditions)
            .map(str::to_owned)
            .or_else(|| option_that_differs(&found.report.options, options));
        if let Some(what) = differs {
            let message = format!(
                "{} holds a comparison with another {what}; choose another --out, or repeat its command",
                path.display()
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        found.conditions = conditions;
        extend(&mut found.report.options.arms, &options.arms);
        extend(&mut found.report.options.seeds, &options.seeds);
        Ok(found)
    }

    /// Adds a run to the file, beside what another process has put there meanwhile; one process at a time.
    pub(super) fn add(&mut self, folder: &mut Folder, run: Run) -> Result<(), CliError> {
        folder.make()?;
        let path = folder.path(LOCK);
        let failed = |error: std::io::Error| {
            CliError::new(Exit::State, format!("{} cannot be locked: {error}", path.display()))
        };
        let lock = std::fs::File::create(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        self.refresh(&folder.path(RESULTS))?;
        self.report.runs.push(run);
        folder.write(RESULTS, &self.json())
    }

    /// Takes over what another process has added.
    pub(super) fn refresh(&mut self, path: &Path) -> Result<(), CliError> {
        *self = Self::open(path, &self.report.options, self.conditions.clone())?;
        Ok(())
    }

    fn read(path: &Path) -> Result<Self, CliError> {
        let damaged = |reason: &dyn std::fmt::Display| {
            let path = path.display();
            let message =
                format!("{path} is damaged ({reason}); delete it to begin anew, or choose another --out");
            CliError::new(Exit::State, message)
        };
        let length = std::fs::metadata(path).map_err(|error| damaged(&error))?.len();
        if length > BYTES_MAX {
            return Err(damaged(&format!("{length} bytes, more than {BYTES_MAX}")));
        }
        let bytes = std::fs::read(path).map_err(|error| damaged(&error))?;
        let results: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        match results.v {
            VERSION => Ok(results),
            other => Err(damaged(&format!("version {other}, not {VERSION}"))),
        }
    }

    pub(super) fn has(&self, arm: Arm, seed: u64) -> bool {
        self.report.runs.iter().any(|run| (run.arm, run.seed) == (arm, seed))
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("plain values become JSON")
    }
}

fn extend<T: Copy + PartialEq>(known: &mut Vec<T>, asked: &[T]) {
    for item in asked {
        if !known.contains(item) {
            known.push(*item);
        }
    }
}

/// The name of the first option that differs, but for arms and seeds, of which there may be more each time.
fn option_that_differs(found: &ConvergenceOptions, asked: &ConvergenceOptions) -> Option<String> {
    let fields = |options: &ConvergenceOptions| match serde_json::to_value(options) {
        Ok(Value::Object(mut fields)) => {
            fields.remove("arms");
            fields.remove("seeds");
            fields
        }
        _ => serde_json::Map::new(),
    };
    let (found, asked) = (fields(found), fields(asked));
    asked.iter().find(|(name, value)| found.get(*name) != Some(value)).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use sn3_protocol::model::ModelConfig;

    use super::*;

    fn options() -> ConvergenceOptions {
        ConvergenceOptions::new(ModelConfig::preset("nano", None).unwrap(), 1_000_000)
    }

    fn conditions() -> Conditions {
        Conditions {
            samples: "a".into(),
            train_samples: 1,
            tokenizer: "b".into(),
            trainer: "static".into(),
            device: "cpu".into(),
            threads: 1,
            program: "0".into(),
            parameters: 1,
        }
    }

    #[test]
    fn more_arms_and_seeds_join_and_other_numbers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(&dir.path().join("made with the first run")).unwrap();
        let path = folder.path(RESULTS);
        let few = ConvergenceOptions { seeds: vec![1], ..options() };
        let arm = few.arms[0];
        let run = |seed| Run { arm, seed, points: Vec::new(), diverged: None };
        let mut results = Results::open(&path, &few, conditions()).unwrap();
        results.add(&mut folder, run(1)).unwrap();
        let mut joined = Results::open(&path, &options(), conditions()).unwrap();
        assert_eq!(joined.report.options.seeds, [1, 2, 3]);
        assert!(joined.has(arm, 1) && !joined.has(arm, 2));
        // Two processes that began with the same file lose none of each other's runs.
        joined.add(&mut folder, run(2)).unwrap();
        results.add(&mut folder, run(3)).unwrap();
        assert!((1..=3).all(|seed| results.has(arm, seed)));
        let other = ConvergenceOptions { peak_lr: 1.0, ..options() };
        let error = Results::open(&path, &other, conditions()).unwrap_err();
        assert!(error.exit == Exit::Usage && error.message.contains("another peak_lr"), "{error}");
        let elsewhere = Conditions { device: "cuda".into(), threads: 9, ..conditions() };
        assert!(Results::open(&path, &options(), elsewhere).unwrap_err().message.contains("another device"));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Results::open(&path, &options(), conditions()).unwrap_err().exit, Exit::State);
    }
}
