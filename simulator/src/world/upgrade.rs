//! Changing the chain's rules.

use super::World;
use crate::scenario::SpecChoice;

impl World {
    /// Puts other rules into force from the next block on.
    pub(crate) fn upgrade(&mut self, choice: SpecChoice) {
        if crate::spec::enforce(&mut self.network, choice).is_err() {
            self.refuse("upgrade", "UnknownSpec");
        }
    }
}
