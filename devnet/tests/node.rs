//! The node from outside, through its library interface and its JSON-RPC.

mod node {
    mod clients;
    mod lifecycle;
    mod persistence;
    mod rpc;
    mod sealing;
    mod states;
    mod support;
    mod transactions;
}
