//! One file a command.

pub mod bench;
pub mod chain;
pub mod data;
pub mod devnet;
pub mod doctor;
pub mod doctor_gpu;
pub mod emission;
pub mod eval;
pub mod explain;
pub mod generate;
pub mod metagraph;
pub mod miner;
pub mod plan;
pub mod register;
pub mod scaffold;
pub mod stake;
pub mod subnet;
pub mod train;
pub mod transfer;
pub mod tx;
pub mod validator;
pub mod wallet;
pub mod weights;
