//! The runtime as a whole, driven through its runtime APIs and calls.

mod apis;
mod economy;
mod guards;
mod harness;
mod keys;
mod layout;
mod networks;
mod parts;
mod timelock;
mod weights;

use super::*;
use harness::Harness;

#[test]
fn development_accounts_are_funded_at_genesis() {
    Harness::new().run(|| {
        for account in accounts::DEV_ACCOUNTS {
            assert_eq!(Balances::free_balance(account.account()), account.balance_rao);
        }
        assert_eq!(pallet_sudo::Key::<Runtime>::get(), Some(accounts::dev_account("Alice")));
    });
}

#[test]
fn an_unknown_method_is_no_panic() {
    Harness::new().run(|| assert!(api::dispatch("Core_nothing", &[]).is_none()));
}

#[test]
fn genesis_has_root_and_the_configured_subnets() {
    use pallets::subtensor::*;
    Harness::new().run(|| {
        let mut networks: Vec<u16> = NetworksAdded::<Runtime>::iter_keys().collect();
        networks.sort_unstable();
        assert_eq!(networks, [0, 1, 3]);
        assert_eq!(MaxAllowedUids::<Runtime>::get(0), 64);
        assert_eq!(Tempo::<Runtime>::get(0), 100);
        assert_eq!(SubnetTAO::<Runtime>::get(1), 10 * accounts::RAO_PER_TAO);
        assert_eq!(SubnetworkN::<Runtime>::get(3), 1);
        assert_eq!(Keys::<Runtime>::get(3, 0), accounts::dev_account("Alice"));
        assert_eq!(Owner::<Runtime>::get(accounts::dev_account("Alice")), accounts::dev_account("Alice"));
    });
}

/// Nothing is created or lost between the two ledgers: coldkeys and subnet accounts hold what was issued.
#[test]
fn issuance_is_what_all_accounts_hold() {
    let mut chain = Harness::new();
    chain.advance(5);
    chain.run(|| {
        let issued = pallets::subtensor::TotalIssuance::<Runtime>::get();
        assert_eq!(issued, pallet_balances::TotalIssuance::<Runtime>::get());
    });
}
