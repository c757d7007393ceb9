//! Models and samples that several tests use.

use sn3_protocol::model::ModelConfig;

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
        norm_eps: 1e-5,
        tied_head: true,
    }
}

/// As [`tiny`], with its own head, one key-value head and heads wider than the model.
pub(crate) fn untied() -> ModelConfig {
    ModelConfig { tied_head: false, kv_heads: 1, head_dim: 12, layers: 1, ..tiny() }
}

/// `count` samples of `length` random tokens above the end-of-text token.
pub(crate) fn random_samples(config: &ModelConfig, count: usize, length: usize) -> Vec<Vec<u32>> {
    let mut random = Random::new(11, 0);
    let mut token = || 1 + random.below(u64::from(config.vocab) - 1) as u32;
    (0..count).map(|_| (0..length).map(|_| token()).collect()).collect()
}
