//! The constant-product pool of the launch, specs 233 to 282 (runtime timeline, section 3.1).
//!
//! Reserves and their product have 18 fraction bits, prices 32. There is no proportional fee.

use super::{Pool, Side, Swap, SwapError, SwapLimit};
use crate::fixed::{Fixed, U64F64, U96F32, mul_div_u128};

/// A swap may not leave less than this in the pool, in rao.
pub const LIQUIDITY_MIN_RAO: u64 = 10_000_000;

const FRACTION_BITS: u32 = 18;
/// The product saturates at the container's 110 integer bits.
const PRODUCT_MAX: u128 = (1 << 110) - 1;

/// Spot price in TAO per alpha with 32 fraction bits; zero without alpha.
///
/// ```
/// use sn3_emission::pool::{Pool, constant_product};
/// assert_eq!(constant_product::price(&Pool::new(1, 3)).to_bits(), ((1_u128 << 32) / 3) << 32);
/// ```
#[must_use]
pub fn price(pool: &Pool) -> U64F64 {
    U96F32::from_int(pool.tao).safe_div(U96F32::from_int(pool.alpha)).convert()
}

/// What a swap of `amount` moves. The part that a limit allows comes from the curve's closed form, which the
/// timeline does not give.
///
/// # Errors
/// `PriceLimitExceeded` when the price is beyond the limit, `ReservesTooLow` when too little would be left.
///
/// ```
/// use sn3_emission::pool::{Pool, Side, SwapLimit, constant_product};
/// let pool = Pool::new(1_000_000_000, 4_000_000_000);
/// // 4·10^18 / 1.25·10^9 = 3.2·10^9 remain of the alpha.
/// let swap = constant_product::quote(&pool, Side::Buy, 250_000_000, SwapLimit::none(Side::Buy)).unwrap();
/// assert_eq!((swap.paid_in, swap.paid_out, swap.fee), (250_000_000, 800_000_000, 0));
/// // At a quarter TAO per alpha; the limit of 0.36 allows √(4·10^18 · 0.36) - 10^9 = 0.2·10^9.
/// let swap = constant_product::quote(&pool, Side::Buy, 250_000_000, SwapLimit::rao(360_000_000)).unwrap();
/// assert_eq!(swap.paid_in, 199_999_999);
/// ```
pub fn quote(pool: &Pool, side: Side, amount: u64, limit: SwapLimit) -> Result<Swap, SwapError> {
    let paid_in =
        if limit == SwapLimit::none(side) { amount } else { amount.min(to_limit(pool, side, limit)?) };
    let paid_out = paid_out(pool, side, paid_in).ok_or(SwapError::ReservesTooLow)?;
    Ok(Swap { paid_in, paid_out, ..Swap::default() })
}

fn product(pool: &Pool) -> u128 {
    (u128::from(pool.tao) * u128::from(pool.alpha)).min(PRODUCT_MAX)
}

fn paid_out(pool: &Pool, side: Side, paid_in: u64) -> Option<u64> {
    let (input, output) = (pool.reserve_in(side), pool.reserve_out(side));
    let left = (product(pool) << FRACTION_BITS).checked_div(input.saturating_add(paid_in).into())?;
    if left < u128::from(LIQUIDITY_MIN_RAO) << FRACTION_BITS {
        return None;
    }
    let out = (u128::from(output) << FRACTION_BITS).saturating_sub(left) >> FRACTION_BITS;
    u64::try_from(out).ok()
}

/// The amount that moves the price to the limit: the input reserve there is `√(k·L)` of TAO, `√(k/L)` of alpha.
fn to_limit(pool: &Pool, side: Side, limit: SwapLimit) -> Result<u64, SwapError> {
    let price = price(pool);
    let beyond = if side == Side::Buy { price > limit.0 } else { price < limit.0 };
    if beyond {
        return Err(SwapError::PriceLimitExceeded);
    }
    let (k, bits) = (product(pool), limit.0.to_bits());
    let squared = match side {
        Side::Buy => mul_div_u128(k, bits, 1 << 64),
        Side::Sell => mul_div_u128(k, 1 << 64, bits),
    };
    let reserve = squared.map_or(u64::MAX, |squared| squared.isqrt() as u64);
    Ok(reserve.saturating_sub(pool.reserve_in(side)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_mirrors_a_purchase() {
        let pool = Pool::new(4_000_000_000, 1_000_000_000);
        let swap = quote(&pool, Side::Sell, 250_000_000, SwapLimit::none(Side::Sell)).unwrap();
        assert_eq!((swap.paid_in, swap.paid_out), (250_000_000, 800_000_000));
    }

    #[test]
    fn a_swap_that_empties_the_pool_is_refused() {
        let pool = Pool::new(1_000_000_000, 20_000_000);
        assert!(quote(&pool, Side::Buy, 999_999_999, SwapLimit::none(Side::Buy)).is_ok());
        let more = quote(&pool, Side::Buy, 1_100_000_000, SwapLimit::none(Side::Buy));
        assert_eq!(more, Err(SwapError::ReservesTooLow));
        let empty = quote(&Pool::new(0, 0), Side::Buy, 0, SwapLimit::none(Side::Buy));
        assert_eq!(empty, Err(SwapError::ReservesTooLow));
    }

    #[test]
    fn a_limit_behind_the_price_is_refused() {
        let pool = Pool::new(1_000_000_000, 1_000_000_000);
        let refused = quote(&pool, Side::Sell, 1_000, SwapLimit::rao(1_100_000_000));
        assert_eq!(refused, Err(SwapError::PriceLimitExceeded));
    }

    #[test]
    fn the_largest_pools_do_not_overflow() {
        let pool = Pool::new(u64::MAX, u64::MAX);
        let _either_way = quote(&pool, Side::Buy, u64::MAX, SwapLimit::none(Side::Buy));
    }
}
