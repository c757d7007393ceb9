//! Whole-system tests and foreign clients against our parts.
