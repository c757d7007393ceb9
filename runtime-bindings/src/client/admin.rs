//! Settings of a local network, through its sudo key.

use sn3_protocol::{NetUid, Rao};

use super::ChainClient;
use crate::bindings::admin_utils::Call as Admin;
use crate::bindings::{Call as RuntimeCall, transactions};
use crate::wallet::ColdkeyPair;
use crate::{Receipt, SubmitError};

/// A local network's settings, changed with its sudo key (`//Alice` on a devnet).
///
/// Each call returns when its *inner* result is a success in a finalized block: the outer extrinsic of a sudo call
/// succeeds even when the inner one fails, and that is an error here.
#[derive(Clone, Debug)]
pub struct LocalAdmin {
    client: ChainClient,
    sudo: ColdkeyPair,
}

impl LocalAdmin {
    /// Uses `sudo` on the chain that `client` is connected to.
    #[must_use]
    pub fn new(client: ChainClient, sudo: ColdkeyPair) -> Self {
        Self { client, sudo }
    }

    /// Blocks between two epochs of a subnet. Needs a freeze window that is smaller.
    pub async fn set_tempo(&self, netuid: NetUid, tempo_blocks: u16) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_tempo { netuid: netuid.0, tempo: tempo_blocks }).await
    }

    /// Whether weights are committed first and revealed later.
    pub async fn set_commit_reveal(&self, netuid: NetUid, enabled: bool) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_commit_reveal_weights_enabled { netuid: netuid.0, enabled }).await
    }

    /// Sets the version of timelocked commits that the chain takes, on all subnets.
    pub async fn set_commit_reveal_version(&self, version: u16) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_commit_reveal_version { version }).await
    }

    /// Blocks that must pass between two settings of weights.
    pub async fn set_weights_rate_limit(&self, netuid: NetUid, blocks: u64) -> Result<Receipt, SubmitError> {
        let netuid = netuid.0;
        self.set(Admin::sudo_set_weights_set_rate_limit { netuid, weights_set_rate_limit: blocks }).await
    }

    /// Blocks that must pass between two creations of subnets.
    pub async fn set_network_rate_limit(&self, blocks: u64) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_network_rate_limit { rate_limit: blocks }).await
    }

    /// The least that a new subnet costs.
    pub async fn set_network_min_lock_cost(&self, cost: Rao) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_network_min_lock_cost { lock_cost: cost.0 }).await
    }

    /// Whether the chain emits TAO into a subnet; new ones start without.
    pub async fn set_subnet_emission(&self, netuid: NetUid, enabled: bool) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_subnet_emission_enabled { netuid: netuid.0, enabled }).await
    }

    /// Whether a subnet's alpha can be staked.
    pub async fn set_subtoken(&self, netuid: NetUid, enabled: bool) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_subtoken_enabled { netuid: netuid.0, subtoken_enabled: enabled }).await
    }

    /// How many validators get a permit.
    pub async fn set_validators_max(&self, netuid: NetUid, count: u16) -> Result<Receipt, SubmitError> {
        let netuid = netuid.0;
        self.set(Admin::sudo_set_max_allowed_validators { netuid, max_allowed_validators: count }).await
    }

    /// Blocks before an epoch during which settings are frozen, for sudo too: set it to 0 first.
    pub async fn set_freeze_window(&self, blocks: u16) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_admin_freeze_window { window: blocks }).await
    }

    /// Blocks for which a new neuron cannot be pruned.
    pub async fn set_immunity_period(&self, netuid: NetUid, blocks: u16) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_immunity_period { netuid: netuid.0, immunity_period: blocks }).await
    }

    /// Stake weight below which nobody may set weights.
    pub async fn set_stake_threshold(&self, stake: Rao) -> Result<Receipt, SubmitError> {
        self.set(Admin::sudo_set_stake_threshold { min_stake: stake.0 }).await
    }

    async fn set(&self, call: Admin) -> Result<Receipt, SubmitError> {
        let name = format!("{call:?}");
        let name = name.split([' ', '(']).next().unwrap_or("AdminUtils");
        let outer = transactions().sudo().sudo(RuntimeCall::AdminUtils(call)).unvalidated();
        self.client.submit(&self.sudo.0, &outer).await?.sudo_receipt(name)
    }
}
