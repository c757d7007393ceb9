//! Models and samples that several tests use.

use sn3_protocol::model::{ModelConfig, RopeScaling};

use crate::random::Random;

/// The smallest model with every feature: grouped-query heads, two layers, a tied head.
pub(crate) fn tiny() -> ModelConfig {
    ModelConfig {
        name: "tiny".to_owned(),
        vocab: 67,
        hidden: 32,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        ffn: 48,
        context: 160,
        rope_theta: 10_000.0,
        rope_scaling: None,
        norm_eps: 1e-5,
        tied_head: true,
    }
}

/// As [`tiny`], with its own head, one key-value head, heads wider than the model, and rotary positions stretched from
/// so few tokens that waves of every kind occur.
pub(crate) fn untied() -> ModelConfig {
    let scaling =
        RopeScaling { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 64 };
    ModelConfig {
        tied_head: false,
        kv_heads: 1,
        head_dim: 12,
        layers: 1,
        rope_scaling: Some(scaling),
        ..tiny()
    }
}

/// `count` samples of `length` random tokens above the end-of-text token.
pub(crate) fn random_samples(config: &ModelConfig, count: usize, length: usize) -> Vec<Vec<u32>> {
    let mut random = Random::new(11, 0);
    let mut token = || 1 + random.below(u64::from(config.vocab) - 1) as u32;
    (0..count).map(|_| (0..length).map(|_| token()).collect()).collect()
}
