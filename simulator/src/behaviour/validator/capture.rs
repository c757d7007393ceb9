//! An owner who works for itself.

use serde::{Deserialize, Serialize};

use super::{Draft, View};
use crate::scenario::Part;

/// A part of the owner's weights goes to its own neuron, whose self-weight alone survives the epoch's mask, and a
/// part to accomplices who mine for it under another coldkey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// The part on itself.
    pub own: Part,
    /// The accomplices: a selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miners: Option<String>,
    /// Their part of what is not on itself.
    pub share: Part,
}

impl Default for Capture {
    fn default() -> Self {
        Self { own: Part::ONE, miners: None, share: Part::ONE }
    }
}

impl Capture {
    pub(super) fn apply(&self, view: &View<'_>, mut draft: Draft) -> Draft {
        if let Some(miners) = &self.miners {
            draft.mix(self.share.get(), &view.uids(miners));
        }
        draft.mix(self.own.get(), &[view.uid]);
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn the_owner_and_its_accomplices_get_their_parts() {
        let half = Part::new(0.5).unwrap();
        let capture = Capture { own: half, miners: Some("2".to_owned()), share: half };
        with_view(&[0.0, 1.0, 0.0], |view| {
            assert_eq!(capture.apply(view, Draft(vec![0.0, 1.0, 0.0])).0, [0.5, 0.25, 0.25]);
        });
    }
}
