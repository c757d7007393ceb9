//! The first state of a development chain.

use super::{AccountId, accounts, pallets::subtensor::genesis::GenesisSubnet};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a development chain starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GenesisConfig {
    /// Accounts that own TAO besides the development accounts: (account, rao).
    pub balances_rao: Vec<(AccountId, u64)>,
    /// Blocks between two subnet registrations.
    pub network_rate_limit_blocks: u64,
    /// The lowest price of a subnet, in rao.
    pub network_min_lock_cost_rao: u64,
    /// Blocks before an epoch in which settings rest.
    pub admin_freeze_window_blocks: u16,
    /// The subnets that exist from the beginning, besides root.
    pub subnets: Vec<GenesisSubnet>,
}

impl Default for GenesisConfig {
    fn default() -> Self {
        Self {
            balances_rao: Vec::new(),
            network_rate_limit_blocks: 0,
            network_min_lock_cost_rao: accounts::RAO_PER_TAO,
            admin_freeze_window_blocks: 0,
            subnets: vec![first_subnet(), training_subnet()],
        }
    }
}

/// Netuid 1 of the local network: ten TAO, ten alpha, owned by the zero account, not started.
pub fn first_subnet() -> GenesisSubnet {
    GenesisSubnet {
        netuid: 1,
        owner: AccountId::new([0; 32]),
        owner_hotkey: AccountId::new([0; 32]),
        tempo: 100,
        pool_tao_rao: 10 * accounts::RAO_PER_TAO,
        pool_alpha_rao: 10 * accounts::RAO_PER_TAO,
        burn_rao: accounts::RAO_PER_TAO,
        started: false,
        commit_reveal: true,
        weights_rate_limit_blocks: 100,
        serving_rate_limit_blocks: 50,
        immunity_blocks: 4_096,
        reveal_period_epochs: 1,
        max_validators: 64,
        min_allowed_weights: 1,
        hyperparameters: Default::default(),
        neurons: Vec::new(),
    }
}

/// Netuid 3, ready for training runs: owned by Alice, started, a short tempo, plain weights, no rate limits.
pub fn training_subnet() -> GenesisSubnet {
    GenesisSubnet {
        netuid: 3,
        owner: accounts::dev_account("Alice"),
        owner_hotkey: accounts::dev_account("Alice"),
        tempo: 20,
        pool_tao_rao: 1_000 * accounts::RAO_PER_TAO,
        pool_alpha_rao: 1_000 * accounts::RAO_PER_TAO,
        burn_rao: accounts::RAO_PER_TAO,
        started: true,
        commit_reveal: false,
        weights_rate_limit_blocks: 0,
        serving_rate_limit_blocks: 0,
        immunity_blocks: 5_000,
        reveal_period_epochs: 1,
        max_validators: 64,
        min_allowed_weights: 1,
        hyperparameters: Default::default(),
        neurons: Vec::new(),
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
            "subtensorModule": {
                "networkRateLimitBlocks": self.network_rate_limit_blocks,
                "networkMinLockCostRao": self.network_min_lock_cost_rao,
                "adminFreezeWindowBlocks": self.admin_freeze_window_blocks,
                "subnets": self.subnets,
            },
            "drand": {},
            "mevShield": {},
            "sudo": { "key": accounts::dev_account("Alice") },
        })
    }
}
