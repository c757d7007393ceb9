//! Typed subxt bindings and the chain client on top of them.
//!
//! # What it promises
//!
//! - **Wallets** are the ecosystem's own files: what the official tools wrote opens here, and the other way round.
//!   A coldkey and a hotkey are different types, secrets are wiped from memory and never printed.
//! - **Reads** are pinned to a [`BlockRef`]: two nodes that name the same block get the same numbers.
//! - **Writes** return a [`Receipt`] only when the extrinsic was executed *with success* in a *finalized* block.
//!   Everything else is an error that names the chain's own reason and what to do about it.
//! - **Every wait has a deadline**, and a broken connection is made again a bounded number of times.
//! - **Weights** are checked before they are sent, written down before they leave the machine, and never sent twice:
//!   after a crash the same signed bytes go out again.
//!
//! ```text
//!   miner, validator                         operator
//!        │ SubnetChain                          │ Wallet
//!        ▼                                      ▼
//!   ChainNode ──► ChainClient ◄──────── ColdkeyPair, HotkeyPair
//!    │      │      │  reads at a block, submits until finalized
//!    │      │      ▼
//!    │      │    bindings (generated from the checked-in metadata, resolved by name) ──► any endpoint
//!    │      └──► Ledger (SQLite: intents and receipts of weights)
//!    └─────────► ChainClock ◄── SubscriptionClock, ManualClock, or a driver's own
//! ```
//!
//! # Example
//!
//! ```no_run
//! use sn3_chain::{ChainClient, ColdkeyPair, HotkeyPair};
//! use sn3_protocol::{NetUid, Rao};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ChainClient::connect("ws://127.0.0.1:9944").await?;
//! let coldkey = ColdkeyPair::from_uri("//Alice")?;
//! let hotkey = HotkeyPair::from_uri("//Alice//miner")?;
//! let receipt = client.register(&coldkey, NetUid(3), &hotkey.public(), Rao(2_000_000_000)).await?;
//! let metagraph = client.metagraph(NetUid(3), receipt.block).await?;
//! assert!(metagraph.by_hotkey(&hotkey.public()).is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It does not decide what a weight should be, does not move training data, and does not run a node.

mod bindings;
pub mod block;
pub mod client;
pub mod clock;
pub mod compat;
pub mod doctor;
pub mod economy;
pub mod errors;
pub mod explain;
pub mod ledger;
pub mod metagraph;
pub mod node;
pub mod pool;
pub mod registration;
pub mod subnet;
pub mod tx;
pub mod wallet;
pub mod weights;

pub use block::{BlockRef, Receipt};
pub use client::{ChainClient, LocalAdmin};
pub use clock::{ChainClock, ClockError, ManualClock, SubscriptionClock};
pub use errors::{ConnectError, ReadError, SubmitError, WeightsError};
pub use ledger::{Ledger, LedgerError};
pub use metagraph::{Metagraph, Neuron};
pub use node::ChainNode;
pub use subnet::SubnetChain;
pub use wallet::{ColdkeyPair, HotkeyPair, KeySource, Wallet, WalletError};
