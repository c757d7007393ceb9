//! What a transaction costs, who gets it, and who pays in stake (chain interface, section 1.2).

mod alpha;

pub use alpha::TaoOrAlpha;

use super::*;
use frame_support::{
    traits::{
        Get, OnUnbalanced,
        fungible::{Balanced, Credit},
    },
    weights::{Weight, WeightToFee},
};

/// Parts of a billion of a rao for each picosecond.
const RAO_PER_PS_PARTS_PER_BILLION: u64 = 500_000;
const BILLION: u64 = 1_000_000_000;

/// Charges 0.0005 rao per picosecond of execution time.
pub struct RefTimeToFee;

impl WeightToFee for RefTimeToFee {
    type Balance = Balance;

    fn weight_to_fee(weight: &Weight) -> Balance {
        let parts = u128::from(weight.ref_time()) * u128::from(RAO_PER_PS_PARTS_PER_BILLION);
        Balance::try_from(parts / u128::from(BILLION)).unwrap_or(Balance::MAX)
    }
}

/// Charges one rao per byte.
pub struct BytesToFee;

impl WeightToFee for BytesToFee {
    type Balance = Balance;

    fn weight_to_fee(bytes: &Weight) -> Balance {
        bytes.ref_time()
    }
}

/// Hands fees to the first authority; drops them where there is none.
pub struct ToAuthor;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToAuthor {
    fn on_nonzero_unbalanced(credit: Credit<AccountId, Balances>) {
        let Some(author) = Author::get() else { return };
        // A refused deposit (below the existential deposit) burns the fee, as dropping it would.
        drop(Balances::resolve(&author, credit));
    }
}

/// The first authority.
pub struct Author;

impl Get<Option<AccountId>> for Author {
    fn get() -> Option<AccountId> {
        AuthorKey::get().map(|key| AccountId::from(key.0))
    }
}

/// The key of the first authority.
pub struct AuthorKey;

impl Get<Option<sp_core::sr25519::Public>> for AuthorKey {
    fn get() -> Option<sp_core::sr25519::Public> {
        pallets::aura::Authorities::<Runtime>::get().first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 108,157,000 ps (the base of every transaction) cost 54,078 rao.
    #[test]
    fn a_base_transaction_costs_fifty_four_thousand_rao() {
        assert_eq!(RefTimeToFee::weight_to_fee(&Weight::from_parts(108_157_000, 0)), 54_078);
    }

    #[test]
    fn a_byte_costs_one_rao() {
        assert_eq!(BytesToFee::weight_to_fee(&Weight::from_parts(250, 0)), 250);
    }
}
