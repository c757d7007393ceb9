//! The state before the first step, the same on every machine for a configuration and a seed.

use sn3_protocol::ChunkRule;
use sn3_protocol::model::{ModelConfig, ModelConfigError};

use crate::random::Random;

/// Standard deviation of embeddings and of projections that do not end a residual branch.
const STD: f64 = 0.02;
/// Draws further out are repeated, in standard deviations.
const CUT: f64 = 3.0;

/// The initial state in the order of the layout: norms 1, matrices from a truncated normal of deviation 0.02;
/// the two projections of each layer that add to the residual stream (`o_proj`, `down_proj`) are smaller by
/// `sqrt(2 · layers)`, so that the stream's variance does not grow with depth.
///
/// # Errors
/// If the configuration has no layout.
pub fn initial_state(config: &ModelConfig, seed: u64) -> Result<Vec<f32>, ModelConfigError> {
    let layout = config.layout(ChunkRule::default())?;
    let mut state = Vec::with_capacity(layout.parameters());
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let mut random = Random::new(seed, index as u64);
        let std = deviation(&tensor.name, config.layers);
        let value = |_| std.map_or(1.0, |std| (random.truncated_normal(CUT) * std) as f32);
        state.extend((0..tensor.len()).map(value));
    }
    Ok(state)
}

/// The deviation of a tensor; `None` for norms.
fn deviation(name: &str, layers: u32) -> Option<f64> {
    let ends_branch = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    match name.ends_with("norm.weight") {
        true => None,
        false if ends_branch => Some(STD / (2.0 * f64::from(layers)).sqrt()),
        false => Some(STD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::tiny;

    #[test]
    fn a_seed_gives_one_state_with_the_recipes_deviations() {
        let config = tiny();
        let state = initial_state(&config, 7).unwrap();
        assert_eq!(state, initial_state(&config, 7).unwrap());
        assert_ne!(state, initial_state(&config, 8).unwrap());
        let layout = config.layout(ChunkRule::default()).unwrap();
        for (index, tensor) in layout.tensors().iter().enumerate() {
            let values = &state[layout.range(index)];
            let square: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
            let found = (square / values.len() as f64).sqrt();
            // A normal cut at three deviations keeps 0.9866 of its deviation.
            let expected = deviation(&tensor.name, config.layers).map_or(1.0, |std| std * 0.9866);
            assert!((found / expected - 1.0).abs() < 0.1, "{}: {found} for {expected}", tensor.name);
        }
    }
}
