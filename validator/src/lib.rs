//! The life of a validator: Gauntlet, round records, weights.
