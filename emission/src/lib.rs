//! Yuma consensus and dTAO as pure, bit-exact functions, and the simulator over them.
//!
//! The crate reproduces the economics of the subtensor pallet at `spec_version` 425 bit for bit, held to golden
//! vectors of the reference. No floating point number is on the path. The rules of all other runtimes from 233
//! to 475 are there too, as far as they are known: [`spec::RuntimeSpec`] chooses them and says how certain each
//! is, [`Network::upgrade`] crosses from one to the next, and [`share_rule::ShareRule`] is the place for your own.
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
//! * `on_initialize` with drand rounds at hand: `step_block_with(parent_hash, &mut opener)` reveals timelocked
//!   weights through a [`network::Opener`].
//! * Root calls set fields: [`Network::globals`], and per subnet [`network::Subnet::params`] (what the epoch
//!   reads), [`network::Subnet::limits`] (what calls read), `registration_price`, `emission_enabled`.
//!
//! ```
//! use sn3_emission::{Network, OpError, network::{Balances, Bank, Globals, Weights}};
//! use sn3_protocol::{Coldkey, Hotkey, NetUid};
//!
//! let (owner, miner) = (Coldkey([1; 32]), Coldkey([2; 32]));
//! let (validator_key, miner_key) = (Hotkey([1; 32]), Hotkey([2; 32]));
//! let mut bank = Balances::default();
//! let mut network = Network::new(Globals::default(), 0);
//! for coldkey in [owner, miner] {
//!     bank.credit(&coldkey, 5_000_000_000_000);
//!     network.total_issuance += 5_000_000_000_000;
//! }
//!
//! // A subnet with one validator, who owns it, and one miner.
//! let netuid = network.register_network(&mut bank, &owner, &validator_key)?;
//! network.start_call(&owner, netuid)?;
//! let subnet = network.subnet_mut(netuid).ok_or(OpError::SubnetNotExists)?;
//! subnet.params.tempo = 10;
//! subnet.params.commit_reveal_enabled = false;
//! subnet.limits.weights_rate_limit_blocks = 0;
//! let miner_uid = network.register(&mut bank, &miner, &miner_key, netuid)?;
//! network.add_stake(&mut bank, &owner, &validator_key, netuid, 100_000_000_000)?;
//!
//! // Weights need an epoch to pay, and a permit needs one before that.
//! for block in 0..30_u8 {
//!     if block % 5 == 1 {
//!         let weights = Weights { uids: vec![miner_uid.0], values: vec![1], version_key: 0 };
//!         network.set_weights(&validator_key, netuid, 0, &weights)?;
//!     }
//!     network.step_block(&[block; 32]);
//! }
//! assert!(network.stake_of(&miner_key, &miner, netuid) > 10_000_000_000);
//! # Ok::<(), OpError>(())
//! ```
//!
//! # What it does not do
//! No signatures, no transaction fees, no drand decryption: who calls and who may call is the pallet's matter
//! wherever it is not stake, ownership or registration. Leases, locks and conviction are not part of it, nor are
//! users' own liquidity (283 to 350), trading within baskets and curated root weights (450 to 463).

pub mod epoch;
pub mod fixed;
pub mod issuance;
pub mod network;
mod op_error;
pub mod pool;
pub mod registration_price;
pub mod share_pool;
pub mod share_rule;
pub mod spec;
pub mod vector;
mod wide;

pub use network::Network;
pub use op_error::OpError;
