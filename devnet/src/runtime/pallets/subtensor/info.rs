//! What the runtime APIs answer (chain interface, section 6).

mod delegates;
mod hyperparams;
pub mod metagraph;
mod neurons;
pub mod records;
mod stakes;
mod subnets;
mod swaps;

use codec::Compact;

/// Numbers as runtime APIs encode them.
fn compacts<N: Copy>(numbers: &[N]) -> Vec<Compact<N>> {
    numbers.iter().copied().map(Compact).collect()
}

/// A column with one number for each neuron, whatever its length in storage.
fn column<N: Copy + Default>(numbers: &[N], neurons: u16) -> Vec<Compact<N>> {
    (0..usize::from(neurons)).map(|uid| Compact(at(numbers, uid))).collect()
}

/// An element of a column, or zero.
fn at<N: Copy + Default>(numbers: &[N], uid: usize) -> N {
    numbers.get(uid).copied().unwrap_or_default()
}
