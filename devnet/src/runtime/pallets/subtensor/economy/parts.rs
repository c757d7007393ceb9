//! The economic state in storage, cut into parts, so that a block writes only those that changed.
//!
//! ```text
//!   (CHAIN, 0)  everything about the chain but:   (KEYS, 0)  hotkeys, coldkeys and their claims
//!   (SUBNET, n) everything about subnet n but:    (NEURONS, n)  (MECHANISMS, n)  (HOLDINGS, n)
//! ```
//!
//! The stamp is a hash over the stamp before and all that was written since. It therefore names the state, and
//! decoding can be skipped where the state is known ([`known`]). Nothing but this module may
//! write the parts: what a `System.set_storage` puts there is not seen until the state is decoded again.

use super::super::pallet::*;
use super::known::{self, Stamp};
use codec::{Decode, DecodeAll, Encode};
use core::marker::PhantomData;
use sn3_emission::{
    Network,
    network::{Globals, HotkeyState, Mechanism, Neurons, RootClaim, Subnet},
    share_pool::SharePool,
};
use sn3_protocol::{Coldkey, Hotkey, NetUid};
use sp_io::hashing::blake2_256;
use std::{collections::BTreeMap, mem::take, sync::Arc};

/// Which part, and of which subnet.
type Place = (u8, u16);

const CHAIN: u8 = 0;
const KEYS: u8 = 1;
const SUBNET: u8 = 2;
const NEURONS: u8 = 3;
const MECHANISMS: u8 = 4;
const HOLDINGS: u8 = 5;

/// What the chain knows of keys; it changes with registrations, stake and epochs.
#[derive(Encode, Decode)]
pub(super) struct Keys {
    hotkeys: BTreeMap<Hotkey, HotkeyState>,
    staking_hotkeys: BTreeMap<Coldkey, Vec<Hotkey>>,
    root_stakers: Vec<Coldkey>,
    root_claims: BTreeMap<Coldkey, RootClaim>,
}

impl Keys {
    /// Takes them out of the state.
    pub(super) fn out_of(network: &mut Network) -> Self {
        Self {
            hotkeys: take(&mut network.hotkeys),
            staking_hotkeys: take(&mut network.staking_hotkeys),
            root_stakers: take(&mut network.root_stakers),
            root_claims: take(&mut network.root_claims),
        }
    }

    /// Puts them back.
    pub(super) fn put_into(self, network: &mut Network) {
        network.hotkeys = self.hotkeys;
        network.staking_hotkeys = self.staking_hotkeys;
        network.root_stakers = self.root_stakers;
        network.root_claims = self.root_claims;
    }

    fn same(a: &Network, b: &Network) -> bool {
        a.hotkeys == b.hotkeys
            && a.staking_hotkeys == b.staking_hotkeys
            && a.root_stakers == b.root_stakers
            && a.root_claims == b.root_claims
    }
}

/// Who holds what of a subnet; it changes with stake and epochs.
#[derive(Encode, Decode)]
struct Holdings {
    stakes: BTreeMap<Hotkey, SharePool<Coldkey>>,
    alpha_dividends: BTreeMap<Hotkey, u64>,
    root_alpha_dividends: BTreeMap<Hotkey, u64>,
    stake_at_epoch: BTreeMap<Hotkey, u64>,
}

impl Holdings {
    fn out_of(subnet: &mut Subnet) -> Self {
        Self {
            stakes: take(&mut subnet.stakes),
            alpha_dividends: take(&mut subnet.alpha_dividends),
            root_alpha_dividends: take(&mut subnet.root_alpha_dividends),
            stake_at_epoch: take(&mut subnet.stake_at_epoch),
        }
    }

    fn put_into(self, subnet: &mut Subnet) {
        subnet.stakes = self.stakes;
        subnet.alpha_dividends = self.alpha_dividends;
        subnet.root_alpha_dividends = self.root_alpha_dividends;
        subnet.stake_at_epoch = self.stake_at_epoch;
    }

    fn same(a: &Subnet, b: &Subnet) -> bool {
        a.stakes == b.stakes
            && a.alpha_dividends == b.alpha_dividends
            && a.root_alpha_dividends == b.root_alpha_dividends
            && a.stake_at_epoch == b.stake_at_epoch
    }
}

/// The large parts of a subnet.
pub(super) struct SubnetParts {
    neurons: Neurons,
    mechanisms: Vec<Mechanism>,
    holdings: Holdings,
}

impl SubnetParts {
    /// Takes them out of a subnet.
    pub(super) fn out_of(subnet: &mut Subnet) -> Self {
        Self {
            neurons: take(&mut subnet.neurons),
            mechanisms: take(&mut subnet.mechanisms),
            holdings: Holdings::out_of(subnet),
        }
    }

    /// Puts them back.
    pub(super) fn put_into(self, subnet: &mut Subnet) {
        subnet.neurons = self.neurons;
        subnet.mechanisms = self.mechanisms;
        self.holdings.put_into(subnet);
    }
}

/// The economic state as it was stored last, for whoever will store the next one: it is not remembered any more, so
/// that its large parts can be moved.
pub(super) fn take_stored<T: Config>() -> Arc<Network> {
    let stored = read::<T>();
    known::forget_one(&EconomyStamp::<T>::get());
    stored
}

/// The economic state as it was stored last; an empty chain before that.
pub(super) fn read<T: Config>() -> Arc<Network> {
    let stamp = EconomyStamp::<T>::get();
    if stamp == Stamp::default() {
        return Arc::new(Network::new(Globals::default(), 0));
    }
    known::find(&stamp).unwrap_or_else(|| {
        let network = Arc::new(decode::<T>());
        known::remember(stamp, network.clone());
        network
    })
}

fn decode<T: Config>() -> Network {
    let (mut network, netuids): (Network, Vec<NetUid>) = part::<T, _>((CHAIN, 0));
    part::<T, Keys>((KEYS, 0)).put_into(&mut network);
    for netuid in netuids {
        let mut subnet: Subnet = part::<T, _>((SUBNET, netuid.0));
        subnet.neurons = part::<T, Neurons>((NEURONS, netuid.0));
        subnet.mechanisms = part::<T, Vec<Mechanism>>((MECHANISMS, netuid.0));
        part::<T, Holdings>((HOLDINGS, netuid.0)).put_into(&mut subnet);
        network.subnets.insert(netuid, subnet);
    }
    network
}

fn part<T: Config, P: Decode>(place: Place) -> P {
    P::decode_all(&mut &Economy::<T>::get(place)[..]).expect("this module wrote these bytes")
}

/// What differs between two states, found once for everybody who has to know.
pub(super) struct Changes {
    /// Whether hotkeys, coldkeys or claims do.
    pub keys: bool,
    /// Which large parts of subnets do.
    pub subnets: BTreeMap<NetUid, SubnetChanges>,
}

/// Which large parts of a subnet differ.
#[derive(Clone, Copy)]
pub(super) struct SubnetChanges {
    /// The columns of the metagraph.
    pub neurons: bool,
    /// Weights, bonds and what follows from them.
    pub mechanisms: bool,
    /// Stake and dividends.
    pub holdings: bool,
}

impl SubnetChanges {
    /// Everything is new.
    pub const ALL: Self = Self { neurons: true, mechanisms: true, holdings: true };
    /// None does.
    const NONE: Self = Self { neurons: false, mechanisms: false, holdings: false };

    fn between(before: Option<&Subnet>, after: &Subnet) -> Self {
        let Some(before) = before else { return Self::ALL };
        Self {
            neurons: before.neurons != after.neurons,
            mechanisms: before.mechanisms != after.mechanisms,
            holdings: !Holdings::same(before, after),
        }
    }
}

impl Changes {
    /// No large part differs.
    pub(super) fn none(after: &Network) -> Self {
        let subnets = after.subnets.keys().map(|netuid| (*netuid, SubnetChanges::NONE)).collect();
        Self { keys: false, subnets }
    }

    /// Whether no large part differs.
    pub(super) fn is_none(&self) -> bool {
        let same = |changes: &SubnetChanges| !changes.neurons && !changes.mechanisms && !changes.holdings;
        !self.keys && self.subnets.values().all(same)
    }

    pub(super) fn between(before: &Network, after: &Network) -> Self {
        let changes = |(netuid, subnet): (&NetUid, &Subnet)| {
            (*netuid, SubnetChanges::between(before.subnets.get(netuid), subnet))
        };
        Self { keys: !Keys::same(before, after), subnets: after.subnets.iter().map(changes).collect() }
    }
}

/// Stores the parts of `after` that differ from those of `before`, and remembers the state.
pub(super) fn write<T: Config>(before: &Network, mut after: Network, changes: &Changes) -> Arc<Network> {
    let mut writer = Writer::<T>::begin();
    writer.write_chain(&mut after, changes.keys);
    for netuid in before.subnets.keys().filter(|netuid| !after.subnets.contains_key(netuid)) {
        [SUBNET, NEURONS, MECHANISMS, HOLDINGS].iter().for_each(|part| writer.remove((*part, netuid.0)));
    }
    for (netuid, subnet) in &mut after.subnets {
        writer.write_subnet(subnet, changes.subnets[netuid]);
    }
    let (stamp, after) = (writer.stamp(), Arc::new(after));
    known::remember(stamp, after.clone());
    after
}

/// Writes parts and takes note of what it wrote.
struct Writer<T> {
    written: Vec<u8>,
    /// Nothing was ever written, so that equal parts have to be, too.
    first: bool,
    marker: PhantomData<T>,
}

impl<T: Config> Writer<T> {
    fn begin() -> Self {
        let stamp = EconomyStamp::<T>::get();
        Self { written: stamp.to_vec(), first: stamp == Stamp::default(), marker: PhantomData }
    }

    fn put(&mut self, place: Place, bytes: Vec<u8>) {
        (place, blake2_256(&bytes)).encode_to(&mut self.written);
        Economy::<T>::insert(place, bytes);
    }

    fn put_if(&mut self, changed: bool, place: Place, part: &impl Encode) {
        if changed || self.first {
            self.put(place, part.encode());
        }
    }

    fn remove(&mut self, place: Place) {
        (place, 0u8).encode_to(&mut self.written);
        Economy::<T>::remove(place);
    }

    fn stamp(self) -> Stamp {
        let stamp = blake2_256(&self.written);
        EconomyStamp::<T>::put(stamp);
        stamp
    }

    fn write_chain(&mut self, after: &mut Network, keys_changed: bool) {
        let netuids: Vec<NetUid> = after.subnets.keys().copied().collect();
        let (keys, subnets) = (Keys::out_of(after), take(&mut after.subnets));
        self.put((CHAIN, 0), (&*after, netuids).encode());
        self.put_if(keys_changed, (KEYS, 0), &keys);
        keys.put_into(after);
        after.subnets = subnets;
    }

    fn write_subnet(&mut self, after: &mut Subnet, changes: SubnetChanges) {
        let netuid = after.netuid.0;
        let parts = SubnetParts::out_of(after);
        self.put_if(changes.neurons, (NEURONS, netuid), &parts.neurons);
        self.put_if(changes.mechanisms, (MECHANISMS, netuid), &parts.mechanisms);
        self.put_if(changes.holdings, (HOLDINGS, netuid), &parts.holdings);
        self.put((SUBNET, netuid), after.encode());
        parts.put_into(after);
    }
}
