//! What a coldkey or hotkey can do, one call each. All of them return when finalized with success.

use std::net::IpAddr;

use sn3_protocol::{Alpha, Coldkey, Hotkey, NetUid, Rao};
use subxt::utils::MultiAddress;

use super::{ChainClient, account};
use crate::bindings::transactions;
use crate::wallet::{ColdkeyPair, HotkeyPair};
use crate::{ReadError, Receipt, SubmitError};

/// Where an axon can be reached, as the chain announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxonEndpoint {
    /// The public address; the chain refuses loopback, `0.0.0.0` is allowed.
    pub ip: IpAddr,
    /// The port; not 0.
    pub port: u16,
    /// Version of the software that listens.
    pub version: u32,
    /// Protocol number; 4 by convention.
    pub protocol: u8,
}

impl ChainClient {
    /// Registers a hotkey on a subnet for at most `price_max`; the current price is burned from the coldkey.
    ///
    /// The cap is enforced by the chain in the block that executes it, so a price that rises meanwhile costs
    /// nothing: the call fails with `RegistrationPriceLimitExceeded`.
    pub async fn register(
        &self,
        coldkey: &ColdkeyPair,
        netuid: NetUid,
        hotkey: &Hotkey,
        price_max: Rao,
    ) -> Result<Receipt, SubmitError> {
        let call = transactions().subtensor_module().register_limit(netuid.0, account(hotkey.0), price_max.0);
        self.receipt(&coldkey.0, &call.unvalidated()).await
    }

    /// Stakes TAO on a hotkey of a subnet; the subnet must have been started.
    pub async fn add_stake(
        &self,
        coldkey: &ColdkeyPair,
        netuid: NetUid,
        hotkey: &Hotkey,
        amount: Rao,
    ) -> Result<Receipt, SubmitError> {
        let call = transactions().subtensor_module().add_stake(account(hotkey.0), netuid.0, amount.0);
        self.receipt(&coldkey.0, &call.unvalidated()).await
    }

    /// Takes alpha off a hotkey of a subnet and sells it for TAO.
    pub async fn remove_stake(
        &self,
        coldkey: &ColdkeyPair,
        netuid: NetUid,
        hotkey: &Hotkey,
        amount: Alpha,
    ) -> Result<Receipt, SubmitError> {
        let call = transactions().subtensor_module().remove_stake(account(hotkey.0), netuid.0, amount.0);
        self.receipt(&coldkey.0, &call.unvalidated()).await
    }

    /// Creates a subnet, whose owner's hotkey becomes uid 0, for the lock cost of the moment. Returns its number.
    pub async fn register_network(
        &self,
        coldkey: &ColdkeyPair,
        owner_hotkey: &Hotkey,
    ) -> Result<(NetUid, Receipt), SubmitError> {
        let call = transactions().subtensor_module().register_network(account(owner_hotkey.0)).unvalidated();
        let landed = self.submit(&coldkey.0, &call).await?;
        let reason = "no NetworkAdded event names the new subnet".to_owned();
        let missing = || SubmitError::Dispatch { call: "SubtensorModule.register_network".into(), reason };
        Ok((landed.new_network.map(NetUid).ok_or_else(missing)?, landed.receipt))
    }

    /// Starts a subnet's emission and staking; once, by its owner's coldkey.
    pub async fn start_call(&self, owner: &ColdkeyPair, netuid: NetUid) -> Result<Receipt, SubmitError> {
        let call = transactions().subtensor_module().start_call(netuid.0).unvalidated();
        self.receipt(&owner.0, &call).await
    }

    /// Sends TAO; the sender's account is kept alive.
    pub async fn transfer(
        &self,
        from: &ColdkeyPair,
        to: &Coldkey,
        amount: Rao,
    ) -> Result<Receipt, SubmitError> {
        let to = MultiAddress::Id(account(to.0));
        let call = transactions().balances().transfer_keep_alive(to, amount.0).unvalidated();
        self.receipt(&from.0, &call).await
    }

    /// Announces where a hotkey's axon listens. Free of charge.
    pub async fn serve_axon(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        endpoint: AxonEndpoint,
    ) -> Result<Receipt, SubmitError> {
        let AxonEndpoint { ip, port, version, protocol } = endpoint;
        let (kind, number) = ip_number(ip);
        let call = transactions().subtensor_module();
        let call = call.serve_axon(netuid.0, version, number, port, kind, protocol, 0, 0).unvalidated();
        self.receipt(&hotkey.0, &call).await
    }

    /// Waits until the receipt, and fails as the call does.
    async fn receipt<P: subxt::transactions::Payload>(
        &self,
        signer: &crate::wallet::Unlocked,
        call: &P,
    ) -> Result<Receipt, SubmitError> {
        self.submit(signer, call).await.map(|landed| landed.receipt)
    }

    /// What a new subnet costs at the head, in rao.
    pub async fn network_price(&self) -> Result<Rao, ReadError> {
        let at = self.at(self.head().await?).await?;
        let call = subxt::runtime_apis::dynamic::<_, u64>(
            "SubnetRegistrationRuntimeApi",
            "get_network_registration_cost",
            (),
        );
        let what = "SubnetRegistrationRuntimeApi.get_network_registration_cost";
        super::within(what, at.runtime_apis().call(call)).await.map(Rao)
    }
}

/// The chain's `ip_type` and the address as a number in host order.
fn ip_number(ip: IpAddr) -> (u8, u128) {
    match ip {
        IpAddr::V4(ip) => (4, u32::from(ip).into()),
        IpAddr::V6(ip) => (6, u128::from(ip)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_in_host_order() {
        assert_eq!(ip_number("1.2.3.4".parse().unwrap()), (4, 0x0102_0304));
        assert_eq!(ip_number("::2".parse().unwrap()), (6, 2));
    }
}
