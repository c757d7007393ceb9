//! The chain's own pallets.

pub mod aura;
