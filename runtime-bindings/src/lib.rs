//! Typed subxt bindings and the chain client on top of them.

mod bindings;
pub mod block;
pub mod clock;
pub mod errors;
pub mod explain;
pub mod ledger;
pub mod metagraph;
pub mod subnet;
pub mod wallet;

pub use block::{BlockRef, Receipt};
pub use clock::{ChainClock, ClockError, ManualClock};
pub use errors::{ConnectError, ReadError, SubmitError, WeightsError};
pub use ledger::LedgerError;
pub use metagraph::{Metagraph, Neuron};
pub use subnet::SubnetChain;
pub use wallet::{ColdkeyPair, HotkeyPair, KeySource, Wallet, WalletError};
