//! A chain's economic state at one block, as plain numbers: what a simulation can start from.
//!
//! Every number is what the chain stores: amounts in rao, fixed-point numbers as their bits, so that the simulated
//! chain starts with exactly the same state. The names of the actors are `netuid/uid/N`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sn3_emission::network::{Limits, Pending, Schedule};
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

impl SubnetSnapshot {
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

impl MechanismSnapshot {
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
