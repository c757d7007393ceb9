//! Weight on oneself.

use super::{Draft, View};
use crate::scenario::Part;

/// A part of the weights goes to the validator's own neuron. The epoch ignores it for everybody but the owner.
pub(super) fn apply(share: Part, view: &View<'_>, mut draft: Draft) -> Draft {
    draft.mix(share.get(), &[view.uid]);
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn the_own_slot_gets_the_part() {
        with_view(&[0.0, 1.0, 0.0], |view| {
            let draft = apply(Part::new(0.5).unwrap(), view, Draft(vec![0.0, 2.0, 0.0]));
            assert_eq!(draft.0, [0.5, 0.5, 0.0]);
        });
    }
}
