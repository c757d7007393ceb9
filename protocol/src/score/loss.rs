//! LossScore: what a peer's update does to the loss on random data and on the data it was assigned
//! (training protocol, section 4.3).

use serde::{Deserialize, Serialize};

use crate::ids::Uid;

/// The loss on one set of samples without and with an update, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossChange {
    /// Without the update.
    pub before: f64,
    /// With it.
    pub after: f64,
}

impl LossChange {
    /// `(before - after) / before`: positive when the update helps.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.before > 0.0 { (self.before - self.after) / self.before } else { 0.0 }
    }
}

/// Another peer's update, tried on the same two sets of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Whose update.
    pub uid: Uid,
    /// Loss on the judged peer's own samples with the other's update.
    pub own_after: f64,
    /// Loss on the random samples with the other's update.
    pub random_after: f64,
}

/// All losses of one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScore {
    /// On samples that the peer had to train on.
    pub own: LossChange,
    /// On random samples, the same for every peer of the window.
    pub random: LossChange,
    /// The control group; empty where the run has none.
    pub controls: Vec<Control>,
}

/// Why losses cannot be scored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the update leads to a loss that is not a finite number ({0}); it is treated as invalid")]
pub struct LossScoreError(f64);

impl LossScore {
    /// Takes the losses of one evaluation; all must be finite.
    pub fn new(own: LossChange, random: LossChange, controls: Vec<Control>) -> Result<Self, LossScoreError> {
        let changes = [own.before, own.after, random.before, random.after];
        let tried = controls.iter().flat_map(|control| [control.own_after, control.random_after]);
        match changes.into_iter().chain(tried).find(|loss| !loss.is_finite()) {
            Some(loss) => Err(LossScoreError(loss)),
            None => Ok(Self { own, random, controls }),
        }
    }

    /// The gradient score: the relative improvement on random data.
    #[must_use]
    pub fn gradient_score(&self) -> f64 {
        self.random.relative()
    }

    /// How much more the update helps on the peer's own data than it would had the peer trained on
    /// something else.
    ///
    /// Without a control group: relative improvement on own data minus that on random data. The two sets
    /// differ in difficulty, which says nothing about the peer; with a control group the same
    /// difference, as other peers' updates show it on the same samples (their median, scaled to this
    /// update's strength on random data), is taken off. Only controls that help on random data count.
    ///
    /// ```
    /// # use sn3_protocol::{Uid, score::{Control, LossChange, LossScore}};
    /// let own = LossChange { before: 4.0, after: 3.6 }; // 10 %
    /// let random = LossChange { before: 4.0, after: 3.8 }; // 5 %
    /// let alone = LossScore::new(own, random, vec![]).unwrap();
    /// assert!((alone.own_data_gap() - 0.05).abs() < 1e-12);
    /// // Another's update helps on these samples just as much: they are easy, the peer never saw them.
    /// let control = Control { uid: Uid(4), own_after: 3.6, random_after: 3.8 };
    /// let tried = LossScore::new(own, random, vec![control]).unwrap();
    /// assert!(tried.own_data_gap().abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn own_data_gap(&self) -> f64 {
        let plain = self.own.relative() - self.random.relative();
        plain - self.expected_gap().unwrap_or(0.0)
    }

    /// The result of the own-data test: +1 when [`LossScore::own_data_gap`] is positive and the update helps
    /// on both kinds of data, else −1. (The reference asks only for the gap, and noise wins it half the time.)
    #[must_use]
    pub fn binary(&self) -> f64 {
        let helps = self.own.relative() > 0.0 && self.random.relative() > 0.0;
        if helps && self.own_data_gap() > 0.0 { 1.0 } else { -1.0 }
    }

    fn expected_gap(&self) -> Option<f64> {
        let strength = self.random.relative().max(0.0);
        let scaled = |control: &Control| {
            let own = LossChange { after: control.own_after, ..self.own }.relative();
            let random = LossChange { after: control.random_after, ..self.random }.relative();
            (random > 0.0).then(|| (own - random) * (strength / random).min(STRENGTH_RATIO_MAX))
        };
        median(self.controls.iter().filter_map(scaled).collect())
    }
}

/// A control that is much weaker than the judged update is scaled by no more than this.
const STRENGTH_RATIO_MAX: f64 = 2.0;

/// The median; of an even number, the mean of the middle two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: f64, after: f64) -> LossChange {
        LossChange { before, after }
    }

    #[test]
    fn a_peer_that_helps_equally_everywhere_did_not_train_its_data() {
        let score = LossScore::new(change(2.0, 1.9), change(4.0, 3.8), vec![]).unwrap();
        assert_eq!(score.binary(), -1.0);
    }

    #[test]
    fn what_hurts_less_on_own_data_than_elsewhere_does_not_pass() {
        let score = LossScore::new(change(4.0, 4.1), change(4.0, 4.2), vec![]).unwrap();
        assert!(score.own_data_gap() > 0.0);
        assert_eq!(score.binary(), -1.0);
    }

    #[test]
    fn a_control_that_hurts_is_no_control() {
        let hurts = Control { uid: Uid(1), own_after: 4.4, random_after: 4.2 };
        let score = LossScore::new(change(4.0, 3.6), change(4.0, 3.8), vec![hurts]).unwrap();
        assert!((score.own_data_gap() - 0.05).abs() < 1e-12);
    }

    #[test]
    fn losses_that_are_not_numbers_are_refused() {
        assert!(LossScore::new(change(4.0, f64::NAN), change(4.0, 3.8), vec![]).is_err());
        let wild = Control { uid: Uid(1), own_after: f64::INFINITY, random_after: 1.0 };
        assert!(LossScore::new(change(4.0, 3.0), change(4.0, 3.8), vec![wild]).is_err());
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }
}
