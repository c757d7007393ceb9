//! Typed subxt bindings and the chain client on top of them.

pub mod block;
pub mod clock;
pub mod errors;
pub mod explain;
pub mod ledger;
pub mod metagraph;
pub mod subnet;

pub use block::{BlockRef, Receipt};
pub use clock::{ChainClock, ClockError, ManualClock};
pub use errors::{ConnectError, ReadError, SubmitError, WeightsError};
pub use ledger::LedgerError;
pub use metagraph::{Metagraph, Neuron};
pub use subnet::SubnetChain;
