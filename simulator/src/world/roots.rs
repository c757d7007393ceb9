//! Stake on root, and what stakers hold at the start.

use sn3_protocol::NetUid;

use super::{BuildError, World};
use crate::scenario::{RootStake, Stakers};

impl World {
    /// Grants root stake on every hotkey of a selector.
    pub(super) fn stake_on_root(&mut self, stake: &RootStake) -> Result<(), BuildError> {
        for on in self.cast.select(&stake.on) {
            let by = stake.by.as_ref().and_then(|by| self.cast.select(by).first().copied()).unwrap_or(on);
            self.grant_to(by, on, NetUid(0), stake.tao.rao())?;
        }
        Ok(())
    }

    /// Grants what every member of a group of stakers holds at the start.
    pub(super) fn grant_holdings(&mut self, stakers: &Stakers) -> Result<(), BuildError> {
        for by in self.cast.select(&stakers.name) {
            for holding in &stakers.holds {
                let on = self.cast.select(&holding.on).first().copied();
                let on = on.expect("selectors were checked with the scenario");
                self.grant_to(by, on, NetUid(holding.netuid), holding.amount.rao())?;
            }
        }
        Ok(())
    }

    fn grant_to(&mut self, by: usize, on: usize, netuid: NetUid, amount: u64) -> Result<(), BuildError> {
        let (actor, hotkey) = (self.cast.actors[by].clone(), self.cast.actors[on].hotkey());
        let what = format!("stake of {} on {}", actor.name, self.cast.actors[on].name);
        self.grant(by, &actor, &hotkey, netuid, amount).map_err(|source| BuildError::Refused { what, source })
    }
}
