//! The same weights for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Draft, View};

/// Weights that never change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// Weights in 65535ths by uid or selector; each selected neuron gets the weight.
    pub weights: BTreeMap<String, u16>,
}

impl Fixed {
    pub(super) fn apply(&self, view: &View<'_>) -> Draft {
        let mut draft = Draft::empty(view.subnet.neurons.len());
        for (selector, weight) in &self.weights {
            for uid in view.uids(selector) {
                if let Some(slot) = draft.0.get_mut(usize::from(uid)) {
                    *slot = f64::from(*weight);
                }
            }
        }
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn weights_are_given_by_uid_or_name() {
        let weights = BTreeMap::from([("1".to_owned(), 7), ("m".to_owned(), 9), ("60000".to_owned(), 1)]);
        with_view(&[0.0, 1.0, 0.0], |view| {
            assert_eq!(Fixed { weights }.apply(view).0, [0.0, 9.0, 9.0]);
        });
    }
}
