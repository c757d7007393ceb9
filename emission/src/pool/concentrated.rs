//! Concentrated liquidity with one position over the full range, specs 283 to 422 (runtime timeline, section 3.2).
//!
//! Users' own positions, which never exceeded 0.17 % of the liquidity, are not modelled. The state is the square
//! root of the price and the liquidity; reserves are bookkeeping beside it and may drift apart from it.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Pool, RESERVE_MIN_RAO, Side, Swap, SwapError, SwapLimit, gross_fee, net_fee};
use crate::fixed::{Fixed, U64F64, U96F32, checked_sqrt};
use crate::spec::{FeeReceiver, LiquidityRaise, PoolRules, ReserveCheck};

/// How exact square roots of prices are: 10⁻¹².
const SQRT_EPSILON: U64F64 = U64F64::from_bits(18_446_744);
/// The square root of the price at the highest tick, `1.0001^443636`; the lowest is its reciprocal.
const SQRT_PRICE_MAX: U64F64 = U64F64::from_bits(18_446_050_711_097_703_529 << 64);

/// Amounts of both sides in rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Held {
    /// TAO.
    pub tao: u64,
    /// Alpha.
    pub alpha: u64,
}

/// The protocol's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Position {
    /// Square root of the price.
    pub sqrt_price: U64F64,
    /// Liquidity.
    pub liquidity: u64,
}

/// A concentrated pool beside its reserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Concentrated {
    /// The rules of its era.
    pub rules: PoolRules,
    /// The position; the first swap makes it from the reserves.
    pub position: Option<Position>,
    /// Fees that were collected and not compounded.
    pub fees: Held,
    /// What injections could not use at the price.
    pub waiting: Held,
}

impl Position {
    /// The position that holds these reserves: `s = √(y/x)`, `L = ⌊√(y·x)⌋`.
    ///
    /// ```
    /// use sn3_emission::pool::{Pool, concentrated::Position};
    /// let position = Position::of(&Pool::new(1_000_000, 4_000_000));
    /// assert_eq!(position.liquidity, 2_000_000);
    /// assert!(position.sqrt_price.to_bits().abs_diff(1 << 63) < 1 << 26);
    /// ```
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let price = U64F64::from_int(pool.tao).safe_div(U64F64::from_int(pool.alpha));
        let sqrt_price = checked_sqrt(price, SQRT_EPSILON).unwrap_or(U64F64::ZERO);
        let liquidity = (u128::from(pool.tao) * u128::from(pool.alpha)).isqrt() as u64;
        Self { sqrt_price, liquidity }
    }

    fn liquidity_fixed(&self) -> U64F64 {
        U64F64::from_int(self.liquidity)
    }

    /// TAO and alpha that the position stands for, floored.
    #[must_use]
    pub fn holds(&self) -> Held {
        let liquidity = self.liquidity_fixed();
        Held {
            tao: liquidity.saturating_mul(self.sqrt_price).to_u64(),
            alpha: liquidity.safe_div(self.sqrt_price).to_u64(),
        }
    }

    /// The square root of the price after `paid_in` without its fee.
    #[must_use]
    pub fn after(&self, side: Side, paid_in: u64) -> U64F64 {
        if self.liquidity == 0 {
            return if side == Side::Buy { SQRT_PRICE_MAX } else { reciprocal(SQRT_PRICE_MAX) };
        }
        let step = U64F64::from_int(paid_in).safe_div(self.liquidity_fixed());
        match side {
            Side::Buy => self.sqrt_price.saturating_add(step),
            Side::Sell => reciprocal(step.saturating_add(reciprocal(self.sqrt_price))),
        }
    }

    /// What must be paid in to move the square root of the price to `stop`.
    fn distance(&self, side: Side, stop: U64F64) -> u64 {
        let way = match side {
            Side::Buy => stop.saturating_sub(self.sqrt_price),
            Side::Sell => reciprocal(stop).saturating_sub(reciprocal(self.sqrt_price)),
        };
        self.liquidity_fixed().saturating_mul(way).to_u64()
    }

    fn paid_out(&self, side: Side, paid_in: u64) -> u64 {
        let (l, s, d) = (self.liquidity_fixed(), self.sqrt_price, U64F64::from_int(paid_in));
        match side {
            Side::Buy => {
                let t = l.saturating_mul(s).saturating_add(d).saturating_mul(s);
                l.safe_div(t).saturating_mul(d).to_u64()
            }
            Side::Sell => {
                let t = l.safe_div(s).saturating_add(d);
                d.saturating_mul(l.safe_div(t).saturating_mul(s)).to_u64()
            }
        }
    }

    /// Raises the liquidity by both amounts; the price stays.
    fn raise(&mut self, by: Held) {
        let held = self.holds();
        let tao = u128::from(held.tao) + u128::from(by.tao);
        let alpha = u128::from(held.alpha) + u128::from(by.alpha);
        self.liquidity = u64::try_from(tao.saturating_mul(alpha).isqrt()).unwrap_or(u64::MAX);
    }
}

fn reciprocal(v: U64F64) -> U64F64 {
    U64F64::ONE.safe_div(v)
}

impl Concentrated {
    /// A pool whose position the first swap will make.
    #[must_use]
    pub fn new(rules: PoolRules) -> Self {
        Self { rules, position: None, fees: Held::default(), waiting: Held::default() }
    }

    fn position_of(&self, pool: &Pool) -> Position {
        self.position.unwrap_or_else(|| Position::of(pool))
    }

    /// Spot price with 32 fraction bits.
    #[must_use]
    pub fn price(&self, pool: &Pool) -> U64F64 {
        match &self.position {
            Some(position) => {
                position.sqrt_price.saturating_mul(position.sqrt_price).convert::<U96F32>().convert()
            }
            None => super::constant_product::price(pool),
        }
    }

    /// What a swap of the gross `amount` moves; the fee rate is in 65535ths.
    ///
    /// # Errors
    /// The swap pallet's errors of the era.
    ///
    /// ```
    /// use sn3_emission::pool::{Pool, Side, SwapLimit, concentrated::Concentrated};
    /// use sn3_emission::spec::RuntimeSpec;
    /// let rules = RuntimeSpec::at_version(362)?.pool;
    /// let pool = Pool::new(1_000_000_000, 4_000_000_000);
    /// let swap = Concentrated::new(rules).quote(&pool, Side::Buy, 250_000_000, SwapLimit::none(Side::Buy), 0);
    /// // As a constant product: 0.8·10^9, but for the rounding of the root.
    /// assert!(swap.unwrap().paid_out.abs_diff(800_000_000) < 10);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    pub fn quote(
        &self,
        pool: &Pool,
        side: Side,
        amount: u64,
        limit: SwapLimit,
        fee_rate: u16,
    ) -> Result<Swap, SwapError> {
        self.check(pool, side, limit)?;
        let position = self.position_of(pool);
        let mut fee = gross_fee(amount, fee_rate);
        let mut paid_in = amount.saturating_sub(fee);
        let (stop, target) = (stop(side, limit), position.after(side, paid_in));
        if if side == Side::Buy { target > stop } else { target < stop } {
            paid_in = position.distance(side, stop);
            fee = net_fee(paid_in, fee_rate);
        }
        let paid_out = position.paid_out(side, paid_in);
        if self.rules.dust_refused && paid_in > 0 && paid_out == 0 {
            return Err(SwapError::ReservesTooLow);
        }
        if paid_out > pool.reserve_out(side) {
            return Err(SwapError::InsufficientLiquidity);
        }
        let to_author = self.rules.fee_to == FeeReceiver::Author && paid_in > 0;
        Ok(Swap { paid_in, paid_out, fee, fee_to_author: if to_author { fee } else { 0 } })
    }

    fn check(&self, pool: &Pool, side: Side, limit: SwapLimit) -> Result<(), SwapError> {
        let input = if self.rules.reserves == ReserveCheck::Both { pool.reserve_in(side) } else { u64::MAX };
        if pool.reserve_out(side).min(input) < RESERVE_MIN_RAO {
            return Err(SwapError::ReservesTooLow);
        }
        let price = self.price(pool);
        let open = match side {
            _ if price == limit.0 => !self.rules.strict_limit,
            Side::Buy => price < limit.0,
            Side::Sell => price > limit.0,
        };
        if open { Ok(()) } else { Err(SwapError::PriceLimitExceeded) }
    }

    /// Moves the price by a quoted swap; `pool` is as it was before the swap. A fee that nobody else gets is
    /// collected, minus nothing for the least liquidity, whose part of it is below a rao.
    pub fn apply(&mut self, pool: &Pool, side: Side, swap: &Swap) {
        let mut position = self.position_of(pool);
        position.sqrt_price = position.after(side, swap.paid_in);
        self.position = Some(position);
        let collected = swap.fee.saturating_sub(swap.fee_to_author);
        let fees = if side == Side::Buy { &mut self.fees.tao } else { &mut self.fees.alpha };
        *fees = fees.saturating_add(collected);
    }

    /// Adjusts the liquidity to an injection. Before the first swap there is none to adjust.
    pub fn inject(&mut self, injected: Held) {
        let Some(position) = self.position else { return };
        let by = match self.rules.liquidity {
            LiquidityRaise::None => return,
            LiquidityRaise::Injected => injected,
            LiquidityRaise::WithFees => sum(injected, std::mem::take(&mut self.fees)),
            LiquidityRaise::Proportional => {
                let fees = std::mem::take(&mut self.fees);
                self.proportional(position, sum(sum(injected, fees), self.waiting))
            }
        };
        if let Some(position) = &mut self.position {
            position.raise(by);
        }
    }

    /// The part of both amounts in proportion to the price; the rest waits.
    fn proportional(&mut self, position: Position, all: Held) -> Held {
        let price = position.sqrt_price.saturating_mul(position.sqrt_price);
        let matching = U64F64::from_int(all.alpha).saturating_mul(price).to_u64();
        let used = if matching <= all.tao {
            Held { tao: matching, alpha: all.alpha }
        } else {
            let alpha = U64F64::from_int(all.tao).safe_div(price).to_u64();
            Held { tao: all.tao, alpha: alpha.min(all.alpha) }
        };
        self.waiting = Held { tao: all.tao - used.tao, alpha: all.alpha - used.alpha };
        used
    }
}

fn sum(a: Held, b: Held) -> Held {
    Held { tao: a.tao.saturating_add(b.tao), alpha: a.alpha.saturating_add(b.alpha) }
}

/// The square root of the price where a swap stops: the limit, or the end of the range.
fn stop(side: Side, limit: SwapLimit) -> U64F64 {
    let root = checked_sqrt(limit.0, SQRT_EPSILON).unwrap_or(U64F64::ZERO);
    match side {
        Side::Buy => root.min(SQRT_PRICE_MAX),
        Side::Sell => root.max(reciprocal(SQRT_PRICE_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::RuntimeSpec;

    fn pool(version: u32) -> Concentrated {
        Concentrated::new(RuntimeSpec::at_version(version).unwrap().pool)
    }

    /// `L = 2·10^9`, `s = 1/2`: selling 10^9 alpha gives `1/s = 2.5`, `s = 0.4`, TAO `2·10^9 · 0.1`.
    #[test]
    fn a_sale_moves_the_reciprocal_root() {
        let reserves = Pool::new(1_000_000_000, 4_000_000_000);
        let mut concentrated = pool(362);
        let side = Side::Sell;
        let swap = concentrated.quote(&reserves, side, 1_000_000_000, SwapLimit::none(side), 0).unwrap();
        assert!(swap.paid_out.abs_diff(200_000_000) < 10, "{swap:?}");
        concentrated.apply(&reserves, side, &swap);
        let sixteen_hundredths = U64F64::from_int(4).safe_div(U64F64::from_int(25));
        let price = concentrated.price(&reserves);
        assert!(price.to_bits().abs_diff(sixteen_hundredths.to_bits()) < 1 << 33, "{price:?}");
    }

    #[test]
    fn a_purchase_stops_at_its_limit_with_the_fee_on_top() {
        let reserves = Pool::new(1_000_000_000, 4_000_000_000);
        let limit = SwapLimit::rao(360_000_000); // root 0.6: L · 0.1
        let swap = pool(362).quote(&reserves, Side::Buy, 900_000_000, limit, 655).unwrap();
        assert!(swap.paid_in.abs_diff(200_000_000) < 10, "{swap:?}");
        assert_eq!(swap.fee, net_fee(swap.paid_in, 655));
        assert_eq!(swap.fee_to_author, 0);
        assert_eq!(
            pool(391).quote(&reserves, Side::Buy, 1_000_000, limit, 655).unwrap().fee_to_author,
            9_994
        );
    }

    #[test]
    fn limits_at_the_price_are_refused_since_292() {
        let reserves = Pool::new(1_000_000_000, 1_000_000_000);
        let at_price = |version| {
            let mut pool = pool(version);
            pool.position = Some(Position { sqrt_price: U64F64::ONE, liquidity: 1_000_000_000 });
            pool.quote(&reserves, Side::Buy, 1_000_000, SwapLimit::rao(1_000_000_000), 0).map(|s| s.paid_in)
        };
        assert_eq!(at_price(290), Ok(0));
        assert_eq!(at_price(292), Err(SwapError::PriceLimitExceeded));
    }

    #[test]
    fn both_reserves_count_until_326() {
        let reserves = Pool::new(10, 1_000_000_000);
        let buys = |version| {
            pool(version)
                .quote(&reserves, Side::Buy, 5, SwapLimit::none(Side::Buy), 0)
                .map(|swap| swap.paid_in)
        };
        assert_eq!(buys(326), Err(SwapError::ReservesTooLow));
        assert_eq!(buys(334), Ok(5));
    }

    /// Price 1/4, 100 TAO and 100 alpha: 25 TAO and 100 alpha are used, 75 TAO wait.
    #[test]
    fn injection_in_proportion_keeps_the_rest_waiting() {
        let mut concentrated = pool(362);
        let half = U64F64::from_bits(1 << 63);
        concentrated.position = Some(Position { sqrt_price: half, liquidity: 2_000 });
        concentrated.inject(Held { tao: 100, alpha: 100 });
        assert_eq!(concentrated.waiting, Held { tao: 75, alpha: 0 });
        // √((1000 + 25) · (4000 + 100)) = 2050
        assert_eq!(concentrated.position.unwrap().liquidity, 2_050);
        concentrated.inject(Held { tao: 0, alpha: 400 });
        assert_eq!(concentrated.waiting, Held { tao: 0, alpha: 100 });
    }

    #[test]
    fn fees_are_compounded_from_301_to_390() {
        let fees = Held { tao: 100, alpha: 100 };
        for (version, liquidity) in [(291, 1_000), (292, 1_010), (301, 1_110)] {
            let mut concentrated = pool(version);
            concentrated.position = Some(Position { sqrt_price: U64F64::ONE, liquidity: 1_000 });
            concentrated.fees = fees;
            concentrated.inject(Held { tao: 10, alpha: 10 });
            assert_eq!(concentrated.position.unwrap().liquidity, liquidity, "{version}");
        }
    }
}
