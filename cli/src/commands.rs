//! One file a command.

pub mod bench;
pub mod data;
pub mod devnet;
pub mod doctor_gpu;
pub mod emission;
pub mod eval;
pub mod explain;
pub mod generate;
pub mod miner;
pub mod plan;
pub mod scaffold;
pub mod train;
pub mod validator;
pub mod wallet;
