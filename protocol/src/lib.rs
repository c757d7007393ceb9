//! The shared gradient and score types, and the exact arithmetic that every participant must agree on.
