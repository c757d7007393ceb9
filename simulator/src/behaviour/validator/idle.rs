//! Doing nothing.

use serde::{Deserialize, Serialize};

use super::{Draft, View};

/// No weights are set from a tick on, until another if one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Idle {
    /// First idle tick.
    pub from: u64,
    /// First tick that is not idle any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl Idle {
    pub(super) fn apply(&self, view: &View<'_>, draft: Draft) -> Option<Draft> {
        let idle = view.tick >= self.from && self.until.is_none_or(|until| view.tick < until);
        (!idle).then_some(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn it_rests_within_its_time_only() {
        let idle = Idle { from: 10, until: Some(20) };
        with_view(&[1.0], |view| {
            let works = |tick| idle.apply(&View { tick, ..*view }, Draft(vec![1.0])).is_some();
            assert_eq!([9, 10, 19, 20].map(works), [true, false, false, true]);
        });
    }
}
