//! The runtime: the subnet chain's pallets, extensions and runtime APIs, compiled natively.
//!
//! Pallet names and indices, call indices, storage layouts and runtime API layouts follow the chain
//! interface of the subnet chain at `spec_version` 425, so that its ordinary clients work unchanged.
//! Execution goes through [`api::dispatch`], which takes a runtime API name such as
//! `Core_initialize_block` and SCALE-encoded arguments.

// FRAME generates undocumented public items for every pallet.
#![allow(missing_docs)]

pub mod accounts;
pub mod apis;
pub mod extensions;
pub mod genesis;
pub mod metadata;
pub mod pallets;

mod config;
mod fees;
#[cfg(test)]
mod tests;

pub use apis::api;
pub use config::{SPEC_VERSION_KEY, VERSION, version};
pub use metadata::metadata;

use sp_runtime::{MultiAddress, MultiSignature, generic, traits::BlakeTwo256};

/// The account identifier: a 32-byte public key.
pub type AccountId = sp_runtime::AccountId32;
/// An amount of TAO in rao.
pub type Balance = u64;
/// The number of a block.
pub type BlockNumber = u32;
/// How many transactions an account has sent.
pub type Nonce = u32;
/// A 256-bit hash.
pub type Hash = sp_core::H256;
/// A signature of any of the supported schemes.
pub type Signature = MultiSignature;
/// The address form inside transactions.
pub type Address = MultiAddress<AccountId, ()>;
/// A block header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A transaction in its encoded block form.
pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, extensions::TxExtension>;
/// A block of this chain.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// The block executor.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

frame_support::construct_runtime!(
    pub enum Runtime {
        System: frame_system = 0,
        Timestamp: pallet_timestamp = 2,
        Aura: pallets::aura = 3,
        Balances: pallet_balances = 5,
        TransactionPayment: pallet_transaction_payment = 6,
        SubtensorModule: pallets::subtensor = 7,
        Utility: pallet_utility = 11,
        Sudo: pallet_sudo = 12,
        Proxy: pallets::proxy = 16,
        Commitments: pallets::commitments = 18,
        AdminUtils: pallets::admin = 19,
        Drand: pallets::drand = 26,
        Swap: pallets::swap = 28,
        MevShield: pallets::shield = 30,
    }
);
