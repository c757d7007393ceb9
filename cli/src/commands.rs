//! One file a command.

pub mod devnet;
pub mod miner;
pub mod scaffold;
pub mod validator;
pub mod wallet;
