//! The prefunded development accounts.

use super::AccountId;
use sp_core::{Pair, crypto::DeriveJunction, sr25519};
use std::sync::OnceLock;

/// Rao in one TAO.
pub const RAO_PER_TAO: u64 = 1_000_000_000;

/// A development account: everybody knows its key, so it is worth nothing outside a development chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevAccount {
    /// The name, as in the derivation path.
    pub name: &'static str,
    /// What it owns at genesis, in rao.
    pub balance_rao: u64,
}

/// The accounts of the local network, richest first.
pub const DEV_ACCOUNTS: [DevAccount; 9] = [
    DevAccount { name: "Alice", balance_rao: 1_000_000 * RAO_PER_TAO },
    DevAccount { name: "Bob", balance_rao: 1_000_000 * RAO_PER_TAO },
    DevAccount { name: "Charlie", balance_rao: 1_000_000 * RAO_PER_TAO },
    DevAccount { name: "Dave", balance_rao: 2_000 * RAO_PER_TAO },
    DevAccount { name: "Eve", balance_rao: 2_000 * RAO_PER_TAO },
    DevAccount { name: "Ferdie", balance_rao: 2_000 * RAO_PER_TAO },
    DevAccount { name: "One", balance_rao: 2_000 * RAO_PER_TAO },
    DevAccount { name: "Two", balance_rao: 2_000 * RAO_PER_TAO },
    DevAccount { name: "Three", balance_rao: 2_000 * RAO_PER_TAO },
];

impl DevAccount {
    /// The secret key URI that wallets accept, for example `//Alice`.
    pub fn uri(&self) -> String {
        format!("//{}", self.name)
    }

    /// The key pair.
    pub fn pair(&self) -> sr25519::Pair {
        dev_pair(self.name)
    }

    /// The account on chain.
    pub fn account(&self) -> AccountId {
        AccountId::from(self.pair().public().0)
    }
}

/// The key pair of the development phrase derived with the hard junction `name`.
pub fn dev_pair(name: &str) -> sr25519::Pair {
    let path = core::iter::once(DeriveJunction::hard(name));
    let (pair, _) = root().derive(path, None).expect("sr25519 supports hard derivation");
    pair
}

/// The account of [`dev_pair`].
pub fn dev_account(name: &str) -> AccountId {
    AccountId::from(dev_pair(name).public().0)
}

/// The pair of the development phrase itself; stretching it takes 2048 hash rounds, so once.
fn root() -> &'static sr25519::Pair {
    static ROOT: OnceLock<sr25519::Pair> = OnceLock::new();
    ROOT.get_or_init(|| {
        let (pair, _) = sr25519::Pair::from_phrase(sp_core::crypto::DEV_PHRASE, None)
            .expect("the development phrase is a valid mnemonic");
        pair
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_core::crypto::Ss58Codec;

    #[test]
    fn alice_has_her_well_known_address() {
        assert_eq!(dev_account("Alice").to_ss58check(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
    }
}
