//! Subnets: summary, pool, columns.

use super::super::CommittedBytes;
use super::super::{
    economy::{account, hotkey},
    pallet::*,
    types::*,
};
use super::{
    column, compacts,
    metagraph::{COMMITMENTS, Columns, Metagraph, SelectiveMetagraph, Settings, Summary, VALIDATORS},
    records::*,
};
use codec::Compact;
use sn3_emission::Network;
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;
use std::collections::BTreeSet;

/// Stake of each neuron, by uid: what runtime APIs call alpha, TAO and total stake.
struct StakeColumns {
    alpha: Vec<Compact<u64>>,
    tao: Vec<Compact<u64>>,
    total: Vec<Compact<u64>>,
}

impl<T: Config> Pallet<T> {
    /// All networks, ascending.
    pub fn netuids() -> Vec<NetUid> {
        let mut netuids: Vec<NetUid> = NetworksAdded::<T>::iter_keys().collect();
        netuids.sort_unstable();
        netuids
    }

    /// Something of each network, in the order of their numbers. Clients do not expect gaps.
    pub fn for_each_netuid<R>(info: impl Fn(NetUid) -> Option<R>) -> Vec<Option<R>> {
        Self::netuids().into_iter().map(info).collect()
    }

    /// A subnet.
    pub fn subnet_info(netuid: NetUid) -> Option<SubnetInfo> {
        let v2 = Self::subnet_info_v2(netuid)?;
        Some(SubnetInfo {
            netuid: v2.netuid,
            rho: v2.rho,
            kappa: v2.kappa,
            difficulty: v2.difficulty,
            immunity_period: v2.immunity_period,
            max_allowed_validators: v2.max_allowed_validators,
            min_allowed_weights: v2.min_allowed_weights,
            max_weights_limit: v2.max_weights_limit,
            scaling_law_power: v2.scaling_law_power,
            subnetwork_n: v2.subnetwork_n,
            max_allowed_uids: v2.max_allowed_uids,
            blocks_since_last_step: v2.blocks_since_last_step,
            tempo: v2.tempo,
            network_modality: v2.network_modality,
            network_connect: v2.network_connect,
            emission_values: v2.emission_value,
            burn: v2.burn,
            owner: v2.owner,
        })
    }

    /// A subnet and how it describes itself.
    pub fn subnet_info_v2(netuid: NetUid) -> Option<SubnetInfov2> {
        NetworksAdded::<T>::get(netuid).then(|| SubnetInfov2 {
            netuid: Compact(netuid),
            rho: Compact(Rho::<T>::get(netuid)),
            kappa: Compact(Kappa::<T>::get(netuid)),
            difficulty: Compact(Difficulty::<T>::get(netuid)),
            immunity_period: Compact(ImmunityPeriod::<T>::get(netuid)),
            max_allowed_validators: Compact(MaxAllowedValidators::<T>::get(netuid)),
            min_allowed_weights: Compact(MinAllowedWeights::<T>::get(netuid)),
            max_weights_limit: Compact(MaxWeightsLimit::<T>::get(netuid)),
            scaling_law_power: Compact(ScalingLawPower::<T>::get(netuid)),
            subnetwork_n: Compact(SubnetworkN::<T>::get(netuid)),
            max_allowed_uids: Compact(MaxAllowedUids::<T>::get(netuid)),
            blocks_since_last_step: Compact(BlocksSinceLastStep::<T>::get(netuid)),
            tempo: Compact(Tempo::<T>::get(netuid)),
            network_modality: Compact(0),
            network_connect: Vec::new(),
            emission_value: Compact(SubnetTaoInEmission::<T>::get(netuid)),
            burn: Compact(Burn::<T>::get(netuid)),
            owner: SubnetOwner::<T>::get(netuid),
            identity: SubnetIdentitiesV3::<T>::get(netuid),
        })
    }

    /// The pool and the identity of a subnet.
    pub fn dynamic_info(netuid: NetUid) -> Option<DynamicInfo> {
        let graph = Self::metagraph(netuid)?;
        Some(DynamicInfo {
            netuid: graph.netuid,
            owner_hotkey: graph.owner_hotkey,
            owner_coldkey: graph.owner_coldkey,
            subnet_name: graph.name,
            token_symbol: graph.symbol,
            tempo: graph.tempo,
            last_step: graph.last_step,
            blocks_since_last_step: graph.blocks_since_last_step,
            emission: graph.subnet_emission,
            alpha_in: graph.alpha_in,
            alpha_out: graph.alpha_out,
            tao_in: graph.tao_in,
            alpha_out_emission: graph.alpha_out_emission,
            alpha_in_emission: graph.alpha_in_emission,
            tao_in_emission: graph.tao_in_emission,
            pending_alpha_emission: graph.pending_alpha_emission,
            pending_root_emission: graph.pending_root_emission,
            subnet_volume: graph.subnet_volume,
            network_registered_at: graph.network_registered_at,
            subnet_identity: graph.identity,
            moving_price: graph.moving_price,
        })
    }

    /// The columns of a subnet's first mechanism.
    pub fn subnet_state(netuid: NetUid) -> Option<SubnetState> {
        let graph = Self::metagraph(netuid)?;
        Some(SubnetState {
            netuid: graph.netuid,
            emission_history: Self::emission_history(&graph.hotkeys),
            hotkeys: graph.hotkeys,
            coldkeys: graph.coldkeys,
            active: graph.active,
            validator_permit: graph.validator_permit,
            pruning_score: graph.pruning_score,
            last_update: graph.last_update,
            emission: graph.emission,
            dividends: graph.dividends,
            incentives: graph.incentives,
            consensus: graph.consensus,
            trust: graph.trust,
            rank: graph.rank,
            block_at_registration: graph.block_at_registration,
            alpha_stake: graph.alpha_stake,
            tao_stake: graph.tao_stake,
            total_stake: graph.total_stake,
        })
    }

    /// What the last epoch of each network paid the hotkeys.
    fn emission_history(hotkeys: &[AccountId32]) -> Vec<Vec<Compact<u64>>> {
        let on_network = |netuid: NetUid| {
            let emission = Emission::<T>::get(netuid);
            let paid = |hot| Uids::<T>::get(netuid, hot).map_or(0, |uid| super::at(&emission, uid.into()));
            hotkeys.iter().map(|hot| Compact(paid(hot))).collect()
        };
        Self::netuids().into_iter().map(on_network).collect()
    }

    /// The whole metagraph of a subnet's first mechanism.
    pub fn metagraph(netuid: NetUid) -> Option<Metagraph> {
        Self::mechagraph(netuid, 0)
    }

    /// The metagraphs of all mechanisms of all networks.
    pub fn mechagraphs() -> Vec<Option<Metagraph>> {
        let mechanisms = |netuid| 0..MechanismCountCurrent::<T>::get(netuid);
        let graphs = |netuid| mechanisms(netuid).map(move |number| Self::mechagraph(netuid, number));
        Self::netuids().into_iter().flat_map(graphs).collect()
    }

    /// The wanted parts of the metagraph of a mechanism; its numbers are those of the chain.
    pub fn selective_mechagraph(
        netuid: NetUid,
        mechanism: MechId,
        parts: Vec<u16>,
    ) -> Option<SelectiveMetagraph> {
        let parts: BTreeSet<u16> = parts.into_iter().collect();
        let mut selected = Self::mechagraph(netuid, mechanism)?.select(&parts);
        if parts.contains(&VALIDATORS) {
            let permits = ValidatorPermit::<T>::get(netuid);
            let uids = (0u16..).zip(permits).filter(|(_, permit)| *permit);
            selected.validators = Some(uids.map(|(uid, _)| Compact(uid)).collect());
        }
        if parts.contains(&COMMITMENTS) {
            selected.commitments = Some(T::Commitments::of_subnet(netuid));
        }
        Some(selected)
    }

    /// The whole metagraph of a mechanism.
    pub fn mechagraph(netuid: NetUid, mechanism: MechId) -> Option<Metagraph> {
        let exists = NetworksAdded::<T>::get(netuid) && mechanism < MechanismCountCurrent::<T>::get(netuid);
        exists.then(|| {
            let columns = Self::metagraph_columns(netuid, mechanism);
            Metagraph::assemble(
                netuid,
                Self::metagraph_summary(netuid),
                Self::metagraph_settings(netuid),
                columns,
            )
        })
    }

    fn metagraph_summary(netuid: NetUid) -> Summary {
        let identity = SubnetIdentitiesV3::<T>::get(netuid);
        let (server, validator) =
            (PendingServerEmission::<T>::get(netuid), PendingValidatorEmission::<T>::get(netuid));
        Summary {
            name: compacts(identity.as_ref().map_or(&[], |identity| &identity.subnet_name)),
            symbol: compacts(&TokenSymbol::<T>::get(netuid)),
            identity,
            network_registered_at: Compact(NetworkRegisteredAt::<T>::get(netuid)),
            owner_hotkey: SubnetOwnerHotkey::<T>::get(netuid),
            owner_coldkey: SubnetOwner::<T>::get(netuid),
            block: Compact(Self::now()),
            tempo: Compact(Tempo::<T>::get(netuid)),
            last_step: Compact(LastMechansimStepBlock::<T>::get(netuid)),
            blocks_since_last_step: Compact(BlocksSinceLastStep::<T>::get(netuid)),
            subnet_emission: Compact(SubnetTaoInEmission::<T>::get(netuid)),
            alpha_in: Compact(SubnetAlphaIn::<T>::get(netuid)),
            alpha_out: Compact(SubnetAlphaOut::<T>::get(netuid)),
            tao_in: Compact(SubnetTAO::<T>::get(netuid)),
            alpha_out_emission: Compact(SubnetAlphaOutEmission::<T>::get(netuid)),
            alpha_in_emission: Compact(SubnetAlphaInEmission::<T>::get(netuid)),
            tao_in_emission: Compact(SubnetTaoInEmission::<T>::get(netuid)),
            pending_alpha_emission: Compact(server.saturating_add(validator)),
            pending_root_emission: Compact(PendingRootAlphaDivs::<T>::get(netuid)),
            subnet_volume: Compact(SubnetVolume::<T>::get(netuid)),
            moving_price: SubnetMovingPrice::<T>::get(netuid),
        }
    }

    fn metagraph_settings(netuid: NetUid) -> Settings {
        let (alpha_low, alpha_high) = AlphaValues::<T>::get(netuid);
        Settings {
            rho: Compact(Rho::<T>::get(netuid)),
            kappa: Compact(Kappa::<T>::get(netuid)),
            min_allowed_weights: Compact(MinAllowedWeights::<T>::get(netuid)),
            max_weights_limit: Compact(MaxWeightsLimit::<T>::get(netuid)),
            weights_version: Compact(WeightsVersionKey::<T>::get(netuid)),
            weights_rate_limit: Compact(WeightsSetRateLimit::<T>::get(netuid)),
            activity_cutoff: Compact(u16::try_from(Self::activity_cutoff(netuid)).unwrap_or(u16::MAX)),
            max_validators: Compact(MaxAllowedValidators::<T>::get(netuid)),
            num_uids: Compact(SubnetworkN::<T>::get(netuid)),
            max_uids: Compact(MaxAllowedUids::<T>::get(netuid)),
            burn: Compact(Burn::<T>::get(netuid)),
            difficulty: Compact(Difficulty::<T>::get(netuid)),
            registration_allowed: NetworkRegistrationAllowed::<T>::get(netuid),
            pow_registration_allowed: NetworkPowRegistrationAllowed::<T>::get(netuid),
            immunity_period: Compact(ImmunityPeriod::<T>::get(netuid)),
            min_difficulty: Compact(MinDifficulty::<T>::get(netuid)),
            max_difficulty: Compact(MaxDifficulty::<T>::get(netuid)),
            min_burn: Compact(MinBurn::<T>::get(netuid)),
            max_burn: Compact(MaxBurn::<T>::get(netuid)),
            adjustment_alpha: Compact(AdjustmentAlpha::<T>::get(netuid)),
            adjustment_interval: Compact(AdjustmentInterval::<T>::get(netuid)),
            target_regs_per_interval: Compact(TargetRegistrationsPerInterval::<T>::get(netuid)),
            max_regs_per_block: Compact(MaxRegistrationsPerBlock::<T>::get(netuid)),
            serving_rate_limit: Compact(ServingRateLimit::<T>::get(netuid)),
            commit_reveal_weights_enabled: CommitRevealWeightsEnabled::<T>::get(netuid),
            commit_reveal_period: Compact(RevealPeriodEpochs::<T>::get(netuid)),
            liquid_alpha_enabled: LiquidAlphaOn::<T>::get(netuid),
            alpha_high: Compact(alpha_high),
            alpha_low: Compact(alpha_low),
            bonds_moving_avg: Compact(BondsMovingAverage::<T>::get(netuid)),
        }
    }

    fn metagraph_columns(netuid: NetUid, mechanism: MechId) -> Columns {
        let network = Self::economy();
        let n = SubnetworkN::<T>::get(netuid);
        let index = storage_index(netuid, mechanism);
        let hotkeys: Vec<AccountId32> = (0..n).map(|uid| Keys::<T>::get(netuid, uid)).collect();
        let coldkeys: Vec<AccountId32> = hotkeys.iter().map(Owner::<T>::get).collect();
        let stakes = stake_columns(&network, netuid, &hotkeys);
        let (active, permits) = (Active::<T>::get(netuid), ValidatorPermit::<T>::get(netuid));
        Columns {
            identities: coldkeys.iter().map(IdentitiesV2::<T>::get).collect(),
            axons: hotkeys.iter().map(|hot| Axons::<T>::get(netuid, hot).unwrap_or_default()).collect(),
            active: (0..n).map(|uid| super::at(&active, uid.into())).collect(),
            validator_permit: (0..n).map(|u| super::at(&permits, u.into())).collect(),
            pruning_score: column(&[], n),
            last_update: column(&LastUpdate::<T>::get(index), n),
            emission: column(&Emission::<T>::get(netuid), n),
            dividends: column(&Dividends::<T>::get(netuid), n),
            incentives: column(&Incentive::<T>::get(index), n),
            consensus: column(&Consensus::<T>::get(netuid), n),
            trust: column(&[], n),
            rank: column(&[], n),
            block_at_registration: (0..n)
                .map(|u| Compact(BlockAtRegistration::<T>::get(netuid, u)))
                .collect(),
            alpha_stake: stakes.alpha,
            tao_stake: stakes.tao,
            total_stake: stakes.total,
            tao_dividends_per_hotkey: dividends(&network, netuid, true),
            alpha_dividends_per_hotkey: dividends(&network, netuid, false),
            hotkeys,
            coldkeys,
        }
    }
}

fn stake_columns(network: &Network, netuid: NetUid, hotkeys: &[AccountId32]) -> StakeColumns {
    let (root, net) = (Net(0), Net(netuid));
    let on = |at: Net, hot| network.subnet(at).map_or(0, |subnet| subnet.stake_of_hotkey(&hotkey(hot)));
    StakeColumns {
        alpha: hotkeys.iter().map(|hot| Compact(on(net, hot))).collect(),
        tao: hotkeys.iter().map(|hot| Compact(on(root, hot))).collect(),
        total: hotkeys.iter().map(|hot| Compact(network.weighted_stake(net, &hotkey(hot)))).collect(),
    }
}

/// The dividends of the last epoch: those of root stakers, or those of alpha stakers.
fn dividends(network: &Network, netuid: NetUid, root: bool) -> Vec<(AccountId32, Compact<u64>)> {
    let Some(subnet) = network.subnet(Net(netuid)) else { return Vec::new() };
    let paid = if root { &subnet.root_alpha_dividends } else { &subnet.alpha_dividends };
    paid.iter().map(|(hot, alpha)| (account(&hot.0), Compact(*alpha))).collect()
}
