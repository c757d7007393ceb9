//! Announcing endpoints (chain interface, section 3.4).

use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sp_core::bounded::BoundedVec;
use sp_runtime::AccountId32;

const LOCALHOST_V4: u128 = 0x7F00_0001;
const LOCALHOST_V6: u128 = 1;
/// The longest public key of a certificate, in bytes; its first byte names the algorithm.
const CERTIFICATE_BYTES_MAX: usize = 65;

impl<T: Config> Pallet<T> {
    pub(super) fn do_serve_axon(
        who: AccountId32,
        netuid: NetUid,
        axon: AxonInfo,
        certificate: Option<Vec<u8>>,
    ) -> DispatchResult {
        Self::check_axon(&who, netuid, &axon)?;
        if let Some(certificate) = certificate.as_deref().and_then(certificate_of) {
            NeuronCertificates::<T>::insert(netuid, &who, certificate);
        }
        Axons::<T>::insert(netuid, &who, AxonInfo { block: Self::now(), ..axon });
        Self::deposit_event(Event::AxonServed(netuid, who));
        Ok(())
    }

    pub(super) fn do_serve_prometheus(
        who: AccountId32,
        netuid: NetUid,
        endpoint: PrometheusInfo,
    ) -> DispatchResult {
        Self::check_prometheus(&who, netuid, &endpoint)?;
        Prometheus::<T>::insert(netuid, &who, PrometheusInfo { block: Self::now(), ..endpoint });
        Self::deposit_event(Event::PrometheusServed(netuid, who));
        Ok(())
    }

    /// Everything an axon must fulfil; its address may be zero.
    pub fn check_axon(who: &AccountId32, netuid: NetUid, axon: &AxonInfo) -> Result<(), Error<T>> {
        let last = Axons::<T>::get(netuid, who).map(|axon| axon.block);
        let address_valid = axon.ip == 0 || address_valid(axon.ip, axon.ip_type);
        Self::check_endpoint(who, netuid, (axon.ip_type, axon.port), address_valid, last)
    }

    /// Everything a metrics endpoint must fulfil.
    pub fn check_prometheus(
        who: &AccountId32,
        netuid: NetUid,
        endpoint: &PrometheusInfo,
    ) -> Result<(), Error<T>> {
        let last = Prometheus::<T>::get(netuid, who).map(|endpoint| endpoint.block);
        let address_valid = endpoint.ip != 0 && address_valid(endpoint.ip, endpoint.ip_type);
        Self::check_endpoint(who, netuid, (endpoint.ip_type, endpoint.port), address_valid, last)
    }

    fn check_endpoint(
        who: &AccountId32,
        netuid: NetUid,
        (ip_type, port): (u8, u16),
        address_valid: bool,
        last: Option<u64>,
    ) -> Result<(), Error<T>> {
        ensure!(Uids::<T>::contains_key(netuid, who), Error::<T>::HotKeyNotRegisteredInNetwork);
        ensure!(ip_type == 4 || ip_type == 6, Error::<T>::InvalidIpType);
        ensure!(address_valid, Error::<T>::InvalidIpAddress);
        ensure!(port != 0, Error::<T>::InvalidPort);
        let wait = ServingRateLimit::<T>::get(netuid);
        let rested = last.is_none_or(|last| wait == 0 || Self::now().saturating_sub(last) >= wait);
        ensure!(rested, Error::<T>::ServingRateLimitExceeded);
        Ok(())
    }
}

fn address_valid(ip: u128, ip_type: u8) -> bool {
    match ip_type {
        4 => ip < u128::from(u32::MAX) && ip != LOCALHOST_V4,
        _ => ip != LOCALHOST_V6 && ip != u128::MAX,
    }
}

fn certificate_of(bytes: &[u8]) -> Option<NeuronCertificate> {
    let (algorithm, public_key) = bytes.get(..CERTIFICATE_BYTES_MAX.min(bytes.len()))?.split_first()?;
    let public_key = BoundedVec::try_from(public_key.to_vec()).ok()?;
    Some(NeuronCertificate { public_key, algorithm: *algorithm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_all_ones_are_no_addresses() {
        assert!(!address_valid(LOCALHOST_V4, 4));
        assert!(!address_valid(u128::from(u32::MAX), 4));
        assert!(!address_valid(1, 6));
        assert!(address_valid(0x0A00_0001, 4));
    }
}
