//! One file a command.

pub mod devnet;
pub mod emission;
pub mod explain;
pub mod miner;
pub mod scaffold;
pub mod validator;
pub mod wallet;
