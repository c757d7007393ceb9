//! Honest weights.

use serde::{Deserialize, Serialize};

use super::{Draft, View};
use crate::behaviour::{noise, rng};
use crate::scenario::Part;

/// Weights proportional to a power of each miner's measured quality.
///
/// A measurement is `max(0, quality · (1 + sigma · noise))`, with new noise for every miner and setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Follow {
    /// Relative error of a measurement (one standard deviation).
    pub sigma: Part,
    /// How much better work is preferred: 1 is proportional, 8 nearly winner takes all.
    pub power: u8,
}

impl Default for Follow {
    fn default() -> Self {
        Self { sigma: Part::ZERO, power: 1 }
    }
}

impl Follow {
    pub(super) fn apply(&self, view: &View<'_>) -> Draft {
        let mut draft = Draft(view.quality.to_vec());
        if self.sigma > Part::ZERO {
            let mut rng = rng(view.seed, view.name, "follow", view.tick);
            let sigma = self.sigma.get();
            draft.0.iter_mut().for_each(|q| *q = (*q * (1.0 + sigma * noise(&mut rng))).max(0.0));
        }
        draft.0.iter_mut().for_each(|q| *q = q.powi(i32::from(self.power)));
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::validator::testing::with_view;

    #[test]
    fn without_noise_weights_are_the_quality() {
        with_view(&[0.0, 0.5, 1.0], |view| {
            assert_eq!(Follow::default().apply(view).0, [0.0, 0.5, 1.0]);
            assert_eq!(Follow { power: 2, ..Follow::default() }.apply(view).0, [0.0, 0.25, 1.0]);
        });
    }

    #[test]
    fn noise_is_the_same_for_the_same_moment_only() {
        with_view(&[0.0, 0.5, 1.0], |view| {
            let follow = Follow { sigma: Part::new(0.2).unwrap(), power: 1 };
            let first = follow.apply(view);
            assert_eq!(first, follow.apply(view));
            assert_ne!(first, follow.apply(&View { tick: view.tick + 1, ..*view }));
            assert_eq!(first.0[0], 0.0);
        });
    }
}
