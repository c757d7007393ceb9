//! The life of a validator: Gauntlet, round records, weights.
pub mod gauntlet;
pub mod mechanism;
