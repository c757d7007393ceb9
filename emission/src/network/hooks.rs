//! What a block step takes from outside.

use super::ahead::Ahead;
use super::{NoOpener, Opener};
use crate::share_rule::ShareRule;

/// What a block step takes from outside: an opener of timelocked weights, and a share rule in place of the
/// spec's own.
///
/// ```
/// use sn3_emission::{Network, network::{Globals, Hooks}};
/// let mut network = Network::new(Globals::default(), 0);
/// assert_eq!(network.step_block_hooked(&[0; 32], &mut Hooks::default()).block, 1);
/// ```
#[derive(Default)]
#[non_exhaustive]
pub struct Hooks<'a> {
    /// Opens timelocked weights; without one they stay closed.
    pub opener: Option<&'a mut dyn Opener>,
    /// Splits the block's TAO in place of the spec's rule.
    pub share_rule: Option<&'a dyn ShareRule>,
    /// Epochs that were computed ahead.
    pub(super) ahead: Ahead,
}

impl<'a> Hooks<'a> {
    /// Hooks with only an opener.
    #[must_use]
    pub fn opening(opener: &'a mut dyn Opener) -> Self {
        Self { opener: Some(opener), ..Self::default() }
    }

    /// Hooks with only a share rule.
    #[must_use]
    pub fn sharing(rule: &'a dyn ShareRule) -> Self {
        Self { share_rule: Some(rule), ..Self::default() }
    }

    pub(super) fn open(&mut self, work: impl FnOnce(&mut dyn Opener)) {
        match &mut self.opener {
            Some(opener) => work(*opener),
            None => work(&mut NoOpener),
        }
    }
}
