//! Golden vector files against this crate. Shared by the example and the crate's tests.

mod coinbase;
mod epoch;
mod json;
mod math;
mod swap;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

/// Mismatches that are kept per file; the rest is only counted.
const MISMATCHES_PER_FILE: usize = 12;

/// What was compared, by kind, and what differed.
#[derive(Default)]
pub struct Report {
    files: BTreeMap<&'static str, Tally>,
    values: BTreeMap<String, Tally>,
    mismatches: Vec<String>,
}

#[derive(Default, Clone, Copy)]
struct Tally {
    good: u64,
    bad: u64,
}

impl Report {
    /// Whether at least one file was read and every value agreed.
    pub fn passed(&self) -> bool {
        !self.files.is_empty() && self.values.values().all(|t| t.bad == 0) && self.mismatches.is_empty()
    }

    fn absorb(&mut self, kind: &'static str, file: &Path, checker: Checker) {
        let tally = self.files.entry(kind).or_default();
        if checker.mismatches.is_empty() {
            tally.good += 1
        } else {
            tally.bad += 1
        }
        for (name, t) in checker.values {
            let sum = self.values.entry(format!("{kind}/{name}")).or_default();
            sum.good += t.good;
            sum.bad += t.bad;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.mismatches.extend(checker.mismatches.into_iter().map(|m| format!("{name}: {m}")));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.mismatches {
            writeln!(f, "MISMATCH {line}")?;
        }
        for (name, t) in &self.values {
            writeln!(f, "{name:<44} {:>9} ok {:>6} wrong", t.good, t.bad)?;
        }
        for (kind, t) in &self.files {
            writeln!(f, "{kind:<10} files {:>4} of {:>4} bit-exact", t.good, t.good + t.bad)?;
        }
        Ok(())
    }
}

/// Compares values within one file.
#[derive(Default)]
pub struct Checker {
    values: BTreeMap<&'static str, Tally>,
    mismatches: Vec<String>,
    context: String,
}

impl Checker {
    /// Says where the following comparisons are.
    fn at(&mut self, context: impl Into<String>) {
        self.context = context.into();
    }

    /// Counts one comparison; remembers the first mismatches.
    fn same<T: PartialEq + fmt::Debug>(&mut self, name: &'static str, ours: &T, theirs: &T) {
        let tally = self.values.entry(name).or_default();
        if ours == theirs {
            tally.good += 1;
            return;
        }
        tally.bad += 1;
        if self.mismatches.len() < MISMATCHES_PER_FILE {
            let (ours, theirs) = (shorten(ours), shorten(theirs));
            self.mismatches.push(format!("{} {name}: ours {ours}, vector {theirs}", self.context));
        }
    }
}

fn shorten(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    if text.len() <= 240 { text } else { format!("{}…", text.chars().take(240).collect::<String>()) }
}

/// Runs all vector files below `dir`, in the order of their paths.
pub fn run_folder(dir: &Path) -> io::Result<Report> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.sort();
    let mut report = Report::default();
    for file in files {
        run_file(&file, &mut report)?;
    }
    Ok(report)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.to_string_lossy().ends_with(".json.gz") {
            files.push(path);
        }
    }
    Ok(())
}

fn run_file(file: &Path, report: &mut Report) -> io::Result<()> {
    let value: Value = serde_json::from_reader(io::BufReader::new(GzDecoder::new(File::open(file)?)))?;
    let mut checker = Checker::default();
    let folder = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let kind = match folder.as_deref() {
        Some("coinbase") => "coinbase",
        Some("epoch") => "epoch",
        Some("scenario") => "scenario",
        Some("math") => "math",
        Some("swap") => "swap",
        _ => return Ok(()),
    };
    match kind {
        "coinbase" => coinbase::check(&value, &mut checker),
        "math" => math::check(&value, &mut checker),
        "swap" => swap::check(&value, &mut checker),
        _ => epoch::check(&value, &mut checker),
    }
    report.absorb(kind, file, checker);
    Ok(())
}

/// A named check of one part of a file.
pub type Run = (&'static str, fn(&serde_json::Value, &mut Checker));
