//! Yuma consensus and dTAO as pure, bit-exact functions, and the simulator over them.

pub mod epoch;
pub mod fixed;
pub mod pool;
pub mod share_pool;
pub mod vector;
