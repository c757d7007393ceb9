//! Turns tokens into a better model on one node.

#![deny(unsafe_code)]

pub mod data;
mod files;
mod random;
pub mod tokenizer;
// train
