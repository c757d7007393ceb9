//! Subnets of a scenario.

use serde::{Deserialize, Serialize};
use sn3_emission::network::Subnet;

use super::{Amount, Miners, Owner, Part, Validators};

/// One subnet, or `count` equal ones with netuids from `netuid` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubnetGroup {
    /// Number of the (first) subnet, from 1.
    pub netuid: u16,
    /// How many equal subnets there are.
    #[serde(default = "one")]
    pub count: u16,
    /// The pool at the start.
    #[serde(default)]
    pub pool: SubnetPoolStart,
    /// Moving average of the price at the start; the pool's price without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving_price: Option<Amount>,
    /// Whether the subnet gets TAO emission.
    #[serde(default = "yes")]
    pub emission_enabled: bool,
    /// Whether the owner has made the start call.
    #[serde(default = "yes")]
    pub started: bool,
    /// Hyperparameters that differ from a new subnet's.
    #[serde(default, skip_serializing_if = "Hyperparameters::is_empty")]
    pub hyperparameters: Hyperparameters,
    /// The owner; without an entry it holds uid 0 and does nothing.
    #[serde(default)]
    pub owner: Owner,
    /// Groups of validators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validators: Vec<Validators>,
    /// Groups of miners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub miners: Vec<Miners>,
}

fn one() -> u16 {
    1
}

fn yes() -> bool {
    true
}

impl SubnetGroup {
    /// The netuids of the group.
    pub fn netuids(&self) -> impl Iterator<Item = u16> + '_ {
        (0..self.count).map(|at| self.netuid.saturating_add(at))
    }
}

/// Reserves of a pool at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubnetPoolStart {
    /// TAO reserve.
    pub tao: Amount,
    /// Alpha reserve.
    pub alpha: Amount,
    /// Price in TAO per alpha that the pool's weights give on these reserves; equal weights without, so that the
    /// price is `tao / alpha`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// Alpha outside the pool that nobody in the scenario holds.
    #[serde(skip_serializing_if = "is_zero")]
    pub alpha_elsewhere: Amount,
}

fn is_zero(amount: &Amount) -> bool {
    *amount == Amount::default()
}

impl Default for SubnetPoolStart {
    fn default() -> Self {
        Self {
            tao: Amount::units(10_000),
            alpha: Amount::units(100_000),
            price: None,
            alpha_elsewhere: Amount::default(),
        }
    }
}

macro_rules! hyperparameters {
    ($($(#[$doc:meta])* $name:ident: $type:ty => $($place:ident).+,)*) => {
        /// Hyperparameters by the chain's names and in the chain's units; what is not named keeps its value.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Hyperparameters {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        impl Hyperparameters {
            /// Writes what is named into a subnet.
            pub fn apply(&self, subnet: &mut Subnet) {
                $(if let Some(value) = &self.$name {
                    subnet.$($place).+ = value.clone();
                })*
            }
        }
    };
}

hyperparameters! {
    /// Blocks between epochs.
    tempo: u16 => params.tempo,
    /// Activity cutoff in thousandths of the tempo.
    activity_cutoff_factor_milli: u32 => params.activity_cutoff_factor_milli,
    /// Majority in 65535ths.
    kappa: u16 => params.kappa,
    /// Memory of the bonds in millionths.
    bonds_moving_average: u64 => params.bonds_moving_average,
    /// How far out-of-consensus weights lose bonds, in 65535ths.
    bonds_penalty: u16 => params.bonds_penalty,
    /// Yuma3 instead of Yuma2.
    yuma3_on: bool => params.yuma3_on,
    /// Liquid alpha.
    liquid_alpha_on: bool => params.liquid_alpha_on,
    /// Lower bound of liquid alpha in 65535ths.
    alpha_low: u16 => params.alpha_low,
    /// Upper bound of liquid alpha in 65535ths.
    alpha_high: u16 => params.alpha_high,
    /// Steepness of liquid alpha in hundredths.
    alpha_sigmoid_steepness: i16 => params.alpha_sigmoid_steepness,
    /// Validator permits.
    max_allowed_validators: u16 => params.max_allowed_validators,
    /// Whether weights are committed before they are revealed.
    commit_reveal_enabled: bool => params.commit_reveal_enabled,
    /// Slots.
    max_allowed_uids: u16 => limits.max_allowed_uids,
    /// Blocks in which a new neuron is not replaced.
    immunity_period_blocks: u16 => limits.immunity_period_blocks,
    /// How many replaceable non-immune neurons must remain.
    min_non_immune_uids: u16 => limits.min_non_immune_uids,
    /// How many of the owner's hotkeys are never replaced.
    immune_owner_uids: u16 => limits.immune_owner_uids,
    /// Least number of weights.
    min_allowed_weights: u16 => limits.min_allowed_weights,
    /// Blocks between two weight settings of a validator.
    weights_rate_limit_blocks: u64 => limits.weights_rate_limit_blocks,
    /// Epochs between commit and reveal.
    reveal_period_epochs: u64 => limits.reveal_period_epochs,
    /// Whether a metadata commitment may reset bonds.
    bonds_reset_on: bool => limits.bonds_reset_on,
    /// Price of a registration in rao.
    burn_rao: u64 => registration_price.burn_rao,
    /// Lower bound of that price in rao.
    min_burn_rao: u64 => registration_price.min_burn_rao,
    /// Upper bound of that price in rao.
    max_burn_rao: u64 => registration_price.max_burn_rao,
    /// Blocks in which that price halves.
    burn_half_life_blocks: u16 => registration_price.half_life_blocks,
    /// Whether new neurons may register; without, the subnet gets no emission either.
    registration_allowed: bool => registration_allowed,
    /// Whether the owner gets a cut.
    owner_cut_enabled: bool => owner_cut_enabled,
    /// Whether withheld miner emission is recycled instead of burned.
    recycle_withheld: bool => recycle_withheld,
    /// Whether stake may be transferred between coldkeys.
    transfer_allowed: bool => transfer_allowed,
}

impl Hyperparameters {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A default share that several groups use.
pub(super) fn whole() -> Part {
    Part::ONE
}
