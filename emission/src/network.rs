//! The whole chain's economic state in memory, its block step and its operations.

mod ahead;
mod bank;
mod basket;
mod block;
mod children;
mod claims;
mod coinbase;
mod collateral;
mod curve;
mod epochs;
mod flat_fee;
mod flow;
mod hooks;
mod injection;
mod networks;
mod owner;
mod payout;
mod registration;
mod root_tao;
mod staking;
mod subnet;
mod upgrade;
mod weights;

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

pub use bank::{Balances, Bank};
pub use basket::{BASKET_ESCROW, Basket};
pub use block::BlockReport;
pub use children::CHILDREN_MAX;
pub use collateral::{Collateral, LOCK_SHARE_MAX, Lock};
pub use curve::Curve;
pub use hooks::Hooks;
pub use owner::{ACTIVITY_FACTOR_RANGE, CLAIM_SUBNETS_MAX, MECHANISM_UIDS_MAX, NULL_UIDS_MAX, TEMPO_RANGE};
pub use staking::{Position, PriceLimit, StakeMoved};
pub use subnet::{
    BlockEmission, Consensus, FlowAverages, Limits, LiquidChoice, Mechanism, Neurons, Pending, Relation,
    Schedule, Secret, Subnet, WeightCommit, default_params,
};
pub use weights::{COMMITS_MAX, MECHANISM_STRIDE, NoOpener, Opened, Opener, Weights, commit_hash};

use crate::fixed::{I96F32, U64F64, U96F32};
use crate::spec::RuntimeSpec;

/// Parameters of the chain; governance may change all of them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Globals {
    /// Weight of root stake in 2⁻⁶⁴ths.
    pub tao_weight: u64,
    /// The owners' cut in 65535ths.
    pub subnet_owner_cut: u16,
    /// Least stake for weights and for the epoch, in rao.
    pub stake_threshold_rao: u64,
    /// Fee of a swap in 65535ths.
    pub fee_rate: u16,
    /// Least stake operation in rao.
    pub min_stake_rao: u64,
    /// What an account keeps, in rao.
    pub existential_deposit_rao: u64,
    /// Epochs per block.
    pub max_epochs_per_block: u8,
    /// Half-life of the price average in blocks.
    pub ema_price_halving_blocks: u64,
    /// Rate of the price average.
    pub moving_alpha: I96F32,
    /// Part of child key dividends that is burned, in 2⁻⁶⁴ths.
    pub childkey_burn: u64,
    /// Root claims below this many rao wait.
    pub root_claim_threshold: I96F32,
    /// Root stakers whose dividends are claimed per block.
    pub root_claims_per_block: u64,
    /// Blocks that new child keys wait.
    pub childkey_cooldown_blocks: u64,
    /// Subnets besides root.
    pub subnet_limit: u16,
    /// Blocks in which a subnet is not dissolved for a new one.
    pub network_immunity_blocks: u64,
    /// Least cost of a network in rao.
    pub network_min_lock_rao: u64,
    /// Blocks in which the network cost falls.
    pub network_lock_reduction_blocks: u64,
    /// Blocks between a subnet's registration and its start call.
    pub start_call_delay_blocks: u64,
    /// Blocks before an epoch in which triggers are too late.
    pub admin_freeze_window_blocks: u64,
    /// Default take of a delegate in 65535ths; also the maximum.
    pub default_take: u16,
}

impl Default for Globals {
    fn default() -> Self {
        Self {
            tao_weight: 971_718_665_099_567_868,
            subnet_owner_cut: 11_796,
            stake_threshold_rao: 0,
            fee_rate: 33,
            min_stake_rao: 2_000_000,
            existential_deposit_rao: 500,
            max_epochs_per_block: 2,
            ema_price_halving_blocks: 201_600,
            moving_alpha: I96F32::from_bits(12_885),
            childkey_burn: 0,
            root_claim_threshold: I96F32::from_bits(500_000 << 32),
            root_claims_per_block: 5,
            childkey_cooldown_blocks: 7_200,
            subnet_limit: 128,
            network_immunity_blocks: 1_296_000,
            network_min_lock_rao: 1_000_000_000_000,
            network_lock_reduction_blocks: 14 * 7_200,
            start_call_delay_blocks: 0,
            admin_freeze_window_blocks: 10,
            default_take: 11_796,
        }
    }
}

impl Globals {
    /// The root stake's weight with 32 fraction bits.
    #[must_use]
    pub fn tao_weight_fixed(&self) -> U96F32 {
        crate::epoch::tao_weight(self.tao_weight)
    }
}

/// What the chain knows of a hotkey.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct HotkeyState {
    /// Who owns it.
    pub owner: Coldkey,
    /// The delegate's take in 65535ths; the default without.
    pub take: Option<u16>,
    /// Alpha per rao of root stake that its root stakers may claim, by subnet.
    pub claimable: BTreeMap<NetUid, I96F32>,
    /// What each root staker has claimed, by subnet.
    pub claimed: BTreeMap<NetUid, BTreeMap<Coldkey, u128>>,
}

/// What a coldkey wants of its root dividends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum RootClaim {
    /// Sell the alpha and stake the TAO on root.
    #[default]
    Swap,
    /// Keep the alpha as stake.
    Keep,
    /// Keep the alpha of these subnets, swap the others.
    KeepSubnets(Vec<NetUid>),
}

/// The chain's economic state, without coldkey balances: those live behind a [`Bank`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Network {
    /// The last block that was stepped.
    pub block: u64,
    /// Parameters.
    pub globals: Globals,
    /// All TAO, in rao.
    pub total_issuance: u64,
    /// All staked TAO, in rao.
    pub total_stake: u64,
    /// Who gets the fees of this block.
    pub author: Option<Coldkey>,
    /// Root and all subnets.
    pub subnets: BTreeMap<NetUid, Subnet>,
    /// All known hotkeys.
    pub hotkeys: BTreeMap<Hotkey, HotkeyState>,
    /// Hotkeys that a coldkey has staked on, in order of first use.
    pub staking_hotkeys: BTreeMap<Coldkey, Vec<Hotkey>>,
    /// Root stakers in order of first use; auto-claims draw from it.
    pub root_stakers: Vec<Coldkey>,
    /// Coldkeys that do not swap their root dividends.
    pub root_claims: BTreeMap<Coldkey, RootClaim>,
    /// Cost of the last network registration in rao.
    pub last_lock_rao: u64,
    /// Block of the last network registration.
    pub last_lock_block: u64,
    /// The rules that the chain runs by; [`Network::upgrade`] changes them.
    pub spec: RuntimeSpec,
    /// The bar of the share gate, zero for none; only some specs have one.
    pub gate_bar: U64F64,
    /// Baskets of root dividends by validator, where the spec has them.
    pub baskets: BTreeMap<Hotkey, Basket>,
    /// The basket that was flushed last.
    pub basket_cursor: Option<Hotkey>,
}

impl Network {
    /// An empty chain with root at a block, by the rules that are held to vectors.
    #[must_use]
    pub fn new(globals: Globals, block: u64) -> Self {
        Self::with_spec(globals, block, RuntimeSpec::default())
    }

    /// An empty chain with root at a block, by the rules of a spec.
    ///
    /// ```
    /// use sn3_emission::{Network, network::Globals, spec::RuntimeSpec};
    /// let spec = RuntimeSpec::at_version(441)?;
    /// let network = Network::with_spec(Globals::default(), 8_765_684, spec);
    /// assert_eq!(network.spec.version, 441);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    #[must_use]
    pub fn with_spec(globals: Globals, block: u64, spec: RuntimeSpec) -> Self {
        Self {
            block,
            globals,
            total_issuance: 0,
            total_stake: 0,
            author: None,
            subnets: BTreeMap::from([(NetUid(0), Subnet::root())]),
            hotkeys: BTreeMap::new(),
            staking_hotkeys: BTreeMap::new(),
            root_stakers: Vec::new(),
            root_claims: BTreeMap::new(),
            last_lock_rao: 0,
            last_lock_block: 0,
            spec,
            gate_bar: U64F64::ZERO,
            baskets: BTreeMap::new(),
            basket_cursor: None,
        }
    }

    /// Adds or replaces a subnet; its pool gets the spec's curve over its reserves.
    pub fn insert_subnet(&mut self, mut subnet: Subnet) {
        subnet.align(&self.spec.pool);
        self.subnets.insert(subnet.netuid, subnet);
    }

    /// A subnet, if it exists.
    #[must_use]
    pub fn subnet(&self, netuid: NetUid) -> Option<&Subnet> {
        self.subnets.get(&netuid)
    }

    /// A subnet to change, if it exists.
    pub fn subnet_mut(&mut self, netuid: NetUid) -> Option<&mut Subnet> {
        self.subnets.get_mut(&netuid)
    }

    /// Puts stake onto a hotkey out of nothing: genesis and tests. Issuance and pools are the caller's matter.
    ///
    /// # Errors
    /// An unknown subnet.
    pub fn grant_stake(
        &mut self,
        netuid: NetUid,
        hotkey: &Hotkey,
        coldkey: &Coldkey,
        amount: u64,
    ) -> Result<(), crate::OpError> {
        if !self.subnets.contains_key(&netuid) {
            return Err(crate::OpError::SubnetNotExists);
        }
        self.credit_stake(netuid, hotkey, coldkey, amount);
        if netuid.0 == 0 {
            self.remember_root_staker(coldkey);
        }
        Ok(())
    }

    /// TAO staked on root (`SubnetTAO[0]`), in rao.
    #[must_use]
    pub fn root_tao(&self) -> u64 {
        self.subnet(NetUid(0)).map_or(0, |root| root.pool.tao)
    }

    /// Who owns a hotkey.
    #[must_use]
    pub fn owner_of(&self, hotkey: &Hotkey) -> Option<Coldkey> {
        self.hotkeys.get(hotkey).map(|state| state.owner)
    }

    /// A coldkey's stake on a hotkey of a subnet, in rao.
    #[must_use]
    pub fn stake_of(&self, hotkey: &Hotkey, coldkey: &Coldkey, netuid: NetUid) -> u64 {
        self.subnet(netuid).map_or(0, |subnet| subnet.stake_of(hotkey, coldkey))
    }

    /// Subnets without root in the order in which the chain visits them: by low byte, then high byte.
    #[must_use]
    pub fn visit_order(&self) -> Vec<NetUid> {
        let mut order: Vec<NetUid> = self.subnets.keys().copied().filter(|netuid| netuid.0 != 0).collect();
        order.sort_by_key(|netuid| netuid.0.swap_bytes());
        order
    }
}
