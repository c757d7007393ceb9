//! Turns tokens into a better model on one node.
