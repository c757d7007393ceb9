//! Neurons, one by one.

use super::super::{economy::hotkey, pallet::*, types::*};
use super::{at, records::*};
use codec::Compact;
use sn3_protocol::NetUid as Net;

impl<T: Config> Pallet<T> {
    /// All neurons of a subnet with their weights and bonds.
    pub fn neurons(netuid: NetUid) -> Vec<NeuronInfo> {
        (0..SubnetworkN::<T>::get(netuid)).filter_map(|uid| Self::neuron(netuid, uid)).collect()
    }

    /// A neuron with its weights and bonds.
    pub fn neuron(netuid: NetUid, uid: u16) -> Option<NeuronInfo> {
        let lite = Self::neuron_lite(netuid, uid)?;
        let pairs = |row: Vec<(u16, u16)>| row.into_iter().map(|(a, b)| (Compact(a), Compact(b))).collect();
        Some(NeuronInfo {
            hotkey: lite.hotkey,
            coldkey: lite.coldkey,
            uid: lite.uid,
            netuid: lite.netuid,
            active: lite.active,
            axon_info: lite.axon_info,
            prometheus_info: lite.prometheus_info,
            stake: lite.stake,
            rank: lite.rank,
            emission: lite.emission,
            incentive: lite.incentive,
            consensus: lite.consensus,
            trust: lite.trust,
            validator_trust: lite.validator_trust,
            dividends: lite.dividends,
            last_update: lite.last_update,
            validator_permit: lite.validator_permit,
            weights: pairs(Weights::<T>::get(netuid, uid)),
            bonds: pairs(Bonds::<T>::get(netuid, uid)),
            pruning_score: lite.pruning_score,
        })
    }

    /// All neurons of a subnet.
    pub fn neurons_lite(netuid: NetUid) -> Vec<NeuronInfoLite> {
        (0..SubnetworkN::<T>::get(netuid)).filter_map(|uid| Self::neuron_lite(netuid, uid)).collect()
    }

    /// A neuron. Rank, trust and pruning score are no longer computed and are zero.
    pub fn neuron_lite(netuid: NetUid, uid: u16) -> Option<NeuronInfoLite> {
        if uid >= SubnetworkN::<T>::get(netuid) {
            return None;
        }
        let hot = Keys::<T>::get(netuid, uid);
        let cold = Owner::<T>::get(&hot);
        let index = usize::from(uid);
        let stake = Self::economy().subnet(Net(netuid)).map_or(0, |s| s.stake_of_hotkey(&hotkey(&hot)));
        Some(NeuronInfoLite {
            uid: Compact(uid),
            netuid: Compact(netuid),
            active: at(&Active::<T>::get(netuid), index),
            axon_info: Axons::<T>::get(netuid, &hot).unwrap_or_default(),
            prometheus_info: Prometheus::<T>::get(netuid, &hot).unwrap_or_default(),
            stake: vec![(cold.clone(), Compact(stake))],
            rank: Compact(0),
            emission: Compact(at(&Emission::<T>::get(netuid), index)),
            incentive: Compact(at(&Incentive::<T>::get(netuid), index)),
            consensus: Compact(at(&Consensus::<T>::get(netuid), index)),
            trust: Compact(0),
            validator_trust: Compact(at(&ValidatorTrust::<T>::get(netuid), index)),
            dividends: Compact(at(&Dividends::<T>::get(netuid), index)),
            last_update: Compact(at(&LastUpdate::<T>::get(netuid), index)),
            validator_permit: at(&ValidatorPermit::<T>::get(netuid), index),
            pruning_score: Compact(0),
            hotkey: hot,
            coldkey: cold,
        })
    }
}
