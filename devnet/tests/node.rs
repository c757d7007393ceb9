//! The node from outside, through its library interface and its JSON-RPC.

// Helpers of tests may fail like tests, and tell what they measured.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod node {
    mod clients;
    mod faults;
    mod hidden;
    mod lifecycle;
    mod persistence;
    mod rpc;
    mod scaffold;
    mod sealing;
    mod states;
    mod support;
    mod transactions;
}
