//! Yuma consensus and dTAO as pure, bit-exact functions, and the simulator over them.
//!
//! The crate reproduces the economics of the subtensor pallet at `spec_version` 425 bit for bit, held to golden
//! vectors of the reference. No floating point number is on the path.
//!
//! ```text
//!            ┌──────────────── Network (SCALE, serde, Clone) ────────────────┐
//! parent ───▶│ step_block: burn decay ▶ emission ▶ shares ▶ injection ▶      │──▶ BlockReport
//! hash       │   chain buys ▶ pending ▶ epochs ▶ payout ▶ prices ▶ claims    │
//! calls ────▶│ add_stake, remove_stake, register, set_weights, …             │──▶ Ok / OpError::name()
//!            └───────────┬───────────────────────────────────────────────────┘
//!                        │ built from pure parts
//!      epoch::run_subnet · pool::Pool · share_pool::SharePool · issuance · registration_price
//! ```
//!
//! # For a pallet
//! Keep one [`Network`] in storage (SCALE bytes), load it, call, store it, and mirror the maps that clients read:
//!
//! * `on_initialize(block)`: set [`Network::author`], then `network.step_block(parent_hash)`. It steps
//!   [`Network::block`] by one and runs the whole block step. The report lists epochs run and deferred.
//! * Every call takes `&mut impl Bank` where TAO moves; implement [`network::Bank`] over the balances pallet.
//!   The TAO of a subnet's account is [`network::Subnet::account_tao`]; mirror it as that account's balance.
//!   Mint and burn follow [`Network::total_issuance`].
//! * Errors: [`OpError::name`] is the name in the metadata. A refused operation changed nothing.
//! * Read columns from [`network::Subnet::neurons`] and [`network::Subnet::mechanisms`], pools from
//!   [`network::Subnet::pool`], stake from [`Network::stake_of`], the price of a registration from
//!   `registration_price.burn_rao`, the next epoch from [`network::Schedule::next_epoch_block`].
//!
//! # What it does not do
//! No signatures, no transaction fees, no drand decryption: who calls and who may call is the pallet's matter
//! wherever it is not stake, ownership or registration. Leases, locks and conviction are not part of it.

pub mod epoch;
pub mod fixed;
pub mod issuance;
pub mod network;
mod op_error;
pub mod pool;
pub mod registration_price;
pub mod share_pool;
pub mod vector;

pub use network::Network;
pub use op_error::OpError;
