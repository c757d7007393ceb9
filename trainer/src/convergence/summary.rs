//! What the runs say together.

use serde::Serialize;

use super::{Arm, ConvergenceReport, Method, Run};

/// An arm over all seeds, beside AdamW with the same tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The arm.
    pub arm: Arm,
    /// Runs that came to their end; the numbers below are theirs.
    pub seeds: u64,
    /// Runs that diverged.
    pub diverged: u64,
    /// Mean of the final losses; not a number where all runs diverged.
    pub loss: f64,
    /// Their sample standard deviation; 0 for one seed.
    pub deviation: f64,
    /// How much larger the loss is than that of the best AdamW among those with the most seeds, as a share: −0.01
    /// is one percent better.
    pub above_adamw: Option<f64>,
    /// Mean bytes that each peer sent.
    pub sent_bytes: f64,
    /// How many times fewer bytes than a data-parallel worker sends.
    pub fewer_bytes: Option<f64>,
    /// Mean seconds of training.
    pub seconds: f64,
}

/// Every arm of a report in its order; arms without a run are left out.
///
/// By hand: final losses 2 and 3 have mean 2.5 and deviation √(0.5) = 0.707; beside AdamW's 2.0 that is 0.25
/// above; 1,000 bytes beside 500,000 are 500 times fewer.
#[must_use]
pub fn compare(report: &ConvergenceReport) -> Vec<Comparison> {
    let of = |arm: &Arm| -> Vec<&Run> { report.runs.iter().filter(|run| run.arm == *arm).collect() };
    let mut all: Vec<Comparison> =
        report.options.arms.iter().filter_map(|arm| summarise(*arm, &of(arm))).collect();
    let adamw = all.iter().filter(|comparison| comparison.arm.method == Method::AdamW);
    let base = adamw.max_by(|a, b| a.seeds.cmp(&b.seeds).then(b.loss.total_cmp(&a.loss))).copied();
    for comparison in &mut all {
        comparison.above_adamw = base.map(|base| comparison.loss / base.loss - 1.0);
        comparison.fewer_bytes = base.map(|base| base.sent_bytes / comparison.sent_bytes.max(1.0));
    }
    all
}

fn summarise(arm: Arm, runs: &[&Run]) -> Option<Comparison> {
    if runs.is_empty() {
        return None;
    }
    let whole = || runs.iter().filter(|run| run.diverged.is_none());
    let last: Vec<_> = whole().filter_map(|run| run.points.last()).collect();
    let count = last.len() as f64;
    let loss = last.iter().map(|point| f64::from(point.loss)).sum::<f64>() / count;
    let square = last.iter().map(|point| (f64::from(point.loss) - loss).powi(2)).sum::<f64>();
    Some(Comparison {
        arm,
        seeds: last.len() as u64,
        diverged: (runs.len() - last.len()) as u64,
        loss,
        deviation: (square / (count - 1.0).max(1.0)).sqrt(),
        above_adamw: None,
        sent_bytes: last.iter().map(|point| point.sent_bytes as f64).sum::<f64>() / count,
        fewer_bytes: None,
        seconds: last.iter().map(|point| point.seconds).sum::<f64>() / count,
    })
}
