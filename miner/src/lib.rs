//! The life of a miner: a pure round state machine and the loop that feeds it.
