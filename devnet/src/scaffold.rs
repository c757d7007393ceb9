//! A chain from a description: subnets with their settings, funded accounts, registered neurons.
//!
//! ```
//! use sn3_devnet::Scaffold;
//!
//! let scaffold = Scaffold::parse(r#"
//!     [[account]]
//!     name = "Zoe"
//!     tao = 500
//!
//!     [[subnet]]
//!     netuid = 3
//!     owner = "Alice"
//!     tempo = 20
//!
//!     [[subnet.neuron]]
//!     coldkey = "Zoe"
//!     hotkey = "ZoeHot"
//!     stake = 100
//! "#)?;
//! let manifest = scaffold.manifest();
//! assert_eq!(manifest.subnets[0].neurons[1].hotkey.uri, "//ZoeHot");
//! assert_eq!(scaffold.genesis().subnets.len(), 1);
//! # Ok::<(), sn3_devnet::ScaffoldError>(())
//! ```
//!
//! Keys are named: the name `Zoe` stands for the key that wallets know as `//Zoe`. All of it is in the first
//! state, so a chain of a hundred neurons starts as fast as an empty one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sp_core::crypto::Ss58Codec;

use crate::runtime::{
    accounts::{RAO_PER_TAO, dev_account},
    genesis::GenesisConfig,
    pallets::subtensor::{
        genesis::{GenesisNeuron, GenesisSubnet},
        hyperparameters::Hyperparameters,
    },
};

/// The longest description, in bytes.
pub const SCAFFOLD_BYTES_MAX: usize = 1024 * 1024;
/// Numbers from here on would be those of mechanisms.
const NETUID_END: u16 = 4_096;
/// The most neurons of a subnet.
const NEURONS_MAX: usize = 256;
/// No amount is larger than the supply, in TAO.
const TAO_MAX: u64 = 21_000_000;

/// What a chain starts with. Amounts are whole TAO or alpha.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaffold {
    /// Blocks before an epoch in which settings rest.
    #[serde(default)]
    admin_freeze_window_blocks: u16,
    /// Accounts with TAO, besides the development accounts.
    #[serde(default, rename = "account")]
    accounts: Vec<Account>,
    /// The subnets.
    #[serde(default, rename = "subnet")]
    subnets: Vec<SubnetPlan>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    name: String,
    tao: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SubnetPlan {
    netuid: u16,
    owner: String,
    owner_hotkey: Option<String>,
    tempo: u16,
    pool_tao: u64,
    pool_alpha: u64,
    burn: u64,
    started: bool,
    commit_reveal: bool,
    reveal_period_epochs: u64,
    weights_rate_limit_blocks: u64,
    serving_rate_limit_blocks: u64,
    immunity_blocks: u16,
    max_validators: u16,
    min_allowed_weights: u16,
    hyperparameters: Hyperparameters,
    #[serde(rename = "neuron")]
    neurons: Vec<NeuronPlan>,
}

impl Default for SubnetPlan {
    fn default() -> Self {
        Self {
            netuid: 0,
            owner: "Alice".into(),
            owner_hotkey: None,
            tempo: 20,
            pool_tao: 1_000,
            pool_alpha: 1_000,
            burn: 1,
            started: true,
            commit_reveal: false,
            reveal_period_epochs: 1,
            weights_rate_limit_blocks: 0,
            serving_rate_limit_blocks: 0,
            immunity_blocks: 5_000,
            max_validators: 64,
            min_allowed_weights: 1,
            hyperparameters: Hyperparameters::default(),
            neurons: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct NeuronPlan {
    coldkey: String,
    hotkey: String,
    #[serde(default)]
    stake: u64,
}

/// Why a description makes no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// It is too long.
    #[error("the description has {bytes} bytes, more than {SCAFFOLD_BYTES_MAX}; split the chain up")]
    Size {
        /// Its length.
        bytes: usize,
    },
    /// It is no TOML, or has other fields.
    #[error("the description cannot be read: {0}")]
    Syntax(String),
    /// A number that no subnet can have, or that two have.
    #[error("subnet number {netuid} is taken, 0, or above {}; give each subnet its own", NETUID_END - 1)]
    Netuid {
        /// The number.
        netuid: u16,
    },
    /// More neurons than a subnet has room for.
    #[error("subnet {netuid} has {count} neurons with its owner; there is room for {NEURONS_MAX}")]
    Neurons {
        /// The subnet.
        netuid: u16,
        /// How many.
        count: usize,
    },
    /// The same hotkey twice on a subnet, or under two coldkeys.
    #[error("hotkey {hotkey} is on subnet {netuid} twice or belongs to two coldkeys; use another name")]
    Hotkey {
        /// The subnet.
        netuid: u16,
        /// The hotkey's name.
        hotkey: String,
    },
    /// More than there is.
    #[error("{tao} TAO or alpha for {name} is more than the supply of {TAO_MAX}")]
    Amount {
        /// Whose.
        name: String,
        /// How much.
        tao: u64,
    },
    /// Settings that contradict each other.
    #[error("the hyperparameters of subnet {netuid} cannot be: {why}")]
    Hyperparameters {
        /// The subnet.
        netuid: u16,
        /// What is wrong.
        why: &'static str,
    },
    /// A subnet whose epochs would never come.
    #[error("subnet {netuid} has tempo 0 or an empty pool; give it at least one block and one TAO and alpha")]
    Idle {
        /// The subnet.
        netuid: u16,
    },
}

/// What was made, for programs that use the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The funded accounts of the description.
    pub accounts: Vec<FundedKey>,
    /// The subnets.
    pub subnets: Vec<SubnetEntry>,
}

/// A key by all its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedKey {
    /// The secret that wallets accept, for example `//Zoe`.
    pub uri: String,
    /// The address.
    pub ss58: String,
}

/// An account and what it owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FundedKey {
    /// The key.
    #[serde(flatten)]
    pub key: NamedKey,
    /// What it owns, in rao.
    pub balance_rao: u64,
}

/// A subnet and its neurons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubnetEntry {
    /// Its number.
    pub netuid: u16,
    /// Its owner.
    pub owner: NamedKey,
    /// Its neurons by uid; the owner's is the first.
    pub neurons: Vec<NeuronEntry>,
}

/// A neuron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeuronEntry {
    /// Its slot.
    pub uid: u16,
    /// Its hotkey.
    pub hotkey: NamedKey,
    /// Who owns it.
    pub coldkey: NamedKey,
    /// The stake on it, in alpha rao.
    pub stake_rao: u64,
}

impl Scaffold {
    /// Reads and checks a description in TOML.
    pub fn parse(text: &str) -> Result<Self, ScaffoldError> {
        if text.len() > SCAFFOLD_BYTES_MAX {
            return Err(ScaffoldError::Size { bytes: text.len() });
        }
        let scaffold: Self = toml::from_str(text).map_err(|e| ScaffoldError::Syntax(e.to_string()))?;
        scaffold.check()?;
        Ok(scaffold)
    }

    fn check(&self) -> Result<(), ScaffoldError> {
        self.accounts.iter().try_for_each(|account| check_amount(&account.name, account.tao))?;
        let (mut netuids, mut owners) = (BTreeSet::new(), BTreeMap::new());
        for subnet in &self.subnets {
            let netuid = subnet.netuid;
            if !(1..NETUID_END).contains(&netuid) || !netuids.insert(netuid) {
                return Err(ScaffoldError::Netuid { netuid });
            }
            subnet.check(&mut owners)?;
        }
        Ok(())
    }

    /// The first state.
    #[must_use]
    pub fn genesis(&self) -> GenesisConfig {
        let balance = |account: &Account| (dev_account(&account.name), rao(account.tao));
        GenesisConfig {
            balances_rao: self.accounts.iter().map(balance).collect(),
            admin_freeze_window_blocks: self.admin_freeze_window_blocks,
            subnets: self.subnets.iter().map(SubnetPlan::genesis).collect(),
            ..GenesisConfig::default()
        }
    }

    /// Names and addresses of all that is made.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let account =
            |account: &Account| FundedKey { key: named(&account.name), balance_rao: rao(account.tao) };
        Manifest {
            accounts: self.accounts.iter().map(account).collect(),
            subnets: self.subnets.iter().map(SubnetPlan::entry).collect(),
        }
    }
}

impl SubnetPlan {
    fn check<'a>(&'a self, owners: &mut BTreeMap<&'a str, &'a str>) -> Result<(), ScaffoldError> {
        let netuid = self.netuid;
        check_amount(&self.owner, self.pool_tao.max(self.pool_alpha).max(self.burn))?;
        if self.tempo == 0 || self.pool_tao == 0 || self.pool_alpha == 0 {
            return Err(ScaffoldError::Idle { netuid });
        }
        let count = self.neurons.len() + 1;
        if count > NEURONS_MAX {
            return Err(ScaffoldError::Neurons { netuid, count });
        }
        if let Some(why) = self.hyperparameters.contradiction(count) {
            return Err(ScaffoldError::Hyperparameters { netuid, why });
        }
        let mut here = BTreeSet::new();
        let owner = (self.owner.as_str(), self.owner_hotkey());
        let others = self.neurons.iter().map(|neuron| (neuron.coldkey.as_str(), neuron.hotkey.as_str()));
        for (coldkey, hotkey) in std::iter::once(owner).chain(others) {
            if !here.insert(hotkey) || *owners.entry(hotkey).or_insert(coldkey) != coldkey {
                return Err(ScaffoldError::Hotkey { netuid, hotkey: hotkey.to_owned() });
            }
        }
        self.neurons.iter().try_for_each(|neuron| check_amount(&neuron.hotkey, neuron.stake))
    }

    fn owner_hotkey(&self) -> &str {
        self.owner_hotkey.as_deref().unwrap_or(&self.owner)
    }

    fn genesis(&self) -> GenesisSubnet {
        GenesisSubnet {
            netuid: self.netuid,
            owner: dev_account(&self.owner),
            owner_hotkey: dev_account(self.owner_hotkey()),
            tempo: self.tempo,
            pool_tao_rao: rao(self.pool_tao),
            pool_alpha_rao: rao(self.pool_alpha),
            burn_rao: rao(self.burn),
            started: self.started,
            commit_reveal: self.commit_reveal,
            reveal_period_epochs: self.reveal_period_epochs,
            weights_rate_limit_blocks: self.weights_rate_limit_blocks,
            serving_rate_limit_blocks: self.serving_rate_limit_blocks,
            immunity_blocks: self.immunity_blocks,
            max_validators: self.max_validators,
            min_allowed_weights: self.min_allowed_weights,
            hyperparameters: self.hyperparameters.clone(),
            neurons: self.neurons.iter().map(NeuronPlan::genesis).collect(),
        }
    }

    fn entry(&self) -> SubnetEntry {
        let owner = NeuronEntry {
            uid: 0,
            hotkey: named(self.owner_hotkey()),
            coldkey: named(&self.owner),
            stake_rao: 0,
        };
        let others = (1u16..).zip(&self.neurons).map(|(uid, neuron)| NeuronEntry {
            uid,
            hotkey: named(&neuron.hotkey),
            coldkey: named(&neuron.coldkey),
            stake_rao: rao(neuron.stake),
        });
        let neurons = std::iter::once(owner).chain(others).collect();
        SubnetEntry { netuid: self.netuid, owner: named(&self.owner), neurons }
    }
}

impl NeuronPlan {
    fn genesis(&self) -> GenesisNeuron {
        GenesisNeuron {
            coldkey: dev_account(&self.coldkey),
            hotkey: dev_account(&self.hotkey),
            stake_rao: rao(self.stake),
        }
    }
}

fn check_amount(name: &str, tao: u64) -> Result<(), ScaffoldError> {
    match tao > TAO_MAX {
        true => Err(ScaffoldError::Amount { name: name.to_owned(), tao }),
        false => Ok(()),
    }
}

fn rao(tao: u64) -> u64 {
    tao.saturating_mul(RAO_PER_TAO)
}

fn named(name: &str) -> NamedKey {
    NamedKey { uri: format!("//{name}"), ss58: dev_account(name).to_ss58check() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ScaffoldError {
        Scaffold::parse(text).unwrap_err()
    }

    #[test]
    fn impossible_chains_are_refused_by_name() {
        assert_eq!(refused("[[subnet]]\nnetuid = 0"), ScaffoldError::Netuid { netuid: 0 });
        let twice = "[[subnet]]\nnetuid = 3\n[[subnet]]\nnetuid = 3";
        assert_eq!(refused(twice), ScaffoldError::Netuid { netuid: 3 });
        assert_eq!(refused("[[subnet]]\nnetuid = 3\ntempo = 0"), ScaffoldError::Idle { netuid: 3 });
        let stolen = "[[subnet]]\nnetuid = 3\n[[subnet.neuron]]\ncoldkey = \"Bob\"\nhotkey = \"Alice\"";
        assert_eq!(refused(stolen), ScaffoldError::Hotkey { netuid: 3, hotkey: "Alice".into() });
        let rich = "[[account]]\nname = \"Zoe\"\ntao = 21000001";
        assert_eq!(refused(rich), ScaffoldError::Amount { name: "Zoe".into(), tao: 21_000_001 });
        assert!(matches!(refused("[[subnet]]\nnetuid = 3\nspeed = 1"), ScaffoldError::Syntax(_)));
        let reversed = "[[subnet]]\nnetuid = 3\n[subnet.hyperparameters]\nalpha_low = 2\nalpha_high = 1";
        assert!(matches!(refused(reversed), ScaffoldError::Hyperparameters { netuid: 3, .. }));
    }

    #[test]
    fn the_manifest_has_the_uids_of_the_chain() {
        let text =
            "[[subnet]]\nnetuid = 7\n[[subnet.neuron]]\ncoldkey = \"Bob\"\nhotkey = \"BobHot\"\nstake = 5";
        let manifest = Scaffold::parse(text).unwrap().manifest();
        let neuron = &manifest.subnets[0].neurons[1];
        assert_eq!((neuron.uid, neuron.stake_rao), (1, 5_000_000_000));
        assert_eq!(neuron.hotkey.ss58, dev_account("BobHot").to_ss58check());
    }
}
