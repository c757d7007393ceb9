//! What happens at the beginning of every block.

use super::economy::account;
use super::pallet::*;
use super::timelocked::BeaconOpener;
use super::types::*;
use sn3_emission::{Network, network::BlockReport};
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    /// Runs the block step of the economy: prices, emission, epochs, payouts.
    pub(super) fn step_block(parent_hash: &[u8; 32]) {
        Self::restart_counts(Self::now());
        let mut opener = BeaconOpener::<T>::default();
        let (before, after, report) =
            Self::step_economy(|network| network.step_block_with(parent_hash, &mut opener));
        Self::tell(&before, &after, &report);
        Self::tell_opened(&before, &after, opener);
    }

    fn tell(before: &Network, after: &Network, report: &BlockReport) {
        for netuid in &report.deferred {
            let (from_block, to_block) = (report.block, report.block + 1);
            Self::deposit_event(Event::EpochDeferred { netuid: netuid.0, from_block, to_block });
        }
        for netuid in &report.children_applied {
            let (Some(old), Some(new)) = (before.subnets.get(netuid), after.subnets.get(netuid)) else {
                continue;
            };
            let applied =
                old.pending_children.iter().filter(|(key, _)| !new.pending_children.contains_key(key));
            for (hotkey, (children, _)) in applied {
                let children: Vec<(u64, AccountId32)> =
                    children.iter().map(|(part, child)| (*part, account(&child.0))).collect();
                Self::deposit_event(Event::SetChildren(account(&hotkey.0), netuid.0 as NetUid, children));
            }
        }
    }
}
