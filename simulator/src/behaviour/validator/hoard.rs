//! Early bonds on unknown miners.

use serde::{Deserialize, Serialize};

use super::{Draft, View};
use crate::scenario::Part;

/// A part of the weights goes to the newest miners in equal parts, whatever their quality, to hold bonds on those
/// that turn out well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hoard {
    /// Their part.
    pub share: Part,
    /// A miner is new for this many blocks after its registration.
    pub new_for_blocks: u64,
}

impl Default for Hoard {
    fn default() -> Self {
        Self { share: Part::ONE, new_for_blocks: 1_000 }
    }
}

impl Hoard {
    pub(super) fn apply(&self, view: &View<'_>, mut draft: Draft) -> Draft {
        let now = view.network.block;
        let registered = view.subnet.neurons.registered_at.iter();
        let new = (0..).zip(registered).filter(|(_, at)| now.saturating_sub(**at) < self.new_for_blocks);
        let new: Vec<u16> = new.map(|(uid, _)| uid).filter(|uid| *uid != view.uid).collect();
        draft.mix(self.share.get(), &new);
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_subnet;

    #[test]
    fn only_new_slots_are_hoarded() {
        let change =
            |subnet: &mut sn3_emission::network::Subnet| subnet.neurons.registered_at = vec![0, 0, 95];
        let hoard = Hoard { share: Part::new(0.5).unwrap(), new_for_blocks: 10 };
        with_subnet(&[0.0, 1.0, 0.0], change, |view| {
            assert_eq!(view.network.block, 100);
            assert_eq!(hoard.apply(view, Draft(vec![0.0, 1.0, 0.0])).0, [0.0, 0.5, 0.5]);
        });
    }
}
