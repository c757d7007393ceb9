//! Free balances of coldkeys, wherever they are kept.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sn3_protocol::Coldkey;

/// Where coldkeys' balances live. A pallet implements it over its balances; simulations use [`Balances`].
///
/// A debit pays into a subnet's account, a credit pays out of one: [`Subnet::account_tao`] is the other side.
/// TAO that is burned leaves [`Network::total_issuance`]; the bank is only debited.
///
/// [`Subnet::account_tao`]: crate::network::Subnet::account_tao
/// [`Network::total_issuance`]: crate::Network::total_issuance
pub trait Bank {
    /// Free balance in rao.
    fn balance(&self, coldkey: &Coldkey) -> u64;

    /// Adds to a balance.
    fn credit(&mut self, coldkey: &Coldkey, amount_rao: u64);

    /// Takes from a balance; never more than [`Bank::balance`] said.
    fn debit(&mut self, coldkey: &Coldkey, amount_rao: u64);
}

/// Balances in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Balances(pub BTreeMap<Coldkey, u64>);

impl Bank for Balances {
    fn balance(&self, coldkey: &Coldkey) -> u64 {
        self.0.get(coldkey).copied().unwrap_or(0)
    }

    fn credit(&mut self, coldkey: &Coldkey, amount_rao: u64) {
        let balance = self.0.entry(*coldkey).or_default();
        *balance = balance.saturating_add(amount_rao);
    }

    fn debit(&mut self, coldkey: &Coldkey, amount_rao: u64) {
        let balance = self.0.entry(*coldkey).or_default();
        *balance = balance.saturating_sub(amount_rao);
    }
}
