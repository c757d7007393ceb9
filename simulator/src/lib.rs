//! Scenarios, sweeps, attacks and reports over the bit-exact economics of `sn3-emission`.

pub mod cases;
pub mod consensus;
pub mod page;
