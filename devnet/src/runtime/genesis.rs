//! The first state of a development chain.

use super::{AccountId, accounts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a development chain starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GenesisConfig {
    /// Accounts that own TAO besides the development accounts: (account, rao).
    pub balances_rao: Vec<(AccountId, u64)>,
}

impl Default for GenesisConfig {
    fn default() -> Self {
        Self { balances_rao: Vec::new() }
    }
}

impl GenesisConfig {
    /// The complete genesis document that `GenesisBuilder_build_state` accepts.
    pub fn document(&self) -> Value {
        let mut balances: Vec<(AccountId, u64)> =
            accounts::DEV_ACCOUNTS.iter().map(|account| (account.account(), account.balance_rao)).collect();
        balances.extend(self.balances_rao.iter().cloned());
        json!({
            "system": {},
            "aura": { "authorities": [accounts::dev_account("One")] },
            "balances": { "balances": balances, "devAccounts": null },
            "transactionPayment": { "multiplier": "1000000000000000000" },
            "sudo": { "key": accounts::dev_account("Alice") },
        })
    }
}
