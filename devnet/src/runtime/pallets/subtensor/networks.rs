//! Registering and starting subnets (chain interface, section 3.3).

use super::economy::{BalancesBank, coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::{PalletId, dispatch::DispatchResult, ensure};
use sn3_protocol::NetUid as Net;
use sp_runtime::{AccountId32, traits::AccountIdConversion};

/// What the accounts of subnets are derived from.
const SUBNET_ACCOUNTS: PalletId = PalletId(*b"subtensr");
/// The symbols of the first networks: root, then the Greek letters.
const SYMBOLS: [&str; 25] = [
    "Τ", "α", "β", "γ", "δ", "ε", "ζ", "η", "θ", "ι", "κ", "λ", "μ", "ν", "ξ", "ο", "π", "ρ", "σ", "τ", "υ",
    "φ", "χ", "ψ", "ω",
];

impl<T: Config> Pallet<T> {
    /// The account that holds a subnet's TAO.
    pub fn subnet_account(netuid: NetUid) -> AccountId32 {
        SUBNET_ACCOUNTS.into_sub_account_truncating(netuid)
    }

    /// Whether the last registration of a subnet is long enough ago for another one.
    pub fn network_registration_rested() -> bool {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::NetworkLastRegistered);
        last == 0 || Self::now().saturating_sub(last) >= NetworkRateLimit::<T>::get()
    }

    /// What a subnet costs now, in rao.
    pub fn network_cost() -> TaoBalance {
        Self::economy().network_cost()
    }

    pub(super) fn do_register_network(
        who: AccountId32,
        hot: AccountId32,
        identity: Option<SubnetIdentityV3>,
    ) -> DispatchResult {
        ensure!(Self::network_registration_rested(), Error::<T>::NetworkTxRateLimitExceeded);
        Self::ensure_no_system_account(&hot)?;
        let (cold, key) = (coldkey(&who), hotkey(&hot));
        let mut bank = BalancesBank::<T>::new();
        let (netuid, locked) = Self::operate(|network| {
            let cost = network.network_cost();
            network.register_network(&mut bank, &cold, &key).map(|netuid| (netuid.0, cost))
        })?;
        LastRateLimitedBlock::<T>::insert(RateLimitKey::NetworkLastRegistered, Self::now());
        SubnetLocked::<T>::insert(netuid, locked);
        RegisteredSubnetCounter::<T>::mutate(netuid, |count| *count += 1);
        Self::assign_symbol(netuid);
        if let Some(identity) = identity {
            Self::describe_subnet(netuid, identity)?;
        }
        Self::deposit_event(Event::NetworkAdded(netuid, 1));
        Ok(())
    }

    /// Gives a network its symbol; those beyond the alphabet keep the default one.
    pub(super) fn assign_symbol(netuid: NetUid) {
        if let Some(symbol) = SYMBOLS.get(usize::from(netuid)) {
            TokenSymbol::<T>::insert(netuid, symbol.as_bytes().to_vec());
        }
    }

    /// Gives a subnet one of the known symbols that no other subnet has.
    pub(super) fn do_update_symbol(netuid: NetUid, symbol: Vec<u8>) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        let known = SYMBOLS.iter().any(|known| known.as_bytes() == symbol);
        ensure!(known, Error::<T>::SymbolDoesNotExist);
        let taken = TokenSymbol::<T>::iter().any(|(other, taken)| other != netuid && taken == symbol);
        ensure!(!taken, Error::<T>::SymbolAlreadyInUse);
        TokenSymbol::<T>::insert(netuid, &symbol);
        Self::deposit_event(Event::SymbolUpdated { netuid, symbol });
        Ok(())
    }

    /// Starts a subnet: from the next block on it emits, and its alpha can be staked.
    pub(super) fn do_start_call(who: AccountId32, netuid: NetUid) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubnetOwner::<T>::get(netuid) == who, sp_runtime::DispatchError::BadOrigin);
        let block = Self::operate(|network| network.start_call(&coldkey(&who), Net(netuid)))?;
        Self::deposit_event(Event::FirstEmissionBlockNumberSet(netuid, block));
        Ok(())
    }
}
