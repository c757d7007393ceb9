//! Whole-system tests: the rooms against each other, and foreign clients against our parts.
//!
//! This crate has no code of its own beyond what its tests share; see `tests/tests/`.
