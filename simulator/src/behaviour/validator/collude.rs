//! A cabal.

use serde::{Deserialize, Serialize};

use super::{Draft, View};
use crate::scenario::Part;

/// A part of the weights goes to friends in equal parts; the rest is what the step before drafted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collude {
    /// The friends: a selector.
    pub with: String,
    /// Their part.
    #[serde(default = "whole")]
    pub share: Part,
}

fn whole() -> Part {
    Part::ONE
}

impl Collude {
    pub(super) fn apply(&self, view: &View<'_>, mut draft: Draft) -> Draft {
        draft.mix(self.share.get(), &view.uids(&self.with));
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn friends_get_their_part_and_honest_work_the_rest() {
        with_view(&[0.0, 1.0, 0.0], |view| {
            let collude = Collude { with: "2".to_owned(), share: Part::new(0.75).unwrap() };
            assert_eq!(collude.apply(view, Draft(vec![0.0, 4.0, 0.0])).0, [0.0, 0.25, 0.75]);
        });
    }
}
