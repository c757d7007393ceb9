//! A chain's economic state at one block, as plain numbers: what a simulation can start from.
//!
//! Every number is what the chain stores: amounts in rao, fixed-point numbers as their bits, so that the simulated
//! chain starts with exactly the same state. The names of the actors are `netuid/uid/N`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_emission::Network;
use sn3_emission::network::{Limits, Mechanism, Pending, Schedule, Subnet};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

/// Largest snapshot file in bytes.
pub const SNAPSHOT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Version of the format.
pub const SNAPSHOT_VERSION: u32 = 1;

/// The chain at one block. Subnets that are not in it do not exist in the simulation; their share of the emission
/// is lost to nobody but distorts the shares, so take all subnets (without neurons where they do not matter).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSnapshot {
    /// Version of the format: [`SNAPSHOT_VERSION`].
    pub version: u32,
    /// The block.
    pub block: u64,
    /// Version of the runtime that made it.
    pub spec_version: u32,
    /// All TAO, in rao.
    pub total_issuance: u64,
    /// All staked TAO, in rao.
    pub total_stake: u64,
    /// TAO staked on root, in rao.
    pub root_tao: u64,
    /// Weight of root stake in 2⁻⁶⁴ths.
    pub tao_weight: u64,
    /// Least stake for weights and epochs, in rao.
    pub stake_threshold: u64,
    /// The owners' cut in 65535ths.
    pub subnet_owner_cut: u16,
    /// Rate of the price average, 32 fraction bits.
    pub moving_alpha_bits: i128,
    /// Half-life of the price average in blocks.
    pub ema_price_halving_blocks: u64,
    /// Epochs per block.
    pub max_epochs_per_block: u8,
    /// The subnets.
    pub subnets: Vec<SubnetSnapshot>,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubnetSnapshot {
    /// Its number.
    pub netuid: NetUid,
    /// Whether it has a pool (mechanism id 1).
    pub dynamic: bool,
    /// TAO reserve in rao.
    pub tao: u64,
    /// Alpha reserve in rao.
    pub alpha_in: u64,
    /// Alpha outside the pool in rao.
    pub alpha_out: u64,
    /// Weight of the TAO side in 10⁻¹⁸ths.
    pub quote_weight: u64,
    /// Alpha bought by the chain itself, in rao.
    pub protocol_alpha: u64,
    /// Moving average of the price, 32 fraction bits.
    pub moving_price_bits: i128,
    /// Withheld part of the miner emission, 32 fraction bits.
    pub miner_burned_bits: u128,
    /// First block with emission.
    pub first_emission_block: Option<u64>,
    /// Whether its alpha can be traded.
    pub subtoken_enabled: bool,
    /// Whether it accepts registrations.
    pub registration_allowed: bool,
    /// Whether it gets TAO emission.
    pub emission_enabled: bool,
    /// Block of its registration.
    pub registered_at: u64,
    /// Whether the owner gets a cut.
    pub owner_cut_enabled: bool,
    /// The owner's coldkey.
    pub owner_coldkey: Option<Coldkey>,
    /// The owner's hotkey.
    pub owner_hotkey: Option<Hotkey>,
    /// Price of a registration in rao.
    pub burn: u64,
    /// When epochs run.
    pub schedule: Schedule,
    /// What waits for the next epoch.
    pub pending: Pending,
    /// What the epoch reads.
    pub params: sn3_emission::epoch::EpochParams,
    /// What operations read.
    pub limits: Limits,
    /// The neurons by uid.
    pub neurons: Vec<NeuronSnapshot>,
    /// Weights, bonds and times by mechanism; at least one.
    pub mechanisms: Vec<MechanismSnapshot>,
}

/// One neuron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuronSnapshot {
    /// The hotkey.
    pub hotkey: Hotkey,
    /// Its owner.
    pub coldkey: Coldkey,
    /// All alpha on the hotkey in rao. Who of its nominators holds how much is not in a snapshot: the owner does.
    pub alpha: u64,
    /// TAO on the hotkey on root in rao.
    pub root: u64,
    /// Take in 65535ths.
    pub take: u16,
    /// Block of registration.
    pub registered_at: u64,
    /// Whether it holds a permit.
    pub validator_permit: bool,
    /// What the last epoch paid in rao.
    pub emission: u64,
}

/// What one mechanism stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MechanismSnapshot {
    /// Weights by uid, `(uid, 65535ths)` in the order of submission.
    pub weights: Vec<Vec<(u16, u16)>>,
    /// Bonds by uid.
    pub bonds: Vec<Vec<(u16, u16)>>,
    /// Block of each neuron's last weights.
    pub last_update: Vec<u64>,
}

/// Why a snapshot was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file cannot be read.
    #[error("snapshot {path}: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("snapshot {path} has {bytes} bytes, at most {SNAPSHOT_BYTES_MAX} are read; take fewer subnets")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The text is no snapshot.
    #[error("snapshot {path}: {source}; take it again")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Columns of different lengths, repeated keys, or a version that is not known.
    #[error("snapshot: {what}; take it again with this version")]
    Content {
        /// What is wrong.
        what: String,
    },
}

impl ChainSnapshot {
    /// Reads and checks a JSON file.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn load(path: &Path) -> Result<Self, SnapshotError> {
        let read = |source| SnapshotError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(read)?.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = std::fs::read(path).map_err(read)?;
        let format = |source| SnapshotError::Format { path: path.to_owned(), source };
        let snapshot: Self = serde_json::from_slice(&text).map_err(format)?;
        snapshot.check()?;
        Ok(snapshot)
    }

    /// Writes the snapshot as JSON, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec(self).expect("a snapshot has only text keys");
        crate::output::write_atomic(path, &text)
    }

    /// Checks what the types do not: lengths, repeated keys and subnets, the version.
    ///
    /// # Errors
    /// [`SnapshotError::Content`].
    pub fn check(&self) -> Result<(), SnapshotError> {
        let fail = |what: String| Err(SnapshotError::Content { what });
        if self.version != SNAPSHOT_VERSION {
            return fail(format!("version {} is not {SNAPSHOT_VERSION}", self.version));
        }
        let mut netuids = std::collections::BTreeSet::from([NetUid(0)]);
        for subnet in &self.subnets {
            if !netuids.insert(subnet.netuid) {
                return fail(format!("subnet {} occurs twice, or is root", subnet.netuid));
            }
            subnet.check().or_else(|what| fail(format!("subnet {}: {what}", subnet.netuid)))?;
        }
        Ok(())
    }
}

impl ChainSnapshot {
    /// The state of a simulated chain, as a chain reader would take it: nominators count as their hotkeys' owners.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let globals = &network.globals;
        let subnets = network.subnets.values().filter(|subnet| subnet.netuid.0 != 0);
        Self {
            version: SNAPSHOT_VERSION,
            block: network.block,
            spec_version: network.spec.version,
            total_issuance: network.total_issuance,
            total_stake: network.total_stake,
            root_tao: network.root_tao(),
            tao_weight: globals.tao_weight,
            stake_threshold: globals.stake_threshold_rao,
            subnet_owner_cut: globals.subnet_owner_cut,
            moving_alpha_bits: globals.moving_alpha.to_bits(),
            ema_price_halving_blocks: globals.ema_price_halving_blocks,
            max_epochs_per_block: globals.max_epochs_per_block,
            subnets: subnets.map(|subnet| SubnetSnapshot::of(network, subnet)).collect(),
        }
    }
}

impl SubnetSnapshot {
    fn of(network: &Network, subnet: &Subnet) -> Self {
        Self {
            netuid: subnet.netuid,
            dynamic: subnet.dynamic,
            tao: subnet.pool.tao,
            alpha_in: subnet.pool.alpha,
            alpha_out: subnet.alpha_out,
            quote_weight: subnet.pool.quote_weight,
            protocol_alpha: subnet.protocol_alpha,
            moving_price_bits: subnet.moving_price.to_bits(),
            miner_burned_bits: subnet.miner_burned.to_bits(),
            first_emission_block: subnet.first_emission_block,
            subtoken_enabled: subnet.subtoken_enabled,
            registration_allowed: subnet.registration_allowed,
            emission_enabled: subnet.emission_enabled,
            registered_at: subnet.registered_at,
            owner_cut_enabled: subnet.owner_cut_enabled,
            owner_coldkey: subnet.owner_coldkey,
            owner_hotkey: subnet.owner_hotkey,
            burn: subnet.registration_price.burn_rao,
            schedule: subnet.schedule,
            pending: subnet.pending,
            params: subnet.params.clone(),
            limits: subnet.limits.clone(),
            neurons: (0..subnet.neurons.len()).map(|uid| NeuronSnapshot::of(network, subnet, uid)).collect(),
            mechanisms: subnet.mechanisms.iter().map(MechanismSnapshot::of).collect(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let n = self.neurons.len();
        if n > usize::from(u16::MAX) {
            return Err(format!("{n} neurons are more than any subnet has"));
        }
        let hotkeys: std::collections::BTreeSet<&Hotkey> =
            self.neurons.iter().map(|neuron| &neuron.hotkey).collect();
        if hotkeys.len() != n {
            return Err("a hotkey holds two slots".to_owned());
        }
        if self.mechanisms.is_empty() {
            return Err("it has no mechanism".to_owned());
        }
        self.mechanisms.iter().try_for_each(|mechanism| mechanism.check(n))
    }
}

impl NeuronSnapshot {
    fn of(network: &Network, subnet: &Subnet, uid: usize) -> Self {
        let (neurons, hotkey) = (&subnet.neurons, subnet.neurons.hotkeys[uid]);
        let state = network.hotkeys.get(&hotkey);
        Self {
            hotkey,
            coldkey: state.map_or(Coldkey(hotkey.0), |state| state.owner),
            alpha: subnet.stake_of_hotkey(&hotkey),
            root: network.root_stake(&hotkey),
            take: state.and_then(|state| state.take).unwrap_or(network.globals.default_take),
            registered_at: neurons.registered_at[uid],
            validator_permit: neurons.validator_permit.get(uid).copied().unwrap_or(false),
            emission: neurons.emission.get(uid).copied().unwrap_or(0),
        }
    }
}

impl MechanismSnapshot {
    fn of(mechanism: &Mechanism) -> Self {
        Self {
            weights: mechanism.weights.clone(),
            bonds: mechanism.bonds.clone(),
            last_update: mechanism.last_update.clone(),
        }
    }

    fn check(&self, n: usize) -> Result<(), String> {
        for (what, length) in [
            ("weights", self.weights.len()),
            ("bonds", self.bonds.len()),
            ("last_update", self.last_update.len()),
        ] {
            if length != n {
                return Err(format!("{what} has {length} entries for {n} neurons"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Control, Simulation};
    use crate::scenario::{EXAMPLE, Format, Scenario};
    use crate::world::World;

    fn simulated() -> Network {
        let mut scenario = Scenario::parse(EXAMPLE, Format::Toml).unwrap();
        scenario.blocks = 200;
        let mut simulation = Simulation::new(&scenario).unwrap();
        simulation.run(&mut |_| Control::Continue);
        simulation.world().network.clone()
    }

    fn restored(snapshot: ChainSnapshot) -> World {
        let scenario = Scenario { snapshot: Some(Box::new(snapshot)), blocks: 100, ..Scenario::default() };
        World::build(&scenario).unwrap()
    }

    #[test]
    fn a_snapshot_keeps_every_bit_and_the_chain_goes_on_the_same() {
        let mut network = simulated();
        let text = serde_json::to_string(&ChainSnapshot::of(&network)).unwrap();
        let mut world = restored(serde_json::from_str(&text).unwrap());
        assert_eq!(ChainSnapshot::of(&world.network), ChainSnapshot::of(&network));
        for block in 0..130_u8 {
            network.step_block(&[block; 32]);
            world.network.step_block(&[block; 32]);
        }
        for (before, after) in network.subnets.values().zip(world.network.subnets.values()) {
            assert_eq!(before.mechanisms[0].bonds, after.mechanisms[0].bonds);
            assert_eq!(before.mechanisms[0].incentive, after.mechanisms[0].incentive);
            assert_eq!(before.alpha_out, after.alpha_out);
        }
    }

    #[test]
    fn actors_of_a_snapshot_act() {
        let snapshot = ChainSnapshot::of(&simulated());
        let scenario = Scenario { snapshot: Some(Box::new(snapshot)), blocks: 150, ..Scenario::default() };
        let mut simulation = Simulation::new(&scenario).unwrap();
        simulation.run(&mut |_| Control::Continue);
        let summary = simulation.summary();
        assert!(summary.actor("1/uid/1").unwrap().weights_set > 0, "{:?}", summary.refusals);
        assert!(summary.group("1/uid").unwrap().earned_alpha_rao > 0);
    }

    #[test]
    fn inconsistent_snapshots_are_refused() {
        let good = ChainSnapshot::of(&simulated());
        let mut short = good.clone();
        short.subnets[0].mechanisms[0].last_update.pop();
        let mut twice = good.clone();
        twice.subnets[1].netuid = twice.subnets[0].netuid;
        let mut same = good.clone();
        same.subnets[0].neurons[1].hotkey = same.subnets[0].neurons[0].hotkey;
        let mut old = good;
        old.version = 0;
        for (wrong, what) in
            [(short, "last_update has"), (twice, "occurs twice"), (same, "two slots"), (old, "version 0")]
        {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
