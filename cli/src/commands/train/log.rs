//! `log.jsonl`: a line for each step and each evaluation, which survives interruptions.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_simulator::output::write_atomic;

use crate::exit::{CliError, Exit};

/// Steps over which the latest loss is averaged.
const RECENT_STEPS: usize = 20;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number, counted from 1.
    pub step: u64,
    /// Mean loss of its labels before the update, in nats.
    pub loss: f32,
    /// Its learning rate.
    pub lr: f32,
    /// Norm of its gradient before clipping.
    pub grad_norm: f32,
    /// Tokens a second.
    pub tokens_s: f64,
}

/// What an evaluation found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Evaluated {
    step: u64,
    heldout_loss: f32,
}

/// The log, in memory and in its file. The file is opened with the first line, so that a training that fails
/// before changes nothing.
pub struct Log {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    steps: Vec<Step>,
    heldout: Vec<(u64, f32)>,
    /// When the first step of this call was seen, and how many followed.
    clock: Option<(std::time::Instant, u64)>,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, steps: Vec::new(), heldout: Vec::new(), clock: None }
    }

    /// Takes the lines of an earlier call up to `step`; those after it are of steps that will be done again.
    pub fn resume(&mut self, step: u64) -> Result<(), CliError> {
        let Ok(file) = File::open(&self.path) else { return Ok(()) };
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            if let Ok(entry) = serde_json::from_str::<Step>(&line) {
                self.steps.push(entry);
            } else if let Ok(entry) = serde_json::from_str::<Evaluated>(&line) {
                self.heldout.push((entry.step, entry.heldout_loss));
            }
        }
        self.steps.retain(|entry| entry.step <= step);
        self.heldout.retain(|(at, _)| *at <= step);
        Ok(())
    }

    pub fn stepped(&mut self, entry: Step) -> Result<(), CliError> {
        let clock = self.clock.get_or_insert_with(|| (std::time::Instant::now(), 0));
        clock.1 += 1;
        self.write(&entry)?;
        self.steps.push(entry);
        Ok(())
    }

    pub fn evaluated(&mut self, step: u64, loss: f32) -> Result<(), CliError> {
        self.write(&Evaluated { step, heldout_loss: loss })?;
        self.heldout.push((step, loss));
        self.flush()
    }

    /// Puts everything so far on disk.
    pub fn flush(&mut self) -> Result<(), CliError> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| self.failed(&error))
    }

    fn write(&mut self, entry: &impl Serialize) -> Result<(), CliError> {
        let mut line = serde_json::to_vec(entry).expect("plain numbers become JSON");
        line.push(b'\n');
        if self.file.is_none() {
            self.file = Some(self.begin()?);
        }
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(&line));
        written.map_err(|error| self.failed(&error))
    }

    /// The file with the lines that were kept, and nothing else.
    fn begin(&self) -> Result<BufWriter<File>, CliError> {
        let mut kept: Vec<(u64, Vec<u8>)> = Vec::new();
        let json = |entry: serde_json::Result<Vec<u8>>| entry.expect("plain numbers become JSON");
        kept.extend(self.steps.iter().map(|entry| (entry.step, json(serde_json::to_vec(entry)))));
        let evaluated = self.heldout.iter().map(|&(step, heldout_loss)| Evaluated { step, heldout_loss });
        kept.extend(evaluated.map(|entry| (entry.step, json(serde_json::to_vec(&entry)))));
        kept.sort_by_key(|(step, _)| *step);
        let text: Vec<u8> = kept
            .into_iter()
            .flat_map(|(_, mut line)| {
                line.push(b'\n');
                line
            })
            .collect();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| self.failed(&error))?;
        write_atomic(&self.path, &text).map_err(|error| self.failed(&error))?;
        let file = OpenOptions::new().append(true).open(&self.path);
        file.map(BufWriter::new).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> CliError {
        let path = self.path.display();
        CliError::new(Exit::Data, format!("cannot write {path}: {error}; free space or mend its permissions"))
    }

    /// Every step, those before an interruption included.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Step and loss of every evaluation.
    pub fn heldout(&self) -> &[(u64, f32)] {
        &self.heldout
    }

    /// Mean loss of the last steps.
    pub fn recent_loss(&self) -> Option<f64> {
        let last = &self.steps[self.steps.len().saturating_sub(RECENT_STEPS)..];
        let sum: f64 = last.iter().map(|entry| f64::from(entry.loss)).sum();
        (!last.is_empty()).then(|| sum / last.len() as f64)
    }

    /// Seconds of a step of this call, evaluations and saving included.
    pub fn seconds_per_step(&self) -> f64 {
        self.clock.map_or(0.0, |(begin, count)| begin.elapsed().as_secs_f64() / (count.max(2) - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: u64) -> Step {
        Step { step, loss: 1.0 / step as f32, lr: 1e-3, grad_norm: 0.5, tokens_s: 100.0 }
    }

    #[test]
    fn steps_after_the_checkpoint_are_forgotten_and_a_torn_line_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let mut log = Log::new(path.clone());
        for step in 1..=6 {
            log.stepped(entry(step)).unwrap();
            if step % 3 == 0 {
                log.evaluated(step, 2.0).unwrap();
            }
        }
        log.flush().unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"step\":7,\"lo");
        std::fs::write(&path, text).unwrap();
        let mut again = Log::new(path.clone());
        again.resume(4).unwrap();
        again.stepped(entry(5)).unwrap();
        again.flush().unwrap();
        let mut read = Log::new(path);
        read.resume(100).unwrap();
        assert_eq!(read.steps(), (1..=5).map(entry).collect::<Vec<_>>());
        assert_eq!(read.heldout(), [(3, 2.0)]);
    }
}
