//! A subnet's whole economic state at one block, as plain numbers: what a simulation starts from.
//!
//! Every number is what the chain stores: amounts in rao, fixed-point numbers as their bits. Reading it takes
//! one request per storage item, many of them in flight together, and two iterations per mechanism.

use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

use crate::BlockRef;

/// The chain's common parameters and totals at one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEconomy {
    /// The block that everything here was read at.
    pub block: BlockRef,
    /// Version of the runtime that made the block.
    pub spec_version: u32,
    /// All TAO, in rao (`TotalIssuance`).
    pub total_issuance: u64,
    /// All staked TAO, in rao (`TotalStake`).
    pub total_stake: u64,
    /// Weight of root stake in 2⁻⁶⁴ths (`TaoWeight`).
    pub tao_weight: u64,
    /// Least stake for weights and epochs, in rao (`StakeThreshold`).
    pub stake_threshold: u64,
    /// The owners' cut in 65535ths (`SubnetOwnerCut`).
    pub subnet_owner_cut: u16,
    /// Rate of the price average, 32 fraction bits (`SubnetMovingAlpha`).
    pub moving_alpha_bits: i128,
    /// Epochs per block (`MaxEpochsPerBlock`).
    pub max_epochs_per_block: u8,
    /// TAO staked on root, in rao (`SubnetTAO[0]`).
    pub root_tao: u64,
    /// Subnets besides root, ascending.
    pub netuids: Vec<NetUid>,
}

/// One subnet without its neurons: pool, flags, schedule and what waits for its epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetPool {
    /// The subnet.
    pub netuid: NetUid,
    /// One if the subnet has a pool; zero if it swaps one to one (`SubnetMechanism`).
    pub mechanism: u16,
    /// TAO reserve in rao (`SubnetTAO`).
    pub tao: u64,
    /// Alpha reserve in rao (`SubnetAlphaIn`).
    pub alpha_in: u64,
    /// Alpha outside the pool in rao (`SubnetAlphaOut`).
    pub alpha_out: u64,
    /// Weight of the TAO side in 10⁻¹⁸ths; one half where the chain keeps none.
    pub quote_weight: u64,
    /// Alpha bought by the chain itself, in rao (`SubnetProtocolAlpha`).
    pub protocol_alpha: u64,
    /// Moving average of the price, 32 fraction bits (`SubnetMovingPrice`).
    pub moving_price_bits: i128,
    /// Part of the miner emission that the owner withheld, 32 fraction bits (`MinerBurned`).
    pub miner_burned_bits: u128,
    /// Half-life of the price average in blocks (`EMAPriceHalvingBlocks`).
    pub ema_price_halving_blocks: u64,
    /// First block with emission, if the subnet was started (`FirstEmissionBlockNumber`).
    pub first_emission_block: Option<u64>,
    /// Whether its alpha can be traded (`SubtokenEnabled`).
    pub subtoken_enabled: bool,
    /// Whether it accepts registrations (`NetworkRegistrationAllowed`).
    pub registration_allowed: bool,
    /// Whether it gets TAO emission (`SubnetEmissionEnabled`).
    pub emission_enabled: bool,
    /// Block of its registration (`NetworkRegisteredAt`).
    pub registered_at: u64,
    /// Blocks between epochs (`Tempo`).
    pub tempo: u16,
    /// Block of the last epoch slot (`LastEpochBlock`).
    pub last_epoch_block: u64,
    /// Block at which a payout ended last (`LastMechansimStepBlock`).
    pub last_mechanism_step_block: u64,
    /// How many epoch slots there were (`SubnetEpochIndex`).
    pub epoch_index: u64,
    /// Alpha that waits for miners, in rao (`PendingServerEmission`).
    pub pending_server: u64,
    /// Alpha that waits for validators, in rao (`PendingValidatorEmission`).
    pub pending_validator: u64,
    /// Alpha that waits for root stakers, in rao (`PendingRootAlphaDivs`).
    pub pending_root_alpha: u64,
    /// Alpha that waits for the owner, in rao (`PendingOwnerCut`).
    pub pending_owner_cut: u64,
}

/// One subnet with its neurons, weights, bonds and stakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetEconomy {
    /// Pool, flags and schedule.
    pub pool: SubnetPool,
    /// The owner's coldkey (`SubnetOwner`).
    pub owner_coldkey: Coldkey,
    /// The owner's hotkey (`SubnetOwnerHotkey`).
    pub owner_hotkey: Hotkey,
    /// Whether the owner gets a cut (`OwnerCutEnabled`).
    pub owner_cut_enabled: bool,
    /// Hyperparameters that consensus and operations read.
    pub params: ConsensusParams,
    /// What a registration costs, in rao (`Burn`).
    pub burn: u64,
    /// The neurons by uid.
    pub neurons: Vec<NeuronEconomy>,
    /// Weights, bonds and times by mechanism; at least one.
    pub mechanisms: Vec<MechanismEconomy>,
}

/// Hyperparameters of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsensusParams {
    /// Activity cutoff in thousandths of the tempo.
    pub activity_cutoff_factor_milli: u32,
    /// Majority in 65535ths.
    pub kappa: u16,
    /// Memory of the bonds in millionths.
    pub bonds_moving_average: u64,
    /// How far bonds beyond consensus are cut, in 65535ths.
    pub bonds_penalty: u16,
    /// Yuma3 instead of Yuma2.
    pub yuma3_on: bool,
    /// Liquid alpha.
    pub liquid_alpha_on: bool,
    /// Bounds of liquid alpha in 65535ths, lower and upper.
    pub alpha_values: (u16, u16),
    /// Steepness of liquid alpha in hundredths.
    pub alpha_sigmoid_steepness: i16,
    /// Validator permits.
    pub max_allowed_validators: u16,
    /// Slots.
    pub max_allowed_uids: u16,
    /// Blocks in which a new neuron is not replaced.
    pub immunity_period_blocks: u16,
    /// Least number of weights.
    pub min_allowed_weights: u16,
    /// Blocks between two weight settings of a validator.
    pub weights_rate_limit_blocks: u64,
    /// Version that weights must carry at least.
    pub weights_version: u64,
    /// Whether weights are committed before they are revealed.
    pub commit_reveal_enabled: bool,
    /// Epochs between commit and reveal.
    pub reveal_period_epochs: u64,
}

/// One neuron's keys and stakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeuronEconomy {
    /// The hotkey in the slot.
    pub hotkey: Hotkey,
    /// Its owner.
    pub coldkey: Coldkey,
    /// All alpha on the hotkey, nominators included, in rao (`TotalHotkeyAlpha`).
    pub alpha: u64,
    /// TAO on the hotkey on root, in rao (`TotalHotkeyAlpha[…][0]`).
    pub root: u64,
    /// What the owner takes of nominators' dividends, in 65535ths (`Delegates`).
    pub take: u16,
    /// Block of registration (`BlockAtRegistration`).
    pub registered_at: u64,
    /// Whether it holds a permit (`ValidatorPermit`).
    pub validator_permit: bool,
    /// What the last epoch paid, in rao (`Emission`).
    pub emission: u64,
}

/// What one mechanism stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MechanismEconomy {
    /// Weights by validator uid, `(uid, 65535ths)` in the order of submission (`Weights`).
    pub weights: Vec<Vec<(u16, u16)>>,
    /// Bonds by validator uid (`Bonds`).
    pub bonds: Vec<Vec<(u16, u16)>>,
    /// Block of each neuron's last weights or commit (`LastUpdate`).
    pub last_update: Vec<u64>,
}
