//! Turns tokens into a better model on one node.

#![deny(unsafe_code)]

mod adam;
pub mod checkpoint;
pub mod data;
pub mod fast;
mod files;
pub mod init;
mod pool;
mod random;
pub mod reference;
mod shape;
pub mod sidecar;
#[cfg(test)]
mod tests;
pub mod tokenizer;
pub mod train;
mod vector;
