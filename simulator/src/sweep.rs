//! Many runs of one scenario: a grid over parameters, and several seeds at every point.
//!
//! ```text
//!  scenario × (axis a: 3 values) × (axis b: 4 values) × 50 seeds = 600 runs, in parallel
//!          ──▶ per point and metric: mean, median, 5th and 95th percentile, least, greatest
//! ```
//!
//! Run `r` of every point has the seed `scenario.seed + r`: points differ by their parameters alone. Results are in
//! the order of the grid, whatever the order in which runs end, and equal on any number of threads.

mod axis;
mod bands;
mod metrics;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;
use sn3_protocol::Digest;

pub use axis::{AXIS_VALUES_MAX, Axis, AxisError};
pub use bands::Bands;
pub use metrics::{Metric, metrics};

use crate::output::{Cell, Column, ColumnKind, OutputError, Table, TableFormat, write_folder};
use crate::run::{Control, RunEnd, Simulation};
use crate::scenario::{Scenario, ScenarioError};
use crate::world::BuildError;

/// Most runs of a sweep.
pub const RUNS_MAX: u64 = 1_000_000;
/// Most numbers that a sweep keeps: runs times metrics.
pub const NUMBERS_MAX: u64 = 200_000_000;

/// What a sweep varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Parameters; every combination is a point. Without any, there is one point.
    pub axes: Vec<Axis>,
    /// Seeds per point.
    pub seeds: u32,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepProgress {
    /// Runs done.
    pub done: u64,
    /// Runs in all.
    pub runs: u64,
}

/// Why a sweep gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A parameter that cannot be varied.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// No seeds.
    #[error("a sweep over 0 seeds has no runs; use at least 1")]
    NoSeeds,
    /// Too many runs, or too many numbers.
    #[error(
        "the sweep has {runs} runs of {metrics} metrics; at most {RUNS_MAX} runs and {NUMBERS_MAX} numbers are possible; use fewer points, seeds or groups"
    )]
    TooLarge {
        /// Runs.
        runs: u64,
        /// Metrics per run.
        metrics: u64,
    },
    /// A point's scenario is wrong.
    #[error("point {point}: {source}")]
    Scenario {
        /// The point's values.
        point: String,
        /// Why.
        source: ScenarioError,
    },
    /// A point's world cannot be built.
    #[error("point {point}: {source}")]
    Build {
        /// The point's values.
        point: String,
        /// Why.
        source: BuildError,
    },
    /// The caller asked to stop.
    #[error("the sweep was stopped; nothing of it was kept")]
    Stopped,
}

/// One point of the grid with its results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The parameters' values as text, in the axes' order.
    pub values: Vec<String>,
    /// Per metric, in the order of [`SweepResult::metrics`].
    pub bands: Vec<Bands>,
    /// Digests of the runs by seed.
    pub digests: Vec<Digest>,
}

/// All points of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepResult {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's digest.
    pub scenario_digest: Digest,
    /// Paths of the varied parameters.
    pub paths: Vec<String>,
    /// First seed.
    pub seed: u64,
    /// Seeds per point.
    pub seeds: u32,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// The points; the last axis varies fastest.
    pub points: Vec<Point>,
    /// BLAKE2b-256 over the digests of all runs in order.
    pub digest: Digest,
}

struct RunResult {
    digest: Digest,
    metrics: Vec<Metric>,
}

impl Sweep {
    /// Runs everything. The callback is asked after every run, from any thread; after [`Control::Pause`] the sweep
    /// stops.
    ///
    /// # Errors
    /// See [`SweepError`]; the first wrong point counts.
    pub fn run(
        &self,
        scenario: &Scenario,
        progress: &(dyn Fn(SweepProgress) -> Control + Sync),
    ) -> Result<SweepResult, SweepError> {
        let points = self.points(scenario)?;
        let runs = points.len() as u64 * u64::from(self.seeds);
        let done = AtomicU64::new(0);
        let stopped = std::sync::atomic::AtomicBool::new(false);
        let one = |job: u64| {
            if stopped.load(Ordering::Relaxed) {
                return Err(SweepError::Stopped);
            }
            let (values, point) = &points[(job / u64::from(self.seeds)) as usize];
            let result = run_one(point, scenario.seed.wrapping_add(job % u64::from(self.seeds)), values)?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if progress(SweepProgress { done, runs }) == Control::Pause && done < runs {
                stopped.store(true, Ordering::Relaxed);
            }
            Ok(result)
        };
        let results: Vec<RunResult> = (0..runs).into_par_iter().map(one).collect::<Result<_, _>>()?;
        Ok(self.result(scenario, &points, results))
    }

    /// The scenario of every point, checked, with its values.
    fn points(&self, scenario: &Scenario) -> Result<Vec<(Vec<String>, Scenario)>, SweepError> {
        if self.seeds == 0 {
            return Err(SweepError::NoSeeds);
        }
        let points = self.axes.iter().try_fold(1_u64, |all, axis| all.checked_mul(axis.values.len() as u64));
        let runs = points.and_then(|points| points.checked_mul(self.seeds.into())).unwrap_or(u64::MAX);
        let numbers = metrics::count(scenario);
        if runs > RUNS_MAX || runs.saturating_mul(numbers) > NUMBERS_MAX {
            return Err(SweepError::TooLarge { runs, metrics: numbers });
        }
        let base = serde_json::to_value(scenario).expect("a scenario has only text keys");
        (0..points.unwrap_or(0)).map(|at| self.point(&base, at)).collect()
    }

    fn point(&self, base: &serde_json::Value, at: u64) -> Result<(Vec<String>, Scenario), SweepError> {
        let (mut value, mut rest, mut values) = (base.clone(), at, Vec::new());
        for axis in self.axes.iter().rev() {
            let n = axis.values.len() as u64;
            let chosen = &axis.values[(rest % n) as usize];
            axis.set(&mut value, chosen)?;
            values.insert(0, chosen.clone());
            rest /= n;
        }
        let scenario = Scenario::from_value(value)
            .map_err(|source| SweepError::Scenario { point: self.label(&values), source })?;
        Ok((values, scenario))
    }

    fn label(&self, values: &[String]) -> String {
        let pairs = self.axes.iter().zip(values).map(|(axis, value)| format!("{}={value}", axis.path));
        pairs.collect::<Vec<_>>().join(", ")
    }

    fn result(
        &self,
        scenario: &Scenario,
        points: &[(Vec<String>, Scenario)],
        results: Vec<RunResult>,
    ) -> SweepResult {
        let names = results.first().map(|run| run.metrics.iter().map(|m| m.name.clone()).collect());
        let names: Vec<String> = names.unwrap_or_default();
        let mut digests = sn3_protocol::Hasher::new();
        results.iter().for_each(|run| digests.update(&run.digest.0));
        let chunks = results.chunks(self.seeds as usize);
        let points = points.iter().zip(chunks).map(|((values, _), runs)| Point {
            values: values.clone(),
            bands: names.iter().map(|name| Bands::of(&column(runs, name))).collect(),
            digests: runs.iter().map(|run| run.digest).collect(),
        });
        SweepResult {
            scenario: scenario.name.clone(),
            scenario_digest: scenario.digest(),
            paths: self.axes.iter().map(|axis| axis.path.clone()).collect(),
            seed: scenario.seed,
            seeds: self.seeds,
            points: points.collect(),
            metrics: names,
            digest: digests.finish(),
        }
    }
}

/// One metric of several runs; points that lack it (a group that another point has not) count as nothing.
fn column(runs: &[RunResult], name: &str) -> Vec<f64> {
    runs.iter().filter_map(|run| run.metrics.iter().find(|m| m.name == name)).map(|m| m.value).collect()
}

fn run_one(scenario: &Scenario, seed: u64, values: &[String]) -> Result<RunResult, SweepError> {
    let scenario = Scenario { seed, ..scenario.clone() };
    let build = |source| SweepError::Build { point: values.join(", "), source };
    let mut simulation = Simulation::new(&scenario).map_err(build)?;
    let end = simulation.run(&mut |_| Control::Continue);
    debug_assert_eq!(end, RunEnd::Finished);
    Ok(RunResult { digest: simulation.digest(), metrics: metrics(&simulation.summary()) })
}

impl SweepResult {
    /// The bands of one metric at every point.
    pub fn of_metric(&self, name: &str) -> Option<impl Iterator<Item = (&Point, &Bands)>> {
        let at = self.metrics.iter().position(|metric| metric == name)?;
        Some(self.points.iter().map(move |point| (point, &point.bands[at])))
    }

    /// One row per point and metric.
    #[must_use]
    pub fn table(&self) -> Table<'_> {
        let mut columns: Vec<Column> =
            self.paths.iter().map(|path| Column::new(path.clone(), ColumnKind::Text)).collect();
        columns.push(Column::new("metric", ColumnKind::Text));
        columns.push(Column::new("runs", ColumnKind::Unsigned));
        columns.extend(Bands::NAMES.iter().map(|name| Column::new(*name, ColumnKind::Float)));
        let per_point = self.metrics.len().max(1);
        let rows = self.points.len() * self.metrics.len();
        Table::new("sweep", columns, rows, move |at, cells| {
            let (point, metric) = (&self.points[at / per_point], at % per_point);
            let bands = &point.bands[metric];
            cells.extend(point.values.iter().map(|value| Cell::Text(value)));
            cells.push(Cell::Text(&self.metrics[metric]));
            cells.push(Cell::Int(i128::from(bands.runs)));
            cells.extend(bands.values().map(Cell::Float));
        })
    }

    /// Writes the table and `sweep-summary.json` into a folder, whole or not at all.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn write(&self, folder: &Path, formats: &[TableFormat]) -> Result<Vec<PathBuf>, OutputError> {
        let text = serde_json::to_string(self).expect("a sweep's result has only text keys");
        write_folder(folder, &[self.table()], formats, &[("sweep-summary.json", text)])
    }
}
