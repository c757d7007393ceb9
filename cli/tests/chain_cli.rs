//! What operators type: wallets, registrations, stake, weights and doctor against an embedded development chain.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking, a skip is said"
)]

#[path = "chain_cli/bad.rs"]
mod bad;
#[path = "chain_cli/canary.rs"]
mod canary;
#[path = "chain_cli/doctor.rs"]
mod doctor;
#[path = "chain_cli/interop.rs"]
mod interop;
#[path = "chain_cli/money.rs"]
mod money;
#[path = "chain_cli/speed.rs"]
mod speed;
#[path = "chain_cli/support.rs"]
mod support;
#[path = "chain_cli/wallet.rs"]
mod wallet;
#[path = "chain_cli/weights.rs"]
mod weights;
