//! The chain's own pallets.

pub mod admin;
pub mod aura;
pub mod commitments;
pub mod subtensor;
