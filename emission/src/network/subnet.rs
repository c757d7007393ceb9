//! One subnet's state: pool, schedule, neurons, mechanisms, stake, families.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::collateral::Collateral;
use super::curve::Curve;
use crate::epoch::{EpochParams, StoredRow};
use crate::fixed::{I64F64, I96F32, U96F32};
use crate::pool::Pool;
use crate::pool::concentrated::Held;
use crate::registration_price::RegistrationPrice;
use crate::share_pool::SharePool;

/// A `(proportion, hotkey)` relation of child keys; the proportion is in 2⁻⁶⁴ths.
pub type Relation = (u64, Hotkey);

/// Everything that the chain keeps for one subnet. Root is subnet 0.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Subnet {
    /// The subnet's number.
    pub netuid: NetUid,
    /// Whether it has a pool (mechanism id 1); root and stable subnets swap one to one.
    pub dynamic: bool,
    /// Block of its registration.
    pub registered_at: u64,
    /// First block with emission, set by the start call.
    pub first_emission_block: Option<u64>,
    /// Whether its alpha can be traded.
    pub subtoken_enabled: bool,
    /// Whether it accepts registrations.
    pub registration_allowed: bool,
    /// Whether it accepts registrations by work, where the spec has them.
    pub work_allowed: bool,
    /// Whether it gets TAO emission.
    pub emission_enabled: bool,
    /// Whether stake may be transferred between coldkeys.
    pub transfer_allowed: bool,
    /// The owner's coldkey.
    pub owner_coldkey: Option<Coldkey>,
    /// The owner's hotkey.
    pub owner_hotkey: Option<Hotkey>,
    /// Whether the owner gets a cut.
    pub owner_cut_enabled: bool,
    /// Whether withheld miner emission is recycled instead of burned.
    pub recycle_withheld: bool,
    /// TAO reserve, alpha reserve and weights.
    pub pool: Pool,
    /// The curve over the reserves, as the spec wants it.
    pub curve: Curve,
    /// What the pool could not take, where the spec keeps it.
    pub reservoir: Held,
    /// Alpha outside the pool (`SubnetAlphaOut`).
    pub alpha_out: u64,
    /// TAO in the subnet's account: the reserve plus what is unaccounted in it.
    pub account_tao: u64,
    /// Sum of all traded TAO (`SubnetVolume`).
    pub volume: u128,
    /// Alpha bought by the chain itself.
    pub protocol_alpha: u64,
    /// Moving average of the price.
    pub moving_price: I96F32,
    /// Root's proportion, for display.
    pub root_proportion: U96F32,
    /// Part of the miner emission withheld at the last epoch.
    pub miner_burned: U96F32,
    /// What the current block injected and bought.
    pub block_emission: BlockEmission,
    /// Emission that waits for the epoch.
    pub pending: Pending,
    /// When epochs run.
    pub schedule: Schedule,
    /// What a registration costs.
    pub registration_price: RegistrationPrice,
    /// Net TAO of users since the counter was read; only specs that split TAO by flow read it.
    pub user_flow: i64,
    /// Net TAO of the protocol since the counter was read.
    pub protocol_flow: i64,
    /// Moving averages of both.
    pub flow: FlowAverages,
    /// What the epoch reads.
    pub params: EpochParams,
    /// What operations read.
    pub limits: Limits,
    /// The neurons by uid.
    pub neurons: Neurons,
    /// Weights, bonds and incentive by mechanism; at least one.
    pub mechanisms: Vec<Mechanism>,
    /// Parts of the epoch's emission by mechanism in 65535ths; equal parts without.
    pub emission_split: Option<Vec<u16>>,
    /// Stake by hotkey, shared among coldkeys.
    pub stakes: BTreeMap<Hotkey, SharePool<Coldkey>>,
    /// Child keys by parent.
    pub children: BTreeMap<Hotkey, Vec<Relation>>,
    /// Parents by child.
    pub parents: BTreeMap<Hotkey, Vec<Relation>>,
    /// Child keys that wait for their cooldown, with the block from which they apply.
    pub pending_children: BTreeMap<Hotkey, (Vec<Relation>, u64)>,
    /// What a child keeps of its parents' dividends, in 65535ths.
    pub childkey_take: BTreeMap<Hotkey, u16>,
    /// Where a coldkey's mining income is staked.
    pub auto_stake: BTreeMap<Coldkey, Hotkey>,
    /// Alpha dividends of the last epoch by hotkey.
    pub alpha_dividends: BTreeMap<Hotkey, u64>,
    /// Root dividends of the last epoch in alpha, by hotkey.
    pub root_alpha_dividends: BTreeMap<Hotkey, u64>,
    /// Stake by hotkey when the last epoch ended, where the spec's fee reads it.
    pub stake_at_epoch: BTreeMap<Hotkey, u64>,
    /// The consensus that liquid alpha reads, where the spec leaves the choice.
    pub liquid_choice: LiquidChoice,
    /// How its neurons are paid, where the spec leaves the choice.
    pub consensus: Consensus,
    /// The number of validators that comes back when Null consensus ends.
    pub yuma_validators: u16,
    /// Registration collateral, where the spec has it.
    pub collateral: Collateral,
}

/// Moving averages of TAO flow in rao per block (runtime timeline, section 1.2, B).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct FlowAverages {
    /// Of users; none before the first block.
    pub user: Option<I64F64>,
    /// Of the protocol.
    pub protocol: I64F64,
}

/// Which consensus liquid alpha reads (runtime timeline, section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiquidChoice {
    /// This epoch's.
    Current,
    /// The previous epoch's.
    Previous,
    /// The previous epoch's under a full bonds penalty, this epoch's otherwise.
    #[default]
    Auto,
}

/// How a subnet's neurons are paid (runtime timeline, section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consensus {
    /// By Yuma.
    #[default]
    Yuma,
    /// By the weights of the largest stake alone.
    Null,
}

/// What one block emitted into a subnet, in rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BlockEmission {
    /// TAO injected into the pool.
    pub tao_in: u64,
    /// Alpha injected into the pool.
    pub alpha_in: u64,
    /// Alpha created outside the pool.
    pub alpha_out: u64,
    /// TAO with which the chain bought alpha.
    pub excess_tao: u64,
    /// TAO taken out by root claims.
    pub root_sell_tao: u64,
}

/// Alpha that waits for the next epoch, in rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Pending {
    /// For miners.
    pub server: u64,
    /// For validators and their nominators.
    pub validator: u64,
    /// For root stakers.
    pub root_alpha: u64,
    /// For the owner.
    pub owner_cut: u64,
    /// TAO from the sale of root's alpha, in the subnet's account, where the spec sells it.
    pub root_tao: u64,
}

/// When epochs run (emission mathematics, section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Schedule {
    /// Blocks since the last epoch.
    pub blocks_since_last_step: u64,
    /// Block of the last epoch slot.
    pub last_epoch_block: u64,
    /// Block from which a deferred or triggered epoch runs; zero for none.
    pub pending_epoch_at: u64,
    /// How many epoch slots there were.
    pub epoch_index: u64,
    /// Block at which an epoch's payout ended last.
    pub last_mechanism_step_block: u64,
}

/// Blocks without an epoch after which one runs whatever the tempo says.
const STALLED_BLOCKS_MAX: u64 = 50_400;

impl Schedule {
    /// Whether an epoch is due at a block.
    ///
    /// ```
    /// use sn3_emission::network::Schedule;
    /// let schedule = Schedule { last_epoch_block: 100, ..Schedule::default() };
    /// assert!(!schedule.is_due(459, 360));
    /// assert!(schedule.is_due(460, 360));
    /// ```
    #[must_use]
    pub fn is_due(&self, block: u64, tempo: u16) -> bool {
        let triggered = self.pending_epoch_at > 0 && block >= self.pending_epoch_at;
        let stalled = self.blocks_since_last_step > STALLED_BLOCKS_MAX;
        tempo != 0
            && (triggered || stalled || block.saturating_sub(self.last_epoch_block) >= u64::from(tempo))
    }

    /// Blocks until the next epoch by block number, zero at one; `u64::MAX` if epochs are off (runtime timeline,
    /// section 4.1).
    ///
    /// ```
    /// use sn3_emission::network::Schedule;
    /// use sn3_protocol::NetUid;
    /// // (358 + 1 + 1) mod 361 = 360: the epoch is here; the next one is 361 blocks later.
    /// assert_eq!(Schedule::blocks_until_modulo(358, NetUid(1), 360), 0);
    /// assert_eq!(Schedule::blocks_until_modulo(359, NetUid(1), 360), 360);
    /// ```
    #[must_use]
    pub fn blocks_until_modulo(block: u64, netuid: NetUid, tempo: u16) -> u64 {
        if tempo == 0 {
            return u64::MAX;
        }
        let tempo = u64::from(tempo);
        tempo - block.saturating_add(u64::from(netuid.0) + 1) % (tempo + 1)
    }

    /// The index of a block's epoch by block number.
    #[must_use]
    pub fn modulo_index(block: u64, netuid: NetUid, tempo: u16) -> u64 {
        block.saturating_add(u64::from(netuid.0) + 1) / (u64::from(tempo) + 1)
    }

    /// Whether the epoch of a stalled subnet may run within some blocks.
    #[must_use]
    pub(super) fn may_stall(&self, blocks: u64) -> bool {
        self.blocks_since_last_step.saturating_add(blocks) > STALLED_BLOCKS_MAX
    }

    /// Blocks until the next epoch of the tempo; `u64::MAX` if epochs are off.
    #[must_use]
    pub fn blocks_until_next(&self, block: u64, tempo: u16) -> u64 {
        if tempo == 0 {
            return u64::MAX;
        }
        self.last_epoch_block.saturating_add(tempo.into()).saturating_sub(block)
    }

    /// The block of the next epoch, at the earliest the one after `block`.
    #[must_use]
    pub fn next_epoch_block(&self, block: u64, tempo: u16) -> Option<u64> {
        if tempo == 0 {
            return None;
        }
        let by_tempo = self.last_epoch_block.saturating_add(tempo.into());
        let by_trigger = if self.pending_epoch_at > 0 { self.pending_epoch_at } else { u64::MAX };
        Some(by_tempo.min(by_trigger).max(block.saturating_add(1)))
    }
}

/// Hyperparameters that only operations read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Slots.
    pub max_allowed_uids: u16,
    /// Blocks in which a new neuron is not replaced.
    pub immunity_period_blocks: u16,
    /// How many replaceable non-immune neurons must remain.
    pub min_non_immune_uids: u16,
    /// How many of the owner's hotkeys are never replaced.
    pub immune_owner_uids: u16,
    /// Least number of weights.
    pub min_allowed_weights: u16,
    /// Blocks between two weight settings of a validator.
    pub weights_rate_limit_blocks: u64,
    /// Version that weights must carry at least; zero accepts all.
    pub weights_version: u64,
    /// Epochs between commit and reveal.
    pub reveal_period_epochs: u64,
    /// Whether a metadata commitment may reset bonds.
    pub bonds_reset_on: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_allowed_uids: 256,
            immunity_period_blocks: 5_000,
            min_non_immune_uids: 10,
            immune_owner_uids: 1,
            min_allowed_weights: 1,
            weights_rate_limit_blocks: 100,
            weights_version: 0,
            reveal_period_epochs: 1,
            bonds_reset_on: false,
        }
    }
}

/// What a subnet gets at its registration (emission mathematics, section 8).
#[must_use]
pub fn default_params() -> EpochParams {
    EpochParams {
        tempo: 360,
        activity_cutoff_factor_milli: 13_889,
        kappa: 32_767,
        bonds_moving_average: 900_000,
        bonds_penalty: 65_535,
        yuma3_on: true,
        liquid_alpha_on: false,
        alpha_low: 45_875,
        alpha_high: 58_982,
        alpha_sigmoid_steepness: 1_000,
        max_allowed_validators: 64,
        commit_reveal_enabled: true,
    }
}

/// Columns of the metagraph by uid. All vectors have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Neurons {
    /// Who holds each slot (`Keys`).
    pub hotkeys: Vec<Hotkey>,
    /// Slot by hotkey (`Uids`).
    pub uids: BTreeMap<Hotkey, u16>,
    /// Block of registration.
    pub registered_at: Vec<u64>,
    /// Whether weights were set lately.
    pub active: Vec<bool>,
    /// Emission of the last epoch in rao.
    pub emission: Vec<u64>,
    /// Consensus in 65535ths.
    pub consensus: Vec<u16>,
    /// Dividends in 65535ths.
    pub dividends: Vec<u16>,
    /// Validator trust in 65535ths.
    pub validator_trust: Vec<u16>,
    /// Stake in 65535ths.
    pub stake_weight: Vec<u16>,
    /// Validator permits.
    pub validator_permit: Vec<bool>,
}

impl Neurons {
    /// Number of neurons.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hotkeys.len()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hotkeys.is_empty()
    }

    /// A hotkey's slot.
    #[must_use]
    pub fn uid_of(&self, hotkey: &Hotkey) -> Option<u16> {
        self.uids.get(hotkey).copied()
    }
}

/// What each mechanism stores, by uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Mechanism {
    /// Weights as submitted and upscaled.
    pub weights: Vec<StoredRow>,
    /// Bonds of the last epoch.
    pub bonds: Vec<StoredRow>,
    /// Incentive in 65535ths.
    pub incentive: Vec<u16>,
    /// Block of the last weights or commit.
    pub last_update: Vec<u64>,
    /// Commits that wait for their reveal.
    pub commits: Vec<WeightCommit>,
    /// Consensus of the last epoch in 65535ths, where the spec reads it again.
    pub consensus: Vec<u16>,
}

/// Hidden weights.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WeightCommit {
    /// Who committed.
    pub hotkey: Hotkey,
    /// Epoch index that the commit was made in.
    pub epoch: u64,
    /// Block of the commit.
    pub block: u64,
    /// What was committed.
    pub secret: Secret,
}

/// How weights are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum Secret {
    /// BLAKE2b-256 of the weights; revealed by the validator.
    Hash([u8; 32]),
    /// Ciphertext that a drand round opens; revealed by the chain.
    Timelocked {
        /// The ciphertext.
        ciphertext: Vec<u8>,
        /// The drand round that opens it.
        round: u64,
    },
}

impl Subnet {
    /// A subnet as registration leaves it, with an empty pool.
    #[must_use]
    pub fn new(netuid: NetUid, block: u64) -> Self {
        let params = default_params();
        let phase = u64::from(netuid.0) % u64::from(params.tempo);
        Self {
            netuid,
            dynamic: netuid.0 != 0,
            registered_at: block,
            first_emission_block: None,
            subtoken_enabled: false,
            registration_allowed: true,
            work_allowed: true,
            emission_enabled: false,
            transfer_allowed: true,
            owner_coldkey: None,
            owner_hotkey: None,
            owner_cut_enabled: true,
            recycle_withheld: false,
            pool: Pool::new(0, 0),
            curve: Curve::Weighted,
            reservoir: Held::default(),
            alpha_out: 0,
            account_tao: 0,
            volume: 0,
            protocol_alpha: 0,
            moving_price: I96F32::ZERO,
            root_proportion: U96F32::ZERO,
            miner_burned: U96F32::ZERO,
            block_emission: BlockEmission::default(),
            pending: Pending::default(),
            schedule: Schedule { last_epoch_block: block.saturating_sub(phase), ..Schedule::default() },
            registration_price: RegistrationPrice::default(),
            user_flow: 0,
            protocol_flow: 0,
            flow: FlowAverages::default(),
            params,
            limits: Limits::default(),
            neurons: Neurons::default(),
            mechanisms: vec![Mechanism::default()],
            emission_split: None,
            stakes: BTreeMap::new(),
            children: BTreeMap::new(),
            parents: BTreeMap::new(),
            pending_children: BTreeMap::new(),
            childkey_take: BTreeMap::new(),
            auto_stake: BTreeMap::new(),
            alpha_dividends: BTreeMap::new(),
            root_alpha_dividends: BTreeMap::new(),
            stake_at_epoch: BTreeMap::new(),
            liquid_choice: LiquidChoice::Auto,
            consensus: Consensus::Yuma,
            yuma_validators: 0,
            collateral: Collateral::default(),
        }
    }

    /// Root: no pool, one to one, no owner.
    #[must_use]
    pub fn root() -> Self {
        let mut root = Self::new(NetUid(0), 0);
        root.subtoken_enabled = true;
        root.limits.max_allowed_uids = 64;
        root.params.commit_reveal_enabled = false;
        root
    }

    /// Alpha in the pool, in its reservoir and outside.
    #[must_use]
    pub fn alpha_issuance(&self) -> u64 {
        self.pool.alpha.saturating_add(self.alpha_out).saturating_add(self.reservoir.alpha)
    }

    /// All stake of a hotkey in rao (`TotalHotkeyAlpha`).
    #[must_use]
    pub fn stake_of_hotkey(&self, hotkey: &Hotkey) -> u64 {
        self.stakes.get(hotkey).map_or(0, SharePool::value)
    }

    /// A coldkey's stake on a hotkey in rao.
    #[must_use]
    pub fn stake_of(&self, hotkey: &Hotkey, coldkey: &Coldkey) -> u64 {
        self.stakes.get(hotkey).map_or(0, |pool| pool.value_of(coldkey))
    }

    /// Uid of the owner's hotkey, if it is registered.
    #[must_use]
    pub fn owner_uid(&self) -> Option<u16> {
        self.owner_hotkey.as_ref().and_then(|hotkey| self.neurons.uid_of(hotkey))
    }

    /// Raises one coldkey's stake on a hotkey; answers whether it had some before.
    pub(crate) fn credit_stake(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64) -> bool {
        let pool = self.stakes.entry(*hotkey).or_default();
        let held = pool.holds(coldkey);
        pool.update_one(coldkey, i64::try_from(amount).unwrap_or(i64::MAX));
        held
    }

    /// Lowers one coldkey's stake on a hotkey, if it has that much.
    pub(crate) fn debit_stake(&mut self, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64) -> bool {
        let Some(pool) = self.stakes.get_mut(hotkey).filter(|pool| pool.value_of(coldkey) >= amount) else {
            return false;
        };
        pool.update_one(coldkey, i64::try_from(amount).map_or(i64::MIN, |a| -a));
        if pool.is_empty() {
            self.stakes.remove(hotkey);
        }
        true
    }
}
