//! Nominators' shares of a hotkey's stake (emission mathematics, section 9).
//!
//! A pool holds one value and a denominator; every coldkey holds a share. Dividends raise the value alone,
//! so that all shares grow at once without touching them.
//!
//! ```
//! use sn3_emission::share_pool::SharePool;
//!
//! let mut pool = SharePool::default();
//! pool.update_one(&"ann", 100);
//! pool.update_one(&"ben", 300);
//! pool.update_all(40);
//! assert_eq!(pool.value_of(&"ann"), 110);
//! assert_eq!(pool.value_of(&"ben"), 330);
//! ```

mod holders;
mod safe_float;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use holders::Holders;
pub use safe_float::SafeFloat;

/// One hotkey's stake on one subnet, divided among holders of type `K`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize + Ord", deserialize = "K: Deserialize<'de> + Ord"))]
pub struct SharePool<K: Ord> {
    value: u64,
    denominator: SafeFloat,
    shares: Holders<K>,
}

impl<K: Ord> Default for SharePool<K> {
    fn default() -> Self {
        Self { value: 0, denominator: SafeFloat::ZERO, shares: Holders::default() }
    }
}

impl<K: Ord + Clone> SharePool<K> {
    /// What all holders together own, in rao.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The sum of shares that a share is compared with.
    #[must_use]
    pub fn denominator(&self) -> SafeFloat {
        self.denominator
    }

    /// Holders and their shares, in ascending order.
    pub fn shares(&self) -> impl Iterator<Item = (&K, SafeFloat)> {
        self.shares.iter()
    }

    /// Whether a coldkey has a share.
    #[must_use]
    pub fn holds(&self, holder: &K) -> bool {
        self.shares.get(holder).is_some()
    }

    /// What a holder owns: `floor(value · share / denominator)`.
    #[must_use]
    pub fn value_of(&self, holder: &K) -> u64 {
        self.shares.get(holder).map_or(0, |share| self.value_of_share(share))
    }

    fn value_of_share(&self, share: SafeFloat) -> u64 {
        SafeFloat::from(self.value).mul_div(share, self.denominator).map_or(0, SafeFloat::to_u64)
    }

    /// Changes everybody's value at once, in proportion to their shares.
    pub fn update_all(&mut self, delta: i64) {
        self.value = self.value.saturating_add_signed(delta);
    }

    /// Whether a deposit of `amount` would be worth a share at all.
    #[must_use]
    pub fn can_represent(&self, amount: u64) -> bool {
        amount == 0 || self.denominator.is_zero() || !self.shares_of(amount).is_zero()
    }

    /// Deposits (positive) or withdraws (negative) for one holder.
    pub fn update_one(&mut self, holder: &K, delta: i64) {
        let magnitude = delta.unsigned_abs();
        if self.denominator.is_zero() {
            self.denominator = SafeFloat::from(magnitude);
            self.set_share(holder, self.denominator);
        } else {
            let shares = self.shares_of(magnitude);
            self.move_shares(holder, shares, delta > 0);
        }
        self.value = self.value.saturating_add_signed(delta);
    }

    fn shares_of(&self, amount: u64) -> SafeFloat {
        SafeFloat::from(amount)
            .mul_div(self.denominator, SafeFloat::from(self.value))
            .unwrap_or(SafeFloat::ZERO)
    }

    fn move_shares(&mut self, holder: &K, shares: SafeFloat, up: bool) {
        let held = self.shares.get(holder).unwrap_or(SafeFloat::ZERO);
        let (denominator, held) = if up {
            (self.denominator.plus(shares), held.plus(shares))
        } else {
            (self.denominator.minus(shares), held.minus(shares))
        };
        self.denominator = denominator;
        self.set_share(holder, held);
    }

    fn set_share(&mut self, holder: &K, share: SafeFloat) {
        if share.is_zero() {
            self.shares.remove(holder);
        } else {
            self.shares.insert(holder.clone(), share);
        }
    }

    /// Whether nothing is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value == 0 && self.shares.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_deposit_sets_the_denominator() {
        let mut pool = SharePool::default();
        pool.update_one(&1_u8, 49_236_877_494_282);
        assert_eq!(pool.denominator(), SafeFloat::new(492_368_774_942_820_000_000, -7));
        assert_eq!(pool.value_of(&1), 49_236_877_494_282);
    }

    proptest! {
        /// Random deposits, withdrawals within what is held, and dividends.
        #[test]
        fn holders_never_own_more_than_the_pool(ops in prop::collection::vec((0u8..5, 0u64..1 << 50, 0u8..3), 1..80)) {
            let mut pool = SharePool::default();
            for (holder, amount, kind) in ops {
                let held = pool.value_of(&holder);
                match kind {
                    0 => pool.update_one(&holder, amount as i64),
                    1 => pool.update_one(&holder, -(amount.min(held) as i64)),
                    _ if pool.value() > 0 => pool.update_all(amount as i64),
                    _ => {}
                }
                let owned: u128 = (0..5).map(|h| u128::from(pool.value_of(&h))).sum();
                prop_assert!(owned <= u128::from(pool.value()), "{owned} > {}", pool.value());
            }
        }
    }
}
