//! Opens commitments whose round of the beacon is out (chain interface, sections 3.8 and 5.1).

use super::pallet::*;
use super::types::{CommitmentInfo, Data};
use crate::runtime::pallets::subtensor::{self, Beacon};

/// How many opened commitments of a hotkey are kept.
const REVEALED_KEPT: usize = 10;

impl<T: Config> Pallet<T> {
    /// Asks the beacon for the rounds that the hotkey's commitment waits for.
    pub(super) fn await_rounds(netuid: u16, who: &T::AccountId) {
        let Some(registration) = CommitmentOf::<T>::get(netuid, who) else { return };
        for field in &registration.info.fields {
            if let Data::TimelockEncrypted { reveal_round, .. } = field {
                <T as subtensor::Config>::Beacon::want(*reveal_round);
            }
        }
        TimelockedIndex::<T>::mutate(|waiting| waiting.insert((netuid, who.clone())));
    }

    /// Opens what can be opened now.
    pub(super) fn reveal_due() {
        let waiting = TimelockedIndex::<T>::get();
        for (netuid, who) in waiting {
            if !Self::reveal_of(netuid, &who) {
                TimelockedIndex::<T>::mutate(|waiting| waiting.remove(&(netuid, who)));
            }
        }
    }

    /// Opens what the hotkey has committed; whether something still waits.
    fn reveal_of(netuid: u16, who: &T::AccountId) -> bool {
        let Some(mut registration) = CommitmentOf::<T>::get(netuid, who) else { return false };
        let fields = std::mem::take(&mut registration.info.fields).into_inner();
        let count = fields.len();
        let (mut kept, mut waits) = (Vec::new(), false);
        for field in fields {
            match Self::opened(&field) {
                Some(Ok(plain)) => Self::remember(netuid, who, plain),
                Some(Err(())) => {}
                None => {
                    waits |= matches!(field, Data::TimelockEncrypted { .. });
                    kept.push(field);
                }
            }
        }
        if kept.len() < count {
            Self::keep(netuid, who, registration, kept);
        }
        waits
    }

    /// The contents of a timelocked field, once its round is out; an error where it is not one.
    fn opened(field: &Data) -> Option<Result<Vec<u8>, ()>> {
        let Data::TimelockEncrypted { encrypted, reveal_round } = field else { return None };
        let signature = <T as subtensor::Config>::Beacon::signature(*reveal_round)?;
        Some(sn3_timelock::open(encrypted, &signature).map_err(drop))
    }

    fn remember(netuid: u16, who: &T::AccountId, plain: Vec<u8>) {
        let block = subtensor::Pallet::<T>::now();
        RevealedCommitments::<T>::mutate(netuid, who, |revealed| {
            let revealed = revealed.get_or_insert_with(Vec::new);
            revealed.push((plain, block));
            let surplus = revealed.len().saturating_sub(REVEALED_KEPT);
            revealed.drain(..surplus);
        });
        Self::deposit_event(Event::CommitmentRevealed { netuid, who: who.clone() });
    }

    fn keep(netuid: u16, who: &T::AccountId, mut registration: super::types::Registration, kept: Vec<Data>) {
        if kept.is_empty() {
            CommitmentOf::<T>::remove(netuid, who);
            return;
        }
        let fields = kept.try_into().expect("there are no more fields than before");
        registration.info = CommitmentInfo { fields };
        CommitmentOf::<T>::insert(netuid, who, registration);
    }
}
