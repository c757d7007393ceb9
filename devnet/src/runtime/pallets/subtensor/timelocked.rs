//! Weights that the beacon opens (chain interface, sections 3.5 and 5.3).

use super::Beacon;
use super::economy::{account, hotkey};
use super::pallet::*;
use super::types::*;
use codec::Decode;
use core::marker::PhantomData;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_emission::{
    Network,
    network::{Mechanism, Opened, Opener, Secret, Weights as Row},
    vector::upscale_weights,
};
use sn3_protocol::{Hotkey, NetUid as Net};
use sn3_timelock::WeightsPayload;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::AccountId32;

/// Opens what the published rounds open, and remembers what it opened.
pub(super) struct BeaconOpener<T> {
    opened: Vec<(Hotkey, Row)>,
    marker: PhantomData<T>,
}

impl<T> Default for BeaconOpener<T> {
    fn default() -> Self {
        Self { opened: Vec::new(), marker: PhantomData }
    }
}

impl<T: Config> Opener for BeaconOpener<T> {
    fn open(&mut self, committer: &Hotkey, ciphertext: &[u8], round: u64) -> Opened {
        let Some(signature) = T::Beacon::signature(round) else { return Opened::NotYet };
        let Ok(plain) = sn3_timelock::open(ciphertext, &signature) else { return Opened::Broken };
        let Some(row) = payload(committer, &plain) else { return Opened::Broken };
        self.opened.push((*committer, row.clone()));
        Opened::Weights(row)
    }
}

/// Weights name who committed them, so that nobody can commit a copy; those of older clients do not.
fn payload(committer: &Hotkey, plain: &[u8]) -> Option<Row> {
    if let Ok(WeightsPayload { hotkey, uids, values, version_key }) = WeightsPayload::decode(plain) {
        return (hotkey == committer.0).then_some(Row { uids, values, version_key });
    }
    let input = &mut &plain[..];
    let row = Row::decode(input).ok()?;
    (input.is_empty() && row.uids.len() == row.values.len()).then_some(row)
}

impl<T: Config> Pallet<T> {
    /// Commits to weights that open with a round of the beacon.
    pub(super) fn do_commit_timelocked(
        who: AccountId32,
        netuid: NetUid,
        mechanism: MechId,
        bytes: TimelockedBytes,
        round: u64,
        version: u16,
    ) -> DispatchResult {
        let known = version == CommitRevealWeightsVersion::<T>::get();
        ensure!(known, Error::<T>::IncorrectCommitRevealVersion);
        ensure!(round >= T::Beacon::last_round(), Error::<T>::InvalidRevealRound);
        let hash = H256(blake2_256(&bytes));
        let secret = Secret::Timelocked { ciphertext: bytes.into_inner(), round };
        Self::operate(|network| network.commit_weights(&hotkey(&who), Net(netuid), mechanism, secret))?;
        T::Beacon::want(round);
        let index = storage_index(netuid, mechanism);
        Self::deposit_event(Event::TimelockedWeightsCommitted(who, index, hash, round));
        Ok(())
    }

    /// Tells whose opened weights now count; those that broke a rule were dropped in silence.
    pub(super) fn tell_opened(before: &Network, after: &Network, opener: BeaconOpener<T>) {
        if opener.opened.is_empty() {
            return;
        }
        for (netuid, subnet) in &after.subnets {
            let Some(old) = before.subnets.get(netuid) else { continue };
            for (number, (old, new)) in (0u8..).zip(old.mechanisms.iter().zip(&subnet.mechanisms)) {
                for (who, row) in opener.opened.iter().filter(|(who, _)| was_opened(old, new, who)) {
                    let Some(uid) = subnet.neurons.uid_of(who) else { continue };
                    if new.weights.get(usize::from(uid)).is_some_and(|stored| is_row(stored, row)) {
                        let index = storage_index(netuid.0, number);
                        Self::deposit_event(Event::WeightsSet(index, uid));
                        Self::deposit_event(Event::TimelockedWeightsRevealed(index, account(&who.0)));
                    }
                }
            }
        }
    }
}

fn was_opened(before: &Mechanism, after: &Mechanism, who: &Hotkey) -> bool {
    let waiting = |mechanism: &Mechanism| {
        let locked = |secret: &Secret| matches!(secret, Secret::Timelocked { .. });
        mechanism.commits.iter().filter(|commit| commit.hotkey == *who && locked(&commit.secret)).count()
    };
    waiting(after) < waiting(before)
}

fn is_row(stored: &[(u16, u16)], row: &Row) -> bool {
    let expected = row.uids.iter().copied().zip(upscale_weights(&row.values));
    stored.iter().copied().eq(expected)
}
