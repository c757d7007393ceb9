//! A world that starts from a chain's state.

use sn3_emission::Network;
use sn3_emission::fixed::{I96F32, U96F32};
use sn3_emission::network::{Globals, Mechanism, Subnet};
use sn3_emission::pool::Pool;
use sn3_protocol::NetUid;

use super::{Actor, BuildError, Kind, Role, World};
use crate::behaviour::{Plain, ValidatorStep};
use crate::scenario::{Amount, Scenario, Timing};
use crate::snapshot::{ChainSnapshot, MechanismSnapshot, NeuronSnapshot, SubnetSnapshot};

/// The group of all neurons of a subnet that came from a snapshot.
pub(crate) const UID_LABEL: &str = "uid";

impl World {
    /// The chain's state exactly as it was. Neurons become actors named `netuid/uid/N`: those with a permit submit
    /// their stored weights again and again, the others work as well as the last epoch paid them.
    pub(super) fn from_snapshot(scenario: &Scenario, snapshot: &ChainSnapshot) -> Result<Self, BuildError> {
        let mut globals = chain_globals(snapshot);
        scenario.globals.apply(&mut globals);
        let mut network = Network::new(globals, snapshot.block);
        let root = network.subnet_mut(NetUid(0)).expect("a new chain has root");
        root.pool = Pool::new(snapshot.root_tao, 0);
        root.account_tao = snapshot.root_tao;
        root.alpha_out = snapshot.root_tao;
        let mut world = Self::around(network, scenario);
        world.start_block = snapshot.block;
        for subnet in &snapshot.subnets {
            world.restore_subnet(subnet)?;
        }
        world.network.total_issuance = snapshot.total_issuance;
        world.network.total_stake = snapshot.total_stake;
        Ok(world)
    }

    fn restore_subnet(&mut self, from: &SubnetSnapshot) -> Result<(), BuildError> {
        let mut subnet = Subnet::new(from.netuid, from.registered_at);
        restore_state(&mut subnet, from);
        self.network.subnets.insert(from.netuid, subnet);
        self.restore_neurons(from)?;
        let subnet = self.network.subnet_mut(from.netuid).expect("the subnet was just inserted");
        restore_columns(subnet, from);
        subnet.limits = from.limits.clone();
        subnet.registration_allowed = from.registration_allowed;
        Ok(())
    }

    fn restore_neurons(&mut self, from: &SubnetSnapshot) -> Result<(), BuildError> {
        let best = from.neurons.iter().filter(|n| !n.validator_permit).map(|n| n.emission).max().unwrap_or(0);
        let mut members = Vec::with_capacity(from.neurons.len());
        for (uid, neuron) in from.neurons.iter().enumerate() {
            let actor = restored_actor(from.netuid, uid, neuron, best);
            let refused = |source| BuildError::Refused { what: actor.name.clone(), source };
            self.network.register_free(&neuron.coldkey, &neuron.hotkey, from.netuid).map_err(refused)?;
            let book = self.open_book(&actor, Amount::default());
            self.restore_stake(book, &actor, from.netuid, neuron.alpha).map_err(refused)?;
            let held = self.network.root_stake(&neuron.hotkey);
            self.restore_stake(book, &actor, NetUid(0), neuron.root.saturating_sub(held)).map_err(refused)?;
            if let Some(state) = self.network.hotkeys.get_mut(&neuron.hotkey) {
                state.take = Some(neuron.take);
            }
            members.push(actor);
        }
        self.cast.add(Some(from.netuid), UID_LABEL, Kind::Validator, members);
        Ok(())
    }

    /// Stake that the snapshot's totals count already.
    fn restore_stake(
        &mut self,
        book: usize,
        actor: &Actor,
        netuid: NetUid,
        amount: u64,
    ) -> Result<(), sn3_emission::OpError> {
        if amount > 0 {
            self.network.grant_stake(netuid, &actor.hotkey(), &actor.coldkey, amount)?;
            self.books[book].trades.entry((netuid, actor.hotkey())).or_default().start += amount;
        }
        Ok(())
    }
}

fn chain_globals(snapshot: &ChainSnapshot) -> Globals {
    Globals {
        tao_weight: snapshot.tao_weight,
        stake_threshold_rao: snapshot.stake_threshold,
        subnet_owner_cut: snapshot.subnet_owner_cut,
        moving_alpha: I96F32::from_bits(snapshot.moving_alpha_bits),
        ema_price_halving_blocks: snapshot.ema_price_halving_blocks,
        max_epochs_per_block: snapshot.max_epochs_per_block,
        ..Globals::default()
    }
}

fn restored_actor(netuid: NetUid, uid: usize, neuron: &NeuronSnapshot, best: u64) -> Actor {
    let role = if neuron.validator_permit {
        let steps = [ValidatorStep::Repeat(Plain {})].as_slice().into();
        Role::Validator { steps, timing: Timing::default() }
    } else {
        let quality = if best == 0 { 0.0 } else { neuron.emission as f64 / best as f64 };
        Role::Miner { quality, steps: [].as_slice().into() }
    };
    Actor {
        name: format!("{netuid}/{UID_LABEL}/{uid}"),
        coldkey: neuron.coldkey,
        hotkeys: vec![neuron.hotkey],
        netuid: Some(netuid),
        role,
        sell: None,
    }
}

/// Everything but neurons; slots are not limited while neurons are placed.
fn restore_state(subnet: &mut Subnet, from: &SubnetSnapshot) {
    subnet.dynamic = from.dynamic;
    subnet.pool = Pool { tao: from.tao, alpha: from.alpha_in, quote_weight: from.quote_weight };
    subnet.account_tao = from.tao;
    subnet.alpha_out = from.alpha_out;
    subnet.protocol_alpha = from.protocol_alpha;
    subnet.moving_price = I96F32::from_bits(from.moving_price_bits);
    subnet.miner_burned = U96F32::from_bits(from.miner_burned_bits);
    subnet.first_emission_block = from.first_emission_block;
    subnet.subtoken_enabled = from.subtoken_enabled;
    subnet.emission_enabled = from.emission_enabled;
    subnet.owner_cut_enabled = from.owner_cut_enabled;
    subnet.owner_coldkey = from.owner_coldkey;
    subnet.owner_hotkey = from.owner_hotkey;
    subnet.registration_price.burn_rao = from.burn;
    subnet.schedule = from.schedule;
    subnet.pending = from.pending;
    subnet.params = from.params.clone();
    subnet.limits.max_allowed_uids = u16::MAX;
}

fn restore_columns(subnet: &mut Subnet, from: &SubnetSnapshot) {
    let neurons = &mut subnet.neurons;
    neurons.registered_at = from.neurons.iter().map(|neuron| neuron.registered_at).collect();
    neurons.validator_permit = from.neurons.iter().map(|neuron| neuron.validator_permit).collect();
    neurons.emission = from.neurons.iter().map(|neuron| neuron.emission).collect();
    let n = from.neurons.len();
    subnet.mechanisms = from.mechanisms.iter().map(|mechanism| restored_mechanism(mechanism, n)).collect();
}

fn restored_mechanism(from: &MechanismSnapshot, n: usize) -> Mechanism {
    Mechanism {
        weights: from.weights.clone(),
        bonds: from.bonds.clone(),
        incentive: vec![0; n],
        consensus: vec![0; n],
        last_update: from.last_update.clone(),
        commits: Vec::new(),
    }
}
