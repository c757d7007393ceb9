//! When epochs run (chain interface, section 4.2).

use super::pallet::*;
use super::types::*;
use sp_runtime::traits::UniqueSaturatedInto;

impl<T: Config> Pallet<T> {
    /// The number of the current block.
    pub fn now() -> u64 {
        frame_system::Pallet::<T>::block_number().unique_saturated_into()
    }

    /// The block of the next epoch; `None` while the tempo is 0.
    pub fn next_epoch_block(netuid: NetUid) -> Option<u64> {
        let tempo = u64::from(Tempo::<T>::get(netuid));
        let regular = LastEpochBlock::<T>::get(netuid).saturating_add(tempo);
        let triggered = PendingEpochAt::<T>::get(netuid);
        match (tempo, triggered) {
            (0, _) => None,
            (_, 0) => Some(regular),
            (_, triggered) => Some(regular.min(triggered)),
        }
    }

    /// How many blocks remain until the next epoch.
    pub fn blocks_until_epoch(netuid: NetUid) -> u64 {
        Self::next_epoch_block(netuid).map_or(u64::MAX, |block| block.saturating_sub(Self::now()))
    }

    /// Sets the tempo and counts the next epoch from this block.
    pub fn restart_tempo(netuid: NetUid, tempo: u16) {
        Tempo::<T>::insert(netuid, tempo);
        LastEpochBlock::<T>::insert(netuid, Self::now());
        PendingEpochAt::<T>::remove(netuid);
        Self::deposit_event(Event::TempoSet(netuid, tempo));
    }

    /// Switches between committed and plain weights.
    pub fn switch_commit_reveal(netuid: NetUid, enabled: bool) {
        CommitRevealWeightsEnabled::<T>::insert(netuid, enabled);
        Self::deposit_event(Event::CommitRevealEnabled(netuid, enabled));
    }

    /// Sets how many epochs lie between a commit and its reveal.
    pub fn set_reveal_period(netuid: NetUid, epochs: u64) {
        RevealPeriodEpochs::<T>::insert(netuid, epochs);
        Self::deposit_event(Event::CommitRevealPeriodsSet(netuid, epochs));
    }
}
