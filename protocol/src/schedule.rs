//! Learning rates: the inner one by inner step, the outer one by round (training protocol, section 1.2).

use serde::{Deserialize, Serialize};

/// Where a linear warm-up begins, as a share of its base rate.
const WARMUP_START_FACTOR: f64 = 1e-6;

/// The learning rate of the inner optimizer as a function of the inner steps done in the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// Not tagged inside: a buffered float would be lost where another crate turns on serde_json's arbitrary precision.
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum InnerSchedule {
    /// Linear warm-up from 10⁻⁶ of the peak, then a cosine of half-period `cosine_steps` down to
    /// `floor_factor · peak_lr`. It is periodic: past the floor the rate rises again.
    Main {
        /// Largest rate.
        peak_lr: f64,
        /// Inner steps of warm-up.
        warmup_steps: u64,
        /// Inner steps from the peak to the floor.
        cosine_steps: u64,
        /// The floor as a share of the peak.
        floor_factor: f64,
        /// A span in which the schedule stands still.
        flat: Option<FlatSpan>,
    },
    /// Linear warm-up to `peak_factor · base_lr`, then a straight line down to `floor_factor · base_lr`,
    /// where it stays.
    Anneal {
        /// The rate that the factors refer to.
        base_lr: f64,
        /// Inner steps of warm-up.
        warmup_steps: u64,
        /// Inner steps from the peak to the floor.
        decay_steps: u64,
        /// The peak as a share of the base rate.
        peak_factor: f64,
        /// The floor as a share of the base rate.
        floor_factor: f64,
    },
}

/// Inner steps during which the schedule is not advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatSpan {
    /// The first inner step of the span (a round times the inner steps of a round).
    pub start_step: u64,
    /// How many inner steps it lasts.
    pub steps: u64,
}

impl FlatSpan {
    fn scheduler_step(self, step: u64) -> u64 {
        let stood_still = step.saturating_sub(self.start_step).min(self.steps);
        step - stood_still
    }
}

impl InnerSchedule {
    /// The rate in force at inner step `step` of the run, counted from 0.
    ///
    /// ```
    /// # use sn3_protocol::schedule::InnerSchedule;
    /// let schedule = InnerSchedule::Main {
    ///     peak_lr: 1e-3, warmup_steps: 10, cosine_steps: 100, floor_factor: 0.1, flat: None,
    /// };
    /// assert_eq!(schedule.lr(10), 1e-3);
    /// assert!((schedule.lr(60) - 0.55e-3).abs() < 1e-12); // halfway down the cosine
    /// assert!((schedule.lr(110) - 1e-4).abs() < 1e-12); // the floor
    /// ```
    #[must_use]
    pub fn lr(&self, step: u64) -> f64 {
        match *self {
            Self::Main { peak_lr, warmup_steps, cosine_steps, floor_factor, flat } => {
                let step = flat.map_or(step, |span| span.scheduler_step(step));
                if step < warmup_steps {
                    return peak_lr * warmup(1.0, step, warmup_steps);
                }
                cosine(peak_lr, peak_lr * floor_factor, step - warmup_steps, cosine_steps)
            }
            Self::Anneal { base_lr, warmup_steps, decay_steps, peak_factor, floor_factor } => {
                if step < warmup_steps {
                    return base_lr * warmup(peak_factor, step, warmup_steps);
                }
                base_lr * line(peak_factor, floor_factor, step - warmup_steps, decay_steps)
            }
        }
    }

    /// The name of the first field that is not a usable number, if any.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let share = |x: f64| (0.0..=1.0).contains(&x);
        match *self {
            Self::Main { peak_lr, .. } if !positive(peak_lr) => Some("inner.peak_lr"),
            Self::Main { cosine_steps: 0, .. } => Some("inner.cosine_steps"),
            Self::Main { floor_factor, .. } if !share(floor_factor) => Some("inner.floor_factor"),
            Self::Anneal { base_lr, .. } if !positive(base_lr) => Some("inner.base_lr"),
            Self::Anneal { decay_steps: 0, .. } => Some("inner.decay_steps"),
            Self::Anneal { peak_factor, .. } if !share(peak_factor) => Some("inner.peak_factor"),
            Self::Anneal { floor_factor, .. } if !share(floor_factor) => Some("inner.floor_factor"),
            _ => None,
        }
    }
}

fn warmup(target: f64, step: u64, steps: u64) -> f64 {
    line(WARMUP_START_FACTOR, target, step, steps)
}

fn line(from: f64, to: f64, step: u64, steps: u64) -> f64 {
    from + (to - from) * (step.min(steps) as f64 / steps as f64)
}

fn cosine(top: f64, floor: f64, step: u64, half_period: u64) -> f64 {
    let angle = std::f64::consts::PI * (step % half_period.saturating_mul(2)) as f64 / half_period as f64;
    floor + (top - floor) * (1.0 + angle.cos()) / 2.0
}

/// The extra multiplier of the first inner steps after a restart: `(n + 1) / warmup_steps`, at most 1
/// (30 steps after an ordinary checkpoint, 200 after a bootstrap one).
#[must_use]
pub fn restart_factor(steps_since_restart: u64, warmup_steps: u64) -> f64 {
    if warmup_steps == 0 {
        return 1.0;
    }
    ((steps_since_restart + 1) as f64 / warmup_steps as f64).min(1.0)
}

/// The outer learning rate as a list of steps: each rate is in force from its round on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OuterSchedule {
    /// Ascending by round; the first begins at round 0.
    pub steps: Vec<OuterStep>,
}

/// One rate and the round from which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OuterStep {
    /// The first round, counted from the start of the run.
    pub from_round: u64,
    /// The rate: `theta -= lr · update`.
    pub lr: f32,
}

impl OuterSchedule {
    /// Most steps of a schedule.
    pub const STEPS_MAX: usize = 1024;

    /// One rate for the whole run.
    #[must_use]
    pub fn constant(lr: f32) -> Self {
        Self { steps: vec![OuterStep { from_round: 0, lr }] }
    }

    /// The rate in force in `round`, counted from the start of the run.
    ///
    /// ```
    /// # use sn3_protocol::schedule::{OuterSchedule, OuterStep};
    /// let schedule = OuterSchedule {
    ///     steps: vec![OuterStep { from_round: 0, lr: 1.0 }, OuterStep { from_round: 10, lr: 0.4 }],
    /// };
    /// assert_eq!((schedule.lr(9), schedule.lr(10)), (1.0, 0.4));
    /// ```
    #[must_use]
    pub fn lr(&self, round: u64) -> f32 {
        self.steps.iter().rev().find(|step| step.from_round <= round).map_or(0.0, |step| step.lr)
    }

    /// The name of the first field that breaks the rules of the list, if any.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let ascending = self.steps.windows(2).all(|pair| pair[0].from_round < pair[1].from_round);
        let legal = |step: &OuterStep| step.lr.is_finite() && step.lr >= 0.0;
        if self.steps.is_empty() || self.steps.len() > Self::STEPS_MAX {
            return Some("outer.steps (1 to 1024 are allowed)");
        }
        if self.steps[0].from_round != 0 || !ascending {
            return Some("outer.steps.from_round (must begin at 0 and ascend)");
        }
        (!self.steps.iter().all(legal)).then_some("outer.steps.lr")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_span_stands_still_and_then_goes_on_where_it_was() {
        let span = FlatSpan { start_step: 30, steps: 20 };
        let at = |step| span.scheduler_step(step);
        assert_eq!([at(29), at(30), at(49), at(50), at(51)], [29, 30, 30, 30, 31]);
    }

    #[test]
    fn a_restart_warms_up_to_one() {
        assert_eq!(restart_factor(0, 30), 1.0 / 30.0);
        assert_eq!(restart_factor(29, 30), 1.0);
        assert_eq!(restart_factor(400, 30), 1.0);
        assert_eq!(restart_factor(0, 0), 1.0);
    }

    #[test]
    fn schedules_without_a_first_step_are_refused() {
        let late = OuterSchedule { steps: vec![OuterStep { from_round: 1, lr: 1.0 }] };
        assert!(late.fault().is_some());
        assert!(OuterSchedule { steps: vec![] }.fault().is_some());
        assert!(OuterSchedule::constant(f32::NAN).fault().is_some());
        assert_eq!(OuterSchedule::constant(0.4).fault(), None);
    }
}
