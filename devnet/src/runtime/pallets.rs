//! The chain's own pallets.

pub mod admin;
pub mod aura;
pub mod commitments;
pub mod drand;
pub mod proxy;
pub mod shield;
pub mod subtensor;
pub mod swap;
