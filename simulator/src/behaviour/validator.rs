//! How weights come about.

mod capture;
mod collude;
mod copy;
mod fixed;
mod follow;
mod hoard;
mod idle;
mod lag;
mod self_weight;
#[cfg(test)]
mod testing;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_emission::Network;
use sn3_emission::network::{Subnet, Weights};
use sn3_protocol::NetUid;

pub use capture::Capture;
pub use collude::Collude;
pub use copy::{Copy, CopySource};
pub use fixed::Fixed;
pub use follow::Follow;
pub use hoard::Hoard;
pub use idle::Idle;
pub use lag::LAG_MAX;

use super::Plain;
use crate::scenario::Part;
use crate::world::Cast;

/// One step of a validator's behaviour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidatorStep {
    /// Weights follow the miners' measured quality.
    Follow(Follow),
    /// Weights are copied from what others published.
    Copy(Copy),
    /// The draft of so many settings ago is submitted.
    Lag(u32),
    /// A part goes to a named group.
    Collude(Collude),
    /// A part goes to the validator's own neuron.
    SelfWeight(Part),
    /// No weights are set for a while, or ever.
    Idle(Idle),
    /// A part goes to the newest miners before anybody knows their quality.
    Hoard(Hoard),
    /// Always the same weights.
    Fixed(Fixed),
    /// The owner's part goes to its own neuron and its accomplices.
    Capture(Capture),
    /// What is stored on the chain for the validator is submitted again.
    Repeat(Plain),
}

/// What a validator sees when it drafts weights.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The chain. Committed weights are not in it before their reveal.
    pub network: &'a Network,
    /// The subnet that weights are for.
    pub subnet: &'a Subnet,
    /// Who takes part.
    pub cast: &'a Cast,
    /// The subnet's number.
    pub netuid: NetUid,
    /// The validator's name.
    pub name: &'a str,
    /// Its slot.
    pub uid: u16,
    /// Blocks since the start of the run.
    pub tick: u64,
    /// The scenario's seed.
    pub seed: u64,
    /// The true quality of every neuron's work, by uid; zero for those who do not mine.
    pub quality: &'a [f64],
}

impl View<'_> {
    /// Slots of the actors that a selector names on this subnet, or of the uid that it is.
    #[must_use]
    pub fn uids(&self, selector: &str) -> Vec<u16> {
        if let Ok(uid) = selector.parse() {
            return vec![uid];
        }
        let actors = self.cast.select_on(selector, self.netuid);
        let hotkeys = actors.flat_map(|actor| &self.cast.actors[actor].hotkeys);
        hotkeys.filter_map(|hotkey| self.subnet.neurons.uid_of(hotkey)).collect()
    }
}

/// Weights in the making, by uid; only their proportions matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft(pub Vec<f64>);

impl Draft {
    /// No weights for `n` neurons.
    #[must_use]
    pub fn empty(n: usize) -> Self {
        Self(vec![0.0; n])
    }

    /// Scales the weights so that they sum to one.
    pub fn normalise(&mut self) {
        let sum: f64 = self.0.iter().sum();
        if sum > 0.0 {
            self.0.iter_mut().for_each(|weight| *weight /= sum);
        }
    }

    /// Gives `share` to the targets in equal parts, and the rest to what was drafted.
    pub fn mix(&mut self, share: f64, targets: &[u16]) {
        self.normalise();
        let targets: Vec<usize> =
            targets.iter().map(|uid| usize::from(*uid)).filter(|uid| *uid < self.0.len()).collect();
        if targets.is_empty() {
            return;
        }
        self.0.iter_mut().for_each(|weight| *weight *= 1.0 - share);
        let each = share / targets.len() as f64;
        targets.iter().for_each(|uid| self.0[*uid] += each);
    }

    /// The weights in 65535ths of the largest, without zeros; nothing if all are zero.
    #[must_use]
    pub fn weights(&self) -> Option<Weights> {
        let largest = self.0.iter().copied().fold(0.0, f64::max);
        if largest <= 0.0 {
            return None;
        }
        let scaled = self.0.iter().map(|weight| (weight / largest * f64::from(u16::MAX)).round() as u16);
        let (uids, values) = (0..).zip(scaled).filter(|(_, value)| *value > 0).unzip();
        Some(Weights { uids, values, version_key: 0 })
    }
}

/// What a validator remembers between two settings.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Memory {
    /// Drafts that wait in `lag` steps, oldest first, by the step's position.
    pub drafts: std::collections::BTreeMap<u32, Vec<Vec<f64>>>,
}

impl ValidatorStep {
    /// Changes a draft; `None` means that no weights are set this time. `position` is the step's place in the list.
    #[must_use]
    pub fn apply(&self, view: &View<'_>, draft: Draft, memory: &mut Memory, position: u32) -> Option<Draft> {
        match self {
            Self::Follow(step) => Some(step.apply(view)),
            Self::Copy(step) => Some(step.apply(view)),
            Self::Lag(settings) => lag::apply(*settings, draft, memory, position),
            Self::Collude(step) => Some(step.apply(view, draft)),
            Self::SelfWeight(share) => Some(self_weight::apply(*share, view, draft)),
            Self::Idle(step) => step.apply(view, draft),
            Self::Hoard(step) => Some(step.apply(view, draft)),
            Self::Fixed(step) => Some(step.apply(view)),
            Self::Capture(step) => Some(step.apply(view, draft)),
            Self::Repeat(_) => Some(copy::stored_row(view, view.uid)),
        }
    }

    /// Selectors that the step names, for checking.
    #[must_use]
    pub fn selectors(&self) -> Vec<&str> {
        match self {
            Self::Copy(Copy { from: CopySource::Of(selector) }) => vec![selector],
            Self::Collude(step) => vec![&step.with],
            Self::Fixed(step) => step.weights.keys().map(String::as_str).collect(),
            Self::Capture(step) => step.miners.as_deref().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// Applies all steps in order to an empty draft.
#[must_use]
pub(crate) fn draft(steps: &[ValidatorStep], view: &View<'_>, memory: &mut Memory) -> Option<Draft> {
    let empty = Draft::empty(view.subnet.neurons.len());
    (0..).zip(steps).try_fold(empty, |draft, (position, step)| step.apply(view, draft, memory, position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_become_weights_without_zeros() {
        let weights = Draft(vec![0.0, 1.0, 0.5]).weights().unwrap();
        assert_eq!((weights.uids, weights.values), (vec![1, 2], vec![65_535, 32_768]));
        assert_eq!(Draft::empty(3).weights(), None);
    }

    #[test]
    fn mixing_keeps_the_sum_and_ignores_unknown_targets() {
        let mut draft = Draft(vec![3.0, 1.0, 0.0]);
        draft.mix(0.5, &[2, 9]);
        assert_eq!(draft.0, [0.375, 0.125, 0.5]);
    }
}
