//! How many outer steps a peer's model is behind the validator's (training protocol, section 4.4).

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::run::SyncRule;

/// The elements of every tensor that a miner publishes.
pub const PROBE_ELEMENTS: std::ops::Range<usize> = 10..12;

/// The probe of a state: elements 10 and 11 of every tensor that has them, in the layout's order.
/// A miner puts it into its manifest; a validator computes it from its own state.
///
/// # Panics
/// If `theta` has another length than [`Layout::parameters`].
#[must_use]
pub fn probe(layout: &Layout, theta: &[f32]) -> Vec<f32> {
    assert_eq!(theta.len(), layout.parameters(), "state and layout belong together");
    let of_tensor = |index: usize| {
        let range = layout.range(index);
        let first = (range.start + PROBE_ELEMENTS.start).min(range.end);
        let end = (range.start + PROBE_ELEMENTS.end).min(range.end);
        theta[first..end].iter().copied()
    };
    (0..layout.tensors().len()).flat_map(of_tensor).collect()
}

/// One published element against the validator's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbePair {
    /// What the peer published.
    pub theirs: f32,
    /// What the validator has.
    pub ours: f32,
    /// The element's average change in a round; the outer learning rate where it is not known.
    pub step: f64,
}

/// How far a probe is from ours, in outer steps.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct StepsBehind {
    /// Mean of the ratios between the first and the third quartile.
    pub mean: f64,
    /// Largest ratio.
    pub max: f64,
}

/// Why a probe cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Another number of elements than the layout gives.
    #[error("the probe has {found} elements where the layout gives {expected}")]
    Length {
        /// Published.
        found: usize,
        /// Of the layout.
        expected: usize,
    },
    /// An element that is no finite number.
    #[error("the probe's element {0} is not a finite number")]
    NotFinite(usize),
}

/// Compares a published probe with ours. `steps` holds each element's average change in a round; an
/// empty slice means that none is known yet, and `fallback_step` (the outer learning rate) is used.
pub fn steps_behind(
    theirs: &[f32],
    ours: &[f32],
    steps: &[f64],
    fallback_step: f64,
    rule: &SyncRule,
) -> Result<StepsBehind, ProbeError> {
    if theirs.len() != ours.len() {
        return Err(ProbeError::Length { found: theirs.len(), expected: ours.len() });
    }
    if let Some(index) = theirs.iter().position(|value| !value.is_finite()) {
        return Err(ProbeError::NotFinite(index));
    }
    let step = |i: usize| steps.get(i).copied().unwrap_or(fallback_step);
    let pair = |i: usize| ProbePair { theirs: theirs[i], ours: ours[i], step: step(i) };
    let pairs: Vec<ProbePair> = (0..ours.len()).map(pair).collect();
    Ok(measure(&pairs, rule))
}

/// The interquartile mean and the maximum of `|theirs - ours| / max(step, step_min)`.
#[must_use]
pub fn measure(pairs: &[ProbePair], rule: &SyncRule) -> StepsBehind {
    let ratio = |pair: &ProbePair| {
        (f64::from(pair.theirs) - f64::from(pair.ours)).abs() / pair.step.max(rule.step_min)
    };
    let mut ratios: Vec<f64> = pairs.iter().map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&ratios, 0.25), quantile(&ratios, 0.75));
    let middle: Vec<f64> = ratios.iter().copied().filter(|r| (low..=high).contains(r)).collect();
    let mean = if middle.is_empty() { 0.0 } else { middle.iter().sum::<f64>() / middle.len() as f64 };
    StepsBehind { mean, max: ratios.last().copied().unwrap_or(0.0) }
}

/// `(1 - min(x, cap)/cap) ^ exponent`: 1 in step, 0 at three steps behind.
///
/// ```
/// # use sn3_protocol::{run::SyncRule, score::sync::sync_score};
/// let rule = SyncRule::default();
/// assert_eq!(sync_score(0.0, &rule), 1.0);
/// assert_eq!(sync_score(5.0, &rule), 0.0);
/// assert!((sync_score(1.5, &rule) - 0.5f64.powf(2.5)).abs() < 1e-15);
/// ```
#[must_use]
pub fn sync_score(steps_behind: f64, rule: &SyncRule) -> f64 {
    let behind =
        if steps_behind.is_finite() { steps_behind.clamp(0.0, rule.steps_cap) } else { rule.steps_cap };
    (1.0 - behind / rule.steps_cap).powf(rule.exponent)
}

/// The average change after one more round, element by element: `(1 - alpha)·average + alpha·|after -
/// before|`. An empty `average` takes the first change as it is.
#[must_use]
pub fn change_next(average: &[f64], before: &[f32], after: &[f32], alpha: f64) -> Vec<f64> {
    let change = |i: usize| (f64::from(after[i]) - f64::from(before[i])).abs();
    let next = |i: usize| match average.get(i) {
        Some(old) => (1.0 - alpha) * old + alpha * change(i),
        None => change(i),
    };
    (0..before.len().min(after.len())).map(next).collect()
}

/// The linear quantile of ascending values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{ChunkRule, TensorSpec};

    #[test]
    fn the_probe_takes_two_elements_of_each_tensor_that_has_them() {
        let spec = |name: &str, n| TensorSpec { name: name.into(), shape: vec![n] };
        let layout =
            Layout::new(vec![spec("a", 20), spec("b", 4), spec("c", 11)], ChunkRule::Padded).unwrap();
        let theta: Vec<f32> = (0..35).map(|i| i as f32).collect();
        assert_eq!(probe(&layout, &theta), [10.0, 11.0, 34.0]);
    }

    #[test]
    fn a_probe_of_another_shape_or_with_nan_is_refused() {
        let rule = SyncRule::default();
        assert!(steps_behind(&[1.0], &[1.0, 2.0], &[], 0.4, &rule).is_err());
        assert!(steps_behind(&[f32::NAN], &[1.0], &[], 0.4, &rule).is_err());
    }

    #[test]
    fn quartiles_are_linear() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.25), 0.75);
        assert_eq!(quantile(&[], 0.25), 0.0);
    }

    #[test]
    fn the_average_change_follows_slowly() {
        let first = change_next(&[], &[0.0], &[1.0], 0.2);
        assert_eq!(first, [1.0]);
        assert_eq!(change_next(&first, &[1.0], &[1.0], 0.2), [0.8]);
    }
}
