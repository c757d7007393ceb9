//! Which curve a subnet's pool follows, and swaps on it (runtime timeline, section 3).

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::Subnet;
use crate::fixed::U64F64;
use crate::pool::concentrated::{Concentrated, Held};
use crate::pool::{Side, Swap, SwapError, SwapLimit, constant_product};
use crate::spec::{InjectionOverflow, PoolKind, PoolRules};

/// A pool's curve. The reserves are in [`Subnet::pool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// The weights beside the reserves.
    #[default]
    Weighted,
    /// The reserves' product.
    ConstantProduct,
    /// A position over the full range.
    Concentrated(Concentrated),
}

impl Curve {
    /// The curve of the rules, not touched yet.
    #[must_use]
    pub fn new(rules: &PoolRules) -> Self {
        match rules.kind {
            PoolKind::ConstantProduct => Self::ConstantProduct,
            PoolKind::Concentrated => Self::Concentrated(Concentrated::new(*rules)),
            PoolKind::Weighted => Self::Weighted,
        }
    }

    fn kind(&self) -> PoolKind {
        match self {
            Self::Weighted => PoolKind::Weighted,
            Self::ConstantProduct => PoolKind::ConstantProduct,
            Self::Concentrated(_) => PoolKind::Concentrated,
        }
    }
}

impl Subnet {
    /// Spot price in TAO per alpha; one without a pool.
    #[must_use]
    pub fn price(&self) -> U64F64 {
        if !self.dynamic {
            return U64F64::ONE;
        }
        match &self.curve {
            Curve::Weighted => self.pool.price(),
            Curve::ConstantProduct => constant_product::price(&self.pool),
            Curve::Concentrated(pool) => pool.price(&self.pool),
        }
    }

    /// What a swap of the gross `amount` would move here; subnets without a pool swap one to one for free.
    ///
    /// # Errors
    /// The swap pallet's errors.
    pub fn quote(&self, side: Side, amount: u64, limit: SwapLimit, fee_rate: u16) -> Result<Swap, SwapError> {
        if !self.dynamic {
            return Ok(Swap { paid_in: amount, paid_out: amount, ..Swap::default() });
        }
        match &self.curve {
            Curve::Weighted => self.pool.quote(side, amount, limit, fee_rate),
            Curve::ConstantProduct => constant_product::quote(&self.pool, side, amount, limit),
            Curve::Concentrated(pool) => pool.quote(&self.pool, side, amount, limit, fee_rate),
        }
    }

    /// Moves reserves and price by a quoted swap.
    fn swap(&mut self, side: Side, swap: &Swap) {
        if let Curve::Concentrated(pool) = &mut self.curve {
            pool.apply(&self.pool, side, swap);
        }
        self.pool.apply(side, swap);
    }

    /// Books a purchase of alpha; the total stake grows by `gross` (the caller's matter).
    pub(super) fn bought(&mut self, swap: &Swap, gross: u64) {
        self.swap(Side::Buy, swap);
        self.alpha_out = self.alpha_out.saturating_add(swap.paid_out);
        self.volume = self.volume.saturating_add(gross.into());
    }

    /// Books a sale of alpha; the total stake falls by what is paid out (the caller's matter).
    pub(super) fn sold(&mut self, swap: &Swap) {
        self.swap(Side::Sell, swap);
        self.alpha_out = self.alpha_out.saturating_sub(swap.paid_in);
        self.account_tao = self.account_tao.saturating_sub(swap.paid_out);
        self.volume = self.volume.saturating_add(swap.paid_out.into());
    }

    /// TAO that the protocol holds in the pool: what a flow by the pool's change is measured by.
    pub(super) fn position_tao(&self) -> u64 {
        match &self.curve {
            Curve::Concentrated(pool) => pool.position.map_or(self.pool.tao, |position| position.holds().tao),
            Curve::Weighted | Curve::ConstantProduct => self.pool.tao,
        }
    }

    /// Adjusts the pool to an injection; answers what the reserves will take. Constant products take all and
    /// move their price.
    pub(super) fn adjust(&mut self, injected: Held, overflow: InjectionOverflow) -> Held {
        match (&mut self.curve, overflow) {
            (Curve::ConstantProduct, _) => injected,
            (Curve::Concentrated(pool), _) => {
                pool.inject(injected);
                injected
            }
            (Curve::Weighted, InjectionOverflow::Dropped) => {
                if self.weigh(injected) {
                    injected
                } else {
                    Held::default()
                }
            }
            (Curve::Weighted, InjectionOverflow::Reservoir) => self.adjust_with_reservoir(injected),
        }
    }

    /// Moves the weights so that an injection keeps the price; false when they would leave their range.
    fn weigh(&mut self, injected: Held) -> bool {
        let weight = self.pool.weight_after_injection(injected.tao, injected.alpha);
        self.pool.quote_weight = weight.unwrap_or(self.pool.quote_weight);
        weight.is_some()
    }

    /// Tries everything, then each side alone; what does not fit waits.
    fn adjust_with_reservoir(&mut self, injected: Held) -> Held {
        let all = Held {
            tao: injected.tao.saturating_add(self.reservoir.tao),
            alpha: injected.alpha.saturating_add(self.reservoir.alpha),
        };
        let (tao, alpha) = (Held { alpha: 0, ..all }, Held { tao: 0, ..all });
        let taken = [all, alpha, tao].into_iter().find(|part| self.weigh(*part)).unwrap_or_default();
        self.reservoir = Held { tao: all.tao - taken.tao, alpha: all.alpha - taken.alpha };
        taken
    }

    /// Gives the pool the curve of the rules; a pool that has it already only learns the rules. The reserves
    /// stay. A weighted pool gets the weights that keep the price, or equal ones where there are none.
    pub fn align(&mut self, rules: &PoolRules) {
        if self.curve.kind() != rules.kind {
            let price = self.price();
            self.curve = Curve::new(rules);
            let weights = crate::pool::Pool::with_price(self.pool.tao, self.pool.alpha, price);
            let equal = crate::pool::Pool::new(self.pool.tao, self.pool.alpha);
            self.pool = if rules.kind == PoolKind::Weighted { weights.unwrap_or(equal) } else { equal };
        } else if let Curve::Concentrated(pool) = &mut self.curve {
            pool.rules = *rules;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::spec::RuntimeSpec;
    use sn3_protocol::NetUid;

    fn subnet(tao: u64, alpha: u64) -> Subnet {
        Subnet { pool: Pool::new(tao, alpha), ..Subnet::new(NetUid(1), 1) }
    }

    /// 200,000 TAO and 1,000 alpha for reserves of 1,000 each: the TAO waits, the alpha is taken.
    #[test]
    fn the_side_in_excess_waits_in_the_reservoir() {
        let mut subnet = subnet(1_000, 1_000);
        let injected = Held { tao: 200_000, alpha: 1_000 };
        let taken = subnet.adjust(injected, InjectionOverflow::Reservoir);
        assert_eq!(taken, Held { tao: 0, alpha: 1_000 });
        assert_eq!(subnet.reservoir, Held { tao: 200_000, alpha: 0 });
        subnet.pool.alpha += taken.alpha;
        let later = subnet.adjust(Held { tao: 0, alpha: 2_000_000 }, InjectionOverflow::Reservoir);
        assert_eq!(later.tao + later.alpha + subnet.reservoir.tao + subnet.reservoir.alpha, 2_200_000);
        let mut dropping = self::subnet(1_000, 1_000);
        assert_eq!(dropping.adjust(injected, InjectionOverflow::Dropped), Held::default());
        assert_eq!(dropping.reservoir, Held::default());
    }

    /// A concentrated pool whose price left its reserves becomes a weighted pool of the same price.
    #[test]
    fn a_concentrated_pool_keeps_its_price_at_423() {
        let mut subnet = subnet(1_000_000_000_000, 4_000_000_000_000);
        subnet.align(&RuntimeSpec::at_version(362).unwrap().pool);
        let swap = subnet.quote(Side::Buy, 100_000_000_000, SwapLimit::none(Side::Buy), 33).unwrap();
        subnet.swap(Side::Buy, &swap);
        subnet.pool.alpha += 500_000_000_000;
        let price = subnet.price();
        subnet.align(&RuntimeSpec::at_version(423).unwrap().pool);
        assert_eq!(subnet.curve, Curve::Weighted);
        assert_ne!(subnet.pool.quote_weight, crate::pool::WEIGHT_PARTS / 2);
        assert!(
            subnet.price().to_bits().abs_diff(price.to_bits()) < 1 << 24,
            "{:?} {price:?}",
            subnet.price()
        );
    }

    #[test]
    fn a_price_that_no_weight_gives_leaves_equal_weights() {
        let mut subnet = subnet(1, 1_000_000);
        subnet.curve = Curve::Concentrated(Concentrated {
            position: Some(crate::pool::concentrated::Position { sqrt_price: U64F64::ONE, liquidity: 9 }),
            ..Concentrated::new(RuntimeSpec::at_version(362).unwrap().pool)
        });
        subnet.align(&RuntimeSpec::default().pool);
        assert_eq!(subnet.pool.quote_weight, crate::pool::WEIGHT_PARTS / 2);
    }
}
