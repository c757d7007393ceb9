//! How a block's TAO is split over subnets: the built-in rules, and the trait for others (runtime timeline,
//! section 1.2).
//!
//! A rule sees what the chain knows of every subnet of the emit set and answers one share per subnet:
//!
//! ```
//! use sn3_emission::fixed::U64F64;
//! use sn3_emission::network::{Globals, Hooks, Network, Subnet};
//! use sn3_emission::share_rule::{ShareInput, ShareRule};
//! use sn3_emission::pool::Pool;
//! use sn3_protocol::NetUid;
//!
//! /// Every subnet gets the same.
//! struct Equal;
//!
//! impl ShareRule for Equal {
//!     fn name(&self) -> &str {
//!         "equal shares"
//!     }
//!
//!     fn shares(&self, input: &[ShareInput]) -> Vec<U64F64> {
//!         vec![U64F64::ONE.safe_div(U64F64::from_int(input.len() as u64)); input.len()]
//!     }
//! }
//!
//! let mut network = Network::new(Globals::default(), 100);
//! for (netuid, tao) in [(1, 5_000_000_000_000), (2, 90_000_000_000_000)] {
//!     let mut subnet = Subnet::new(NetUid(netuid), 1);
//!     subnet.pool = Pool::new(tao, 90_000_000_000_000);
//!     subnet.account_tao = tao;
//!     subnet.subtoken_enabled = true;
//!     subnet.emission_enabled = true;
//!     subnet.first_emission_block = Some(2);
//!     network.insert_subnet(subnet);
//! }
//! network.step_block_hooked(&[0; 32], &mut Hooks::sharing(&Equal));
//! let emitted = |id: u16| {
//!     let emission = &network.subnets[&NetUid(id)].block_emission;
//!     emission.tao_in + emission.excess_tao
//! };
//! assert_eq!(emitted(1), 500_000_000);
//! assert_eq!(emitted(2), 500_000_000);
//! ```
//!
//! The emission switch (section 1.3) comes after the rule, as it does for the built-in ones. Shares that sum to
//! more than one are scaled down to one; what they leave is not issued.

pub mod flow;
pub mod gate;
pub mod power;
pub mod price;

use sn3_protocol::NetUid;

use crate::fixed::{Fixed, I64F64, U64F64, U96F32};
use crate::spec::{ShareRules, ShareSplit};

/// What a rule may know of one subnet, as it is before the block's injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareInput {
    /// The subnet.
    pub netuid: NetUid,
    /// The block that is stepped.
    pub block: u64,
    /// Block of its registration.
    pub registered_at: u64,
    /// First block with emission, if its owner started it.
    pub first_emission_block: Option<u64>,
    /// Moving average of the price; one for a subnet without a pool.
    pub moving_price: U64F64,
    /// Spot price in TAO per alpha.
    pub spot_price: U64F64,
    /// TAO in the pool, in rao.
    pub tao_reserve: u64,
    /// Alpha in the pool, in rao.
    pub alpha_reserve: u64,
    /// Alpha outside the pool, in rao.
    pub alpha_out: u64,
    /// All alpha, in rao.
    pub alpha_issuance: u64,
    /// The weight of root stake against the alpha issuance.
    pub root_proportion: U96F32,
    /// Part of the miners' emission that was withheld at the last epoch.
    pub miner_burned: U96F32,
    /// Moving average of users' TAO flow in rao per block; zero where the spec keeps none.
    pub user_flow: I64F64,
    /// Moving average of the protocol's TAO flow in rao per block; zero where the spec keeps none.
    pub protocol_flow: I64F64,
    /// Whether the subnet gets TAO.
    pub emission_enabled: bool,
}

/// A rule that splits a block's TAO.
pub trait ShareRule: Send + Sync {
    /// What to call it in a report.
    fn name(&self) -> &str;

    /// The share of each subnet, in the order of the input. Missing shares are zero.
    fn shares(&self, input: &[ShareInput]) -> Vec<U64F64>;
}

/// What a block's TAO becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaoSplit {
    /// TAO of each subnet in rao, before flooring.
    pub tao: Vec<U96F32>,
    /// The gate's bar to remember, if it was set anew.
    pub bar: Option<U64F64>,
}

/// Splits `emission_rao` by the rules, or by `custom` in their place. `bar` is the remembered gate bar, zero
/// for none.
#[must_use]
pub fn split_tao(
    rules: &ShareRules,
    input: &[ShareInput],
    emission_rao: u64,
    bar: U64F64,
    custom: Option<&dyn ShareRule>,
) -> TaoSplit {
    let emission = U64F64::from_int(emission_rao);
    if let (ShareSplit::Price32, None) = (&rules.split, custom) {
        return TaoSplit { tao: price::amounts_32(input, emission_rao), bar: None };
    }
    let (shares, bar) = match custom {
        Some(rule) => (bounded(rule.shares(input), input.len()), None),
        None => shares(&rules.split, input, bar),
    };
    let shares = if rules.switch { switched(&shares, input) } else { shares };
    TaoSplit { tao: shares.iter().map(|share| emission.saturating_mul(*share).convert()).collect(), bar }
}

/// The built-in rules' shares, before the emission switch.
fn shares(split: &ShareSplit, input: &[ShareInput], bar: U64F64) -> (Vec<U64F64>, Option<U64F64>) {
    match split {
        ShareSplit::Price32 => (price::relative_prices(input), None),
        ShareSplit::Flow(rule) => (flow::shares(rule, input), None),
        ShareSplit::Price(rule) => (price::shares(rule, input), None),
        ShareSplit::Gate(rule) => gate::shares(rule, input, bar),
    }
}

/// A foreign rule's shares: one per subnet, with a sum of at most one.
fn bounded(mut shares: Vec<U64F64>, subnets: usize) -> Vec<U64F64> {
    shares.resize(subnets, U64F64::ZERO);
    let sum = shares.iter().fold(U64F64::ZERO, |acc, v| acc.saturating_add(*v));
    if sum > U64F64::ONE {
        shares.iter_mut().for_each(|share| *share = share.safe_div(sum));
    }
    shares
}

/// Subnets that are switched off leave their share to the others (section 1.3).
///
/// ```
/// use sn3_emission::{fixed::U64F64, share_rule::switched_by};
/// let half = U64F64::from_bits(1 << 63);
/// assert_eq!(switched_by(&[half, half], &[true, false]), [U64F64::ONE, U64F64::ZERO]);
/// ```
#[must_use]
pub fn switched_by(shares: &[U64F64], enabled: &[bool]) -> Vec<U64F64> {
    if enabled.iter().all(|on| *on) {
        return shares.to_vec();
    }
    let zero_off = |(share, on): (&U64F64, &bool)| if *on { *share } else { U64F64::ZERO };
    let kept: Vec<U64F64> = shares.iter().zip(enabled).map(zero_off).collect();
    relative(&kept, &vec![U64F64::ZERO; kept.len()])
}

fn switched(shares: &[U64F64], input: &[ShareInput]) -> Vec<U64F64> {
    let enabled: Vec<bool> = input.iter().map(|subnet| subnet.emission_enabled).collect();
    switched_by(shares, &enabled)
}

/// Each value's part of their saturating sum, or the fallback when the sum is zero.
pub(crate) fn relative(values: &[U64F64], fallback: &[U64F64]) -> Vec<U64F64> {
    let sum = values.iter().fold(U64F64::ZERO, |acc, v| acc.saturating_add(*v));
    if sum == U64F64::ZERO {
        return fallback.to_vec();
    }
    values.iter().map(|v| v.safe_div(sum)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::spec::RuntimeSpec;

    /// A subnet with a moving price of `price / 64`, of which nothing else is known.
    pub(crate) fn subnet(netuid: u16, price: u64) -> ShareInput {
        ShareInput {
            netuid: NetUid(netuid),
            block: 720,
            registered_at: 1,
            first_emission_block: Some(1),
            moving_price: U64F64::from_bits(u128::from(price) << 58),
            spot_price: U64F64::from_bits(u128::from(price) << 58),
            tao_reserve: 1_000,
            alpha_reserve: 1_000,
            alpha_out: 0,
            alpha_issuance: 1_000,
            root_proportion: U96F32::ONE,
            miner_burned: U96F32::ZERO,
            user_flow: I64F64::ZERO,
            protocol_flow: I64F64::ZERO,
            emission_enabled: true,
        }
    }

    struct Fixed(Vec<U64F64>);

    impl ShareRule for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }

        fn shares(&self, _: &[ShareInput]) -> Vec<U64F64> {
            self.0.clone()
        }
    }

    fn amounts(version: u32, input: &[ShareInput]) -> Vec<u64> {
        let rules = RuntimeSpec::at_version(version).unwrap().shares;
        let split = split_tao(&rules, input, 1_000_000_000, U64F64::ZERO, None);
        split.tao.iter().map(|tao| tao.to_u64()).collect()
    }

    #[test]
    fn prices_one_to_three_get_one_quarter_and_three_quarters() {
        let input = [subnet(1, 16), subnet(2, 48)];
        for version in [233, 300, 422, 424, 425, 439] {
            assert_eq!(amounts(version, &input), [250_000_000, 750_000_000], "{version}");
        }
    }

    /// Half of the second subnet's miners is withheld: weights 1/4 and 3/8, shares 2/5 and 3/5.
    #[test]
    fn burned_miner_emission_counts_since_421() {
        let mut input = [subnet(1, 16), subnet(2, 48)];
        input[1].miner_burned = U96F32::from_bits(1 << 31);
        assert_eq!(amounts(326, &input), [250_000_000, 750_000_000]);
        assert_eq!(amounts(421, &input), [399_999_999, 599_999_999]);
        assert_eq!(amounts(425, &input), [399_999_999, 599_999_999]);
    }

    /// Root proportions 1 and 1/3: weights 1/4 and 1/4.
    #[test]
    fn the_root_proportion_counts_from_421_to_424() {
        let mut input = [subnet(1, 16), subnet(2, 48)];
        input[1].root_proportion = U96F32::ONE.safe_div(U96F32::from_int(3));
        assert_eq!(amounts(424, &input)[0], 500_000_000);
        assert_eq!(amounts(425, &input)[0], 250_000_000);
    }

    #[test]
    fn a_switched_off_subnet_leaves_its_share_since_411() {
        let mut input = [subnet(1, 16), subnet(2, 48)];
        input[1].emission_enabled = false;
        assert_eq!(amounts(425, &input), [1_000_000_000, 0]);
        assert_eq!(amounts(326, &input), [250_000_000, 750_000_000]);
    }

    #[test]
    fn a_foreign_rule_can_neither_overspend_nor_miss_a_subnet() {
        let rules = RuntimeSpec::default().shares;
        let input = [subnet(1, 1), subnet(2, 1)];
        let amounts = |shares: Vec<U64F64>| -> Vec<u64> {
            let split = split_tao(&rules, &input, 100, U64F64::ZERO, Some(&Fixed(shares)));
            split.tao.iter().map(|tao| tao.to_u64()).collect()
        };
        assert_eq!(amounts(vec![U64F64::from_int(3), U64F64::from_int(1)]), [75, 25]);
        assert_eq!(amounts(vec![U64F64::ONE]), [100, 0]);
    }
}
