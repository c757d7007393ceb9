//! Parameters of the whole chain, in units that people use.

use serde::{Deserialize, Serialize};
use sn3_emission::fixed::I96F32;
use sn3_emission::network::Globals;

use super::{Amount, Part};

/// What differs from [`Globals::default`]. Amounts are TAO, parts are between 0 and 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlobalOverrides {
    /// Weight of root stake against alpha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tao_weight: Option<Part>,
    /// The owners' cut of alpha emission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_owner_cut: Option<Part>,
    /// Least stake for weights and for the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_threshold: Option<Amount>,
    /// Fee of a swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_rate: Option<Part>,
    /// Least stake operation in TAO.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_stake: Option<Amount>,
    /// Epochs per block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_epochs_per_block: Option<u8>,
    /// Half-life of the price average in blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_price_halving_blocks: Option<u64>,
    /// Rate of the price average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving_alpha: Option<Part>,
    /// Part of child key dividends that is burned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub childkey_burn: Option<Part>,
    /// Root claims below this much alpha wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_claim_threshold: Option<Amount>,
    /// Root stakers whose dividends are claimed per block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_claims_per_block: Option<u64>,
    /// Blocks that new child keys wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub childkey_cooldown_blocks: Option<u64>,
    /// Subnets besides root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_limit: Option<u16>,
    /// Blocks in which a subnet is not dissolved for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_immunity_blocks: Option<u64>,
    /// Least cost of a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_min_lock: Option<Amount>,
    /// Blocks in which the network cost falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_lock_reduction_blocks: Option<u64>,
    /// Blocks between a subnet's registration and its start call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_call_delay_blocks: Option<u64>,
    /// Default take of a delegate; also the maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_take: Option<Part>,
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

impl GlobalOverrides {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes what differs into the chain's parameters.
    pub fn apply(&self, globals: &mut Globals) {
        let fixed = |bits: i128| I96F32::from_bits(bits);
        let part_bits = |part: Part| fixed((part.get() * 2_f64.powi(32)).round() as i128);
        put(&mut globals.tao_weight, self.tao_weight.map(Part::in_u64));
        put(&mut globals.subnet_owner_cut, self.subnet_owner_cut.map(Part::in_u16));
        put(&mut globals.stake_threshold_rao, self.stake_threshold.map(Amount::rao));
        put(&mut globals.fee_rate, self.fee_rate.map(Part::in_u16));
        put(&mut globals.min_stake_rao, self.min_stake.map(Amount::rao));
        put(&mut globals.max_epochs_per_block, self.max_epochs_per_block);
        put(&mut globals.ema_price_halving_blocks, self.ema_price_halving_blocks);
        put(&mut globals.moving_alpha, self.moving_alpha.map(part_bits));
        put(&mut globals.childkey_burn, self.childkey_burn.map(Part::in_u64));
        let threshold = self.root_claim_threshold.map(|amount| fixed(i128::from(amount.rao()) << 32));
        put(&mut globals.root_claim_threshold, threshold);
        put(&mut globals.root_claims_per_block, self.root_claims_per_block);
        put(&mut globals.childkey_cooldown_blocks, self.childkey_cooldown_blocks);
        put(&mut globals.subnet_limit, self.subnet_limit);
        put(&mut globals.network_immunity_blocks, self.network_immunity_blocks);
        put(&mut globals.network_min_lock_rao, self.network_min_lock.map(Amount::rao));
        put(&mut globals.network_lock_reduction_blocks, self.network_lock_reduction_blocks);
        put(&mut globals.start_call_delay_blocks, self.start_call_delay_blocks);
        put(&mut globals.default_take, self.default_take.map(Part::in_u16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rate_of_the_price_average_is_the_references() {
        let overrides =
            GlobalOverrides { moving_alpha: Part::new(0.000_003).ok(), ..GlobalOverrides::default() };
        let mut globals = Globals::default();
        overrides.apply(&mut globals);
        assert_eq!(globals.moving_alpha.to_bits(), 12_885);
        assert_eq!(globals, Globals::default());
    }
}
