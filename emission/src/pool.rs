//! The weighted ("balancer") pool of TAO and alpha (emission mathematics, section 3).
//!
//! ```
//! use sn3_emission::pool::{Pool, Side, SwapLimit};
//!
//! let pool = Pool::new(1_000_000_000_000, 1_000_000_000_000);
//! assert_eq!(pool.price().to_bits(), 1 << 64);
//! let sale = pool.quote(Side::Sell, 744_905_266, SwapLimit::none(Side::Sell), 33).unwrap();
//! assert_eq!((sale.paid_in, sale.paid_out, sale.fee), (744_530_171, 743_976_258, 375_095));
//! ```

mod bracket;
pub mod concentrated;
pub mod constant_product;
mod exact;
pub mod power;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fixed::{U64F64, mul_div_u128, mul_wide};
use power::{Ratio, pow_ratio_scaled};

/// Weights are parts of this.
pub const WEIGHT_PARTS: u64 = 1_000_000_000_000_000_000;
/// Neither weight may fall below one hundredth.
pub const WEIGHT_MIN_PARTS: u64 = WEIGHT_PARTS / 100;
/// Swaps need at least this much of what is paid out.
pub const RESERVE_MIN_RAO: u64 = 1_000_000;
/// The price limit of a sale "without limit".
pub const PRICE_MIN_RAO: u64 = 1_000;
/// The price limit of a purchase "without limit".
pub const PRICE_MAX_RAO: u64 = 1_000_000_000_000_000;
/// A swap may pay in at most this multiple of the reserve.
pub const INPUT_MULTIPLE_MAX: u64 = 1_000;

const RAO_PER_UNIT: u64 = 1_000_000_000;
const SWAP_PRECISION_BITS: u64 = 256;
const LIMIT_PRECISION_BITS: u64 = 1_024;

/// What is paid in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// TAO in, alpha out.
    Buy,
    /// Alpha in, TAO out.
    Sell,
}

/// The price at which a swap stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapLimit(U64F64);

impl SwapLimit {
    /// A limit in rao of TAO per unit of alpha.
    #[must_use]
    pub fn rao(limit: u64) -> Self {
        Self(U64F64::from_int(limit).safe_div(U64F64::from_int(RAO_PER_UNIT)))
    }

    /// The limit that stands for none.
    #[must_use]
    pub fn none(side: Side) -> Self {
        Self::rao(match side {
            Side::Buy => PRICE_MAX_RAO,
            Side::Sell => PRICE_MIN_RAO,
        })
    }
}

/// What a swap moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Swap {
    /// Paid into the pool, net of the fee.
    pub paid_in: u64,
    /// Paid out of the pool.
    pub paid_out: u64,
    /// Fee, in what is paid in; it does not enter the pool.
    pub fee: u64,
    /// The part of the fee that belongs to the block's author.
    pub fee_to_author: u64,
}

/// Why a pool refuses a swap. The names are the swap pallet's error names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
#[non_exhaustive]
pub enum SwapError {
    /// More than a thousand times the reserve is paid in.
    #[error("the amount exceeds a thousand times the pool's reserve; swap less")]
    SwapInputTooLarge,
    /// The reserve is below the minimum, or nothing would be paid out.
    #[error("the pool's reserve is too small for this swap; swap more, or wait for liquidity")]
    ReservesTooLow,
    /// The price is already beyond the limit.
    #[error("the pool's price is already beyond the limit; move the limit")]
    PriceLimitExceeded,
    /// More would be paid out than there is.
    #[error("the pool holds less than would be paid out; swap less")]
    InsufficientLiquidity,
    /// The wished initial price leaves a weight outside its range.
    #[error("the reserves do not fit the initial price; change one of them")]
    ReservesOutOfBalance,
}

impl SwapError {
    /// The name in the swap pallet's metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SwapInputTooLarge => "SwapInputTooLarge",
            Self::ReservesTooLow => "ReservesTooLow",
            Self::PriceLimitExceeded => "PriceLimitExceeded",
            Self::InsufficientLiquidity => "InsufficientLiquidity",
            Self::ReservesOutOfBalance => "ReservesOutOfBalance",
        }
    }
}

/// Reserves and weights. The fee rate is an argument of each swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Pool {
    /// TAO reserve (`SubnetTAO`) in rao.
    pub tao: u64,
    /// Alpha reserve (`SubnetAlphaIn`) in rao.
    pub alpha: u64,
    /// Weight of the TAO side in 10⁻¹⁸ths; the alpha side has the rest.
    pub quote_weight: u64,
}

impl Pool {
    /// A pool with equal weights.
    #[must_use]
    pub fn new(tao: u64, alpha: u64) -> Self {
        Self { tao, alpha, quote_weight: WEIGHT_PARTS / 2 }
    }

    /// A pool whose weights give `price` on these reserves.
    ///
    /// # Errors
    /// [`SwapError::ReservesOutOfBalance`] when a weight would fall below its minimum.
    pub fn with_price(tao: u64, alpha: u64, price: U64F64) -> Result<Self, SwapError> {
        let alpha_fixed = U64F64::from_int(alpha);
        let whole = u128::from(price.to_u64()).saturating_mul(alpha.into());
        let part = price.fraction().saturating_mul(alpha_fixed).to_u64();
        let denominator = whole.saturating_add(part.into()).saturating_add(tao.into());
        let quote_weight = mul_div_u128(WEIGHT_PARTS.into(), tao.into(), denominator)
            .and_then(|w| u64::try_from(w).ok())
            .filter(|w| weight_in_range(*w))
            .ok_or(SwapError::ReservesOutOfBalance)?;
        Ok(Self { tao, alpha, quote_weight })
    }

    fn base_weight(&self) -> u64 {
        WEIGHT_PARTS - self.quote_weight
    }

    /// Spot price in TAO per alpha; zero without alpha.
    #[must_use]
    pub fn price(&self) -> U64F64 {
        if self.alpha == 0 {
            return U64F64::ZERO;
        }
        let weights = U64F64::ratio(self.base_weight(), self.quote_weight);
        let reserves = U64F64::ratio(self.tao, self.alpha);
        weights.saturating_mul(reserves)
    }

    /// The part of the paid-out reserve that stays after `delta` is paid in (section 3.2).
    #[must_use]
    pub fn remaining(&self, side: Side, delta: u64) -> U64F64 {
        let (reserve, num, den) = match side {
            Side::Buy => (self.tao, self.quote_weight, self.base_weight()),
            Side::Sell => (self.alpha, self.base_weight(), self.quote_weight),
        };
        let grown = reserve.saturating_add(delta);
        if grown == 0 {
            return U64F64::ZERO;
        }
        let ratio = Ratio { base_num: reserve.into(), base_den: grown.into(), exp_num: num, exp_den: den };
        scaled_to_fixed(pow_ratio_scaled(&ratio, SWAP_PRECISION_BITS)).min(U64F64::ONE)
    }

    /// How much alpha must be paid in to take `tao` out, before fees; zero where the power overflows.
    ///
    /// ```
    /// use sn3_emission::pool::Pool;
    /// let pool = Pool::new(217_144_363, 267_542_331_067);
    /// assert_eq!(pool.alpha_needed(314_981), 388_650_053);
    /// ```
    #[must_use]
    pub fn alpha_needed(&self, tao: u64) -> u64 {
        let left = self.tao.saturating_sub(tao);
        let (num, den) = (self.quote_weight, self.base_weight());
        let ratio = Ratio { base_num: self.tao.into(), base_den: left.into(), exp_num: num, exp_den: den };
        let growth = scaled_to_fixed(pow_ratio_scaled(&ratio, SWAP_PRECISION_BITS));
        U64F64::from_int(self.alpha).saturating_mul(growth.saturating_sub(U64F64::ONE)).to_u64()
    }

    fn paid_out(&self, side: Side, delta: u64) -> u64 {
        let reserve = U64F64::from_int(self.reserve_out(side));
        reserve.saturating_mul(U64F64::ONE.saturating_sub(self.remaining(side, delta))).to_u64()
    }

    fn reserve_in(&self, side: Side) -> u64 {
        if side == Side::Buy { self.tao } else { self.alpha }
    }

    fn reserve_out(&self, side: Side) -> u64 {
        if side == Side::Buy { self.alpha } else { self.tao }
    }

    /// The reserves after a swap.
    fn moved(&self, side: Side, paid_in: u64, paid_out: u64) -> Self {
        let mut pool = *self;
        match side {
            Side::Buy => {
                pool.tao = pool.tao.saturating_add(paid_in);
                pool.alpha = pool.alpha.saturating_sub(paid_out);
            }
            Side::Sell => {
                pool.alpha = pool.alpha.saturating_add(paid_in);
                pool.tao = pool.tao.saturating_sub(paid_out);
            }
        }
        pool
    }

    /// What a swap of the gross `amount` would move; the fee rate is in 65535ths, zero for none.
    ///
    /// # Errors
    /// The swap pallet's errors, checked in its order.
    pub fn quote(&self, side: Side, amount: u64, limit: SwapLimit, fee_rate: u16) -> Result<Swap, SwapError> {
        let mut fee = gross_fee(amount, fee_rate);
        let net = amount.saturating_sub(fee);
        self.check(side, net, limit)?;
        let (mut paid_in, mut paid_out) = (net, self.paid_out(side, net));
        let target = self.moved(side, net, paid_out).price();
        if beyond(side, target, limit) {
            paid_in = self.amount_to_limit(side, limit);
            paid_out = self.paid_out(side, paid_in);
            fee = net_fee(paid_in, fee_rate);
        }
        self.check_result(side, paid_in, paid_out)?;
        let fee_to_author = if paid_in == 0 { 0 } else { fee };
        Ok(Swap { paid_in, paid_out, fee, fee_to_author })
    }

    fn check(&self, side: Side, net: u64, limit: SwapLimit) -> Result<(), SwapError> {
        if net > self.reserve_in(side).saturating_mul(INPUT_MULTIPLE_MAX) {
            return Err(SwapError::SwapInputTooLarge);
        }
        if self.reserve_out(side) < RESERVE_MIN_RAO {
            return Err(SwapError::ReservesTooLow);
        }
        let price = self.price();
        let open = if side == Side::Buy { price < limit.0 } else { price > limit.0 };
        if open { Ok(()) } else { Err(SwapError::PriceLimitExceeded) }
    }

    fn check_result(&self, side: Side, paid_in: u64, paid_out: u64) -> Result<(), SwapError> {
        if paid_in != 0 && paid_out == 0 {
            return Err(SwapError::ReservesTooLow);
        }
        if paid_out > self.reserve_out(side) { Err(SwapError::InsufficientLiquidity) } else { Ok(()) }
    }

    /// The net amount that moves the price to the limit (section 3.3).
    fn amount_to_limit(&self, side: Side, limit: SwapLimit) -> u64 {
        let (price, limit) = (self.price().to_bits(), limit.0.to_bits());
        let (reserve, base_num, base_den, weight) = match side {
            Side::Buy => (self.tao, limit, price, self.base_weight()),
            Side::Sell => (self.alpha, price, limit, self.quote_weight),
        };
        let ratio = Ratio { base_num, base_den, exp_num: weight, exp_den: WEIGHT_PARTS };
        let growth = pow_ratio_scaled(&ratio, LIMIT_PRECISION_BITS).unwrap_or(0);
        let growth = u64::try_from(growth).unwrap_or(u64::MAX);
        let growth = U64F64::from_int(growth).safe_div(U64F64::from_int(WEIGHT_PARTS));
        U64F64::from_int(reserve).saturating_mul(growth.saturating_sub(U64F64::ONE)).to_u64()
    }

    /// Executes a quoted swap on the reserves.
    pub fn apply(&mut self, side: Side, swap: &Swap) {
        *self = self.moved(side, swap.paid_in, swap.paid_out);
    }

    /// The weight that keeps the price when `tao` and `alpha` are added; `None` when it would leave its
    /// range (section 3.4). The reserves stay as they are.
    #[must_use]
    pub fn weight_after_injection(&self, tao: u64, alpha: u64) -> Option<u64> {
        let new_alpha = u128::from(self.alpha) + u128::from(alpha);
        let new_tao = u128::from(self.tao) + u128::from(tao);
        let base = weigh(self.base_weight(), u128::from(self.tao).saturating_mul(new_alpha));
        let quote = weigh(self.quote_weight, u128::from(self.alpha).saturating_mul(new_tao));
        Some(ratio_parts(quote, base)).filter(|w| weight_in_range(*w))
    }
}

fn weight_in_range(weight: u64) -> bool {
    (WEIGHT_MIN_PARTS..=WEIGHT_PARTS - WEIGHT_MIN_PARTS).contains(&weight)
}

/// `v · weight / 10^18`, a half rounded up, clamped to 128 bits.
fn weigh(weight: u64, v: u128) -> u128 {
    let (high, low) = mul_wide(v, weight.into());
    let (low, carry) = low.overflowing_add(u128::from(WEIGHT_PARTS / 2));
    crate::fixed::div_wide(high + u128::from(carry), low, WEIGHT_PARTS.into()).unwrap_or(u128::MAX)
}

/// `floor(10^18 · quote / (quote + base))`; one half when both are zero.
fn ratio_parts(quote: u128, base: u128) -> u64 {
    let (quote, sum) = match quote.checked_add(base) {
        Some(0) => return WEIGHT_PARTS / 2,
        Some(sum) => (quote, sum),
        None => return exact::ratio_parts(quote, base),
    };
    mul_div_u128(quote, WEIGHT_PARTS.into(), sum).map_or(WEIGHT_PARTS, |parts| parts as u64)
}

fn scaled_to_fixed(v: Option<u128>) -> U64F64 {
    let v = v.and_then(|v| u64::try_from(v).ok()).unwrap_or(0);
    U64F64::ratio(v, WEIGHT_PARTS)
}

fn beyond(side: Side, target: U64F64, limit: SwapLimit) -> bool {
    if side == Side::Buy { target > limit.0 } else { target < limit.0 }
}

/// The fee contained in a gross amount.
#[must_use]
pub fn gross_fee(amount: u64, fee_rate: u16) -> u64 {
    if fee_rate == 0 {
        return 0;
    }
    let rate = U64F64::ratio(fee_rate.into(), u16::MAX.into());
    U64F64::from_int(amount).saturating_mul(rate).to_u64()
}

/// The fee on top of a net amount.
fn net_fee(amount: u64, fee_rate: u16) -> u64 {
    let rate = U64F64::from_int(fee_rate).safe_div(U64F64::from_int(u16::MAX - fee_rate));
    U64F64::from_int(amount).saturating_mul(rate).to_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_injection_at_the_price_keeps_the_weights() {
        let pool = Pool::new(2_000_000, 1_000_000);
        assert_eq!(pool.weight_after_injection(2_000, 1_000), Some(WEIGHT_PARTS / 2));
    }

    #[test]
    fn an_injection_that_would_starve_a_side_is_rejected() {
        assert_eq!(Pool::new(1_000_000, 1_000_000).weight_after_injection(1_000_000_000, 0), None);
    }

    #[test]
    fn a_pool_with_a_price_has_it() {
        let price = U64F64::from_bits(1 << 63);
        let pool = Pool::with_price(1_000_000, 1_000_000, price).unwrap();
        assert!(pool.price().to_bits().abs_diff(price.to_bits()) < 64);
        assert_eq!(Pool::with_price(0, 0, price), Err(SwapError::ReservesOutOfBalance));
    }

    #[test]
    fn the_largest_reserves_do_not_overflow() {
        let pool = Pool::new(u64::MAX, u64::MAX);
        assert!(pool.weight_after_injection(u64::MAX, u64::MAX).is_some());
    }
}
