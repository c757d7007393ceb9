//! Weights taken from others.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Draft, View};

/// Copies what is published on the chain at that moment. Weights set in the open are seen at once; committed ones
/// only after their reveal, so that commit-reveal makes copies old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Copy {
    /// What is copied: `consensus` (the last epoch's), `weights` (the stake-weighted mean of all other published
    /// rows), or a selector of validators, whose rows are averaged by stake.
    pub from: CopySource,
}

/// What is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopySource {
    /// The consensus of the last epoch.
    Consensus,
    /// The stake-weighted mean of all other rows.
    #[default]
    Weights,
    /// The stake-weighted mean of some validators' rows.
    Of(String),
}

impl fmt::Display for CopySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consensus => "consensus",
            Self::Weights => "weights",
            Self::Of(selector) => selector,
        })
    }
}

impl Serialize for CopySource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CopySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "consensus" => Self::Consensus,
            "weights" => Self::Weights,
            selector => Self::Of(selector.to_owned()),
        })
    }
}

impl Copy {
    pub(super) fn apply(&self, view: &View<'_>) -> Draft {
        match &self.from {
            CopySource::Consensus => {
                Draft(view.subnet.neurons.consensus.iter().map(|c| f64::from(*c)).collect())
            }
            CopySource::Weights => {
                mean(view, (0..view.subnet.neurons.len() as u16).filter(|u| *u != view.uid))
            }
            CopySource::Of(selector) => mean(view, view.uids(selector).into_iter()),
        }
    }
}

/// The mean of stored rows, by the stake weight that the last epoch gave them; equal before the first epoch.
fn mean(view: &View<'_>, uids: impl Iterator<Item = u16>) -> Draft {
    let stakes = &view.subnet.neurons.stake_weight;
    let none_yet = stakes.iter().all(|stake| *stake == 0);
    let mut sum = Draft::empty(view.subnet.neurons.len());
    for uid in uids {
        let stake = stakes.get(usize::from(uid)).map_or(0.0, |stake| f64::from(*stake));
        let stake = if none_yet { 1.0 } else { stake };
        let mut row = stored_row(view, uid);
        row.normalise();
        sum.0.iter_mut().zip(row.0).for_each(|(to, weight)| *to += stake * weight);
    }
    sum
}

/// What the chain stores for a validator.
pub(super) fn stored_row(view: &View<'_>, uid: u16) -> Draft {
    let mut draft = Draft::empty(view.subnet.neurons.len());
    let row = view.subnet.mechanisms.first().and_then(|m| m.weights.get(usize::from(uid)));
    for (column, weight) in row.into_iter().flatten() {
        if let Some(slot) = draft.0.get_mut(usize::from(*column)) {
            *slot = f64::from(*weight);
        }
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_subnet;

    #[test]
    fn published_rows_are_averaged_and_the_own_row_is_not() {
        let change = |subnet: &mut sn3_emission::network::Subnet| {
            subnet.mechanisms[0].weights[0] = vec![(2, 65_535)];
            subnet.mechanisms[0].weights[1] = vec![(0, 65_535)];
            subnet.neurons.consensus = vec![0, 10, 20];
        };
        with_subnet(&[0.0, 0.0, 1.0], change, |view| {
            let view = View { uid: 1, ..*view };
            assert_eq!(Copy { from: CopySource::Weights }.apply(&view).0, [0.0, 0.0, 1.0]);
            assert_eq!(Copy { from: CopySource::Of("1".to_owned()) }.apply(&view).0, [1.0, 0.0, 0.0]);
            assert_eq!(Copy { from: CopySource::Consensus }.apply(&view).0, [0.0, 10.0, 20.0]);
        });
    }
}
