//! Ours beside the published figures.

use super::map::{ConsensusStudy, Setting};

/// Published numbers are whole percents read off contour plots; within this much ours reproduces them.
pub const TOLERANCE: f64 = 0.02;

/// One published statement and what we find.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// The figure, (a) to (e), or (f) for what is not published.
    pub figure: char,
    /// What is stated.
    pub statement: String,
    /// The published number; none where the statement is one of order, or nothing is published.
    pub published: Option<f64>,
    /// Our number; none where honest stake is not retained even with full utility.
    pub ours: Option<f64>,
    /// Whether ours reproduces the statement; none where nothing is published.
    pub reproduces: Option<bool>,
}

impl Comparison {
    /// Ours less the published number.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        Some(self.ours? - self.published?)
    }

    fn of_number(figure: char, statement: impl Into<String>, published: f64, ours: Option<f64>) -> Self {
        let close = ours.is_some_and(|ours| (ours - published).abs() <= TOLERANCE);
        let statement = statement.into();
        Self { figure, statement, published: Some(published), ours, reproduces: Some(close) }
    }

    fn of_order(figure: char, statement: String, ours: Option<f64>, holds: bool) -> Self {
        Self { figure, statement, published: None, ours, reproduces: Some(holds) }
    }
}

impl ConsensusStudy {
    /// Every published statement that the honest stakes of this run can check, in order of the figures.
    #[must_use]
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut all = Vec::new();
        self.stakes_and_deviations(&mut all);
        self.majorities(&mut all);
        self.penalties_and_ratios(&mut all);
        self.without_publication(&mut all);
        all
    }

    /// The least honest utility, `Some(None)` where there is none, `None` where the run lacks the stake.
    fn needed(&self, setting: Setting, honest_stake: f64, validator_share: f64) -> Option<Option<f64>> {
        let stake = self.stake_index(honest_stake)?;
        Some(self.map(setting)?.required_utility(stake, validator_share))
    }

    fn stakes_and_deviations(&self, out: &mut Vec<Comparison>) {
        if let Some(ours) = self.needed(Setting::BASE, 0.7, 0.5) {
            out.push(Comparison::of_number('a', "70% stake needs this honest utility", 0.75, ours));
        }
        for (deviation, published) in [(0.0, 0.60), (0.2, 0.67), (0.4, 0.73)] {
            if let Some(ours) = self.needed(Setting { deviation, ..Setting::BASE }, 0.6, 0.5) {
                let statement = format!("60% stake, weight deviation {deviation}");
                out.push(Comparison::of_number('b', statement, published, ours));
            }
        }
        if let Some(ours) = self.needed(Setting::BASE, 0.6, 0.5) {
            let statement = "40% stake + 30% utility suffice for an attack (deviation 0.4)".to_owned();
            let utility = ours.map(|needed| 1.0 - needed);
            let holds = utility.is_none_or(|utility| utility <= 0.30);
            out.push(Comparison::of_order('b', statement, utility, holds));
        }
    }

    fn majorities(&self, out: &mut Vec<Comparison>) {
        let kappa = |kappa: f64| Setting { kappa, ..Setting::BASE };
        for stake in [0.51, 0.55] {
            let pair = self.needed(kappa(0.4), stake, 0.5).zip(self.needed(kappa(0.5), stake, 0.5));
            if let Some((weak, usual)) = pair {
                let statement = format!("{:.0}% stake needs more with κ = 0.4 than with 0.5", stake * 100.0);
                let holds = usual.is_some_and(|usual| weak.is_none_or(|weak| weak > usual));
                out.push(Comparison::of_order('c', statement, weak, holds));
            }
            if let Some(ours) = self.needed(kappa(0.6), stake, 0.5) {
                let statement = format!("{:.0}% stake has no protection with κ = 0.6", stake * 100.0);
                out.push(Comparison::of_order('c', statement, ours, ours.is_none()));
            }
        }
    }

    fn penalties_and_ratios(&self, out: &mut Vec<Comparison>) {
        for (penalty, published) in [(0.0, 0.78), (0.5, 0.76), (1.0, 0.73)] {
            if let Some(ours) = self.needed(Setting { penalty, ..Setting::BASE }, 0.6, 0.5) {
                let statement = format!("60% stake, bonds penalty {penalty}");
                out.push(Comparison::of_number('d', statement, published, ours));
            }
        }
        for (ratio, published) in [(0.0, 0.82), (0.25, 0.78), (0.5, 0.73)] {
            if let Some(ours) = self.needed(Setting::BASE, 0.6, ratio) {
                let statement = format!("60% stake, {:.0}% of emission to validators", ratio * 100.0);
                out.push(Comparison::of_number('e', statement, published, ours));
            }
        }
    }

    fn without_publication(&self, out: &mut Vec<Comparison>) {
        for stake in [0.6, 0.7] {
            if let Some(ours) = self.needed(Setting { yuma3: true, ..Setting::BASE }, stake, 0.5) {
                let statement = format!("{:.0}% stake with Yuma 3, first epoch", stake * 100.0);
                out.push(Comparison { figure: 'f', statement, published: None, ours, reproduces: None });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reproduces_within_the_tolerance() {
        let of = |ours| Comparison::of_number('b', "s", 0.73, ours).reproduces;
        assert_eq!(of(Some(0.745)), Some(true));
        assert_eq!(of(Some(0.76)), Some(false));
        assert_eq!(of(None), Some(false));
    }
}
