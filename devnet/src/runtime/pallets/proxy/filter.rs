//! What each kind of proxy may do.

use crate::runtime::{RuntimeCall, pallets};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::InstanceFilter;
use pallets::subtensor::Call as Subnet;
use scale_info::TypeInfo;

/// The kinds of proxies, in the order of the chain.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub enum ProxyType {
    /// Everything.
    #[default]
    Any,
    /// What the owner of a subnet does.
    Owner,
    /// Everything but what cannot be undone.
    NonCritical,
    /// Everything that moves no TAO and no stake to others.
    NonTransfer,
    /// Nothing any more.
    Senate,
    /// Everything that moves neither TAO nor stake.
    NonFungible,
    /// Nothing any more.
    Triumvirate,
    /// Nothing any more.
    Governance,
    /// Buying, selling and moving stake.
    Staking,
    /// Registering neurons.
    Registration,
    /// Sending TAO and stake.
    Transfer,
    /// Sending less than half a TAO or alpha.
    SmallTransfer,
    /// Nothing any more.
    RootWeights,
    /// Child keys and their takes.
    ChildKeys,
    /// Nothing here: code is not replaced by transactions.
    SudoUncheckedSetCode,
    /// Replacing hotkeys.
    SwapHotkey,
    /// What the beneficiary of a leased subnet does: the owner's settings.
    SubnetLeaseBeneficiary,
    /// Claiming root dividends.
    RootClaim,
}

/// The largest amount of a small transfer, in rao.
const SMALL_TRANSFER_RAO: u64 = 500_000_000;

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        match self {
            Self::Any => true,
            Self::Owner | Self::SubnetLeaseBeneficiary => is_owners(call),
            Self::NonCritical => !is_critical(call),
            Self::NonTransfer => !is_transfer(call),
            Self::NonFungible => !(is_transfer(call) || is_staking(call) || is_registration(call)),
            Self::Staking => is_staking(call),
            Self::Registration => is_registration(call),
            Self::Transfer => is_transfer(call),
            Self::SmallTransfer => is_transfer(call) && is_small(call),
            Self::ChildKeys => subnet(call, |call| {
                matches!(call, Subnet::set_children { .. } | Subnet::set_childkey_take { .. })
            }),
            Self::SwapHotkey => subnet(call, |call| {
                matches!(call, Subnet::swap_hotkey { .. } | Subnet::swap_hotkey_v2 { .. })
            }),
            Self::RootClaim => subnet(call, |call| matches!(call, Subnet::claim_root { .. })),
            Self::Senate
            | Self::Triumvirate
            | Self::Governance
            | Self::RootWeights
            | Self::SudoUncheckedSetCode => false,
        }
    }

    fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::NonTransfer, Self::Transfer | Self::SmallTransfer) => false,
            (Self::NonTransfer, other) => !matches!(other, Self::Any),
            (Self::Transfer, Self::SmallTransfer) => true,
            (one, other) => one == other,
        }
    }
}

fn subnet(call: &RuntimeCall, test: impl Fn(&Subnet<crate::runtime::Runtime>) -> bool) -> bool {
    matches!(call, RuntimeCall::SubtensorModule(call) if test(call))
}

fn is_transfer(call: &RuntimeCall) -> bool {
    matches!(call, RuntimeCall::Balances(_))
        || subnet(call, |call| matches!(call, Subnet::transfer_stake { .. }))
}

fn is_small(call: &RuntimeCall) -> bool {
    use pallet_balances::Call::{transfer_allow_death, transfer_keep_alive};
    match call {
        RuntimeCall::Balances(transfer_allow_death { value, .. } | transfer_keep_alive { value, .. }) => {
            *value < SMALL_TRANSFER_RAO
        }
        RuntimeCall::SubtensorModule(Subnet::transfer_stake { alpha_amount, .. }) => {
            *alpha_amount < SMALL_TRANSFER_RAO
        }
        _ => false,
    }
}

fn is_staking(call: &RuntimeCall) -> bool {
    subnet(call, |call| {
        matches!(
            call,
            Subnet::add_stake { .. }
                | Subnet::add_stake_limit { .. }
                | Subnet::remove_stake { .. }
                | Subnet::remove_stake_limit { .. }
                | Subnet::remove_stake_full_limit { .. }
                | Subnet::unstake_all { .. }
                | Subnet::unstake_all_alpha { .. }
                | Subnet::swap_stake { .. }
                | Subnet::swap_stake_limit { .. }
                | Subnet::move_stake { .. }
        )
    })
}

fn is_registration(call: &RuntimeCall) -> bool {
    subnet(call, |call| {
        matches!(
            call,
            Subnet::burned_register { .. } | Subnet::register { .. } | Subnet::register_limit { .. }
        )
    })
}

fn is_owners(call: &RuntimeCall) -> bool {
    matches!(call, RuntimeCall::AdminUtils(_))
        || subnet(call, |call| {
            matches!(
                call,
                Subnet::set_subnet_identity { .. }
                    | Subnet::update_symbol { .. }
                    | Subnet::start_call { .. }
                    | Subnet::set_tempo { .. }
                    | Subnet::set_activity_cutoff_factor { .. }
                    | Subnet::trigger_epoch { .. }
            )
        })
}

fn is_critical(call: &RuntimeCall) -> bool {
    matches!(call, RuntimeCall::Sudo(_))
        || subnet(call, |call| {
            matches!(
                call,
                Subnet::dissolve_network { .. }
                    | Subnet::root_register { .. }
                    | Subnet::burned_register { .. }
                    | Subnet::announce_coldkey_swap { .. }
                    | Subnet::swap_coldkey_announced { .. }
                    | Subnet::swap_hotkey { .. }
                    | Subnet::swap_hotkey_v2 { .. }
            )
        })
}
