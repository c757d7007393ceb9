//! AdamW on flat buffers, with the clip of the global norm in the same pass (training protocol, section 1.1).

use sn3_protocol::run::AdamConfig;

use crate::pool::Pool;
use crate::train::{OptimizerState, StateError, check_values};
use crate::vector;

/// Values that one task of the pool updates; also the unit of the norm's fixed summation order.
const BLOCK: usize = 1 << 14;
/// Added to the norm before the clip factor is formed, as PyTorch's `clip_grad_norm_` does.
const CLIP_EPS: f64 = 1e-6;

/// AdamW for one model. Weight decay is decoupled and applies to every parameter.
#[derive(Clone, Debug)]
pub(crate) struct Adam {
    config: AdamConfig,
    parameters: usize,
    state: OptimizerState,
}

/// Factors of one step, the same for all values.
#[derive(Clone, Copy)]
struct Factors {
    clip: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
    rate: f32,
    root: f32,
    eps: f32,
}

impl Adam {
    pub(crate) fn new(config: AdamConfig, parameters: usize) -> Self {
        Self { config, parameters, state: OptimizerState::default() }
    }

    pub(crate) fn state(&self) -> &OptimizerState {
        &self.state
    }

    pub(crate) fn set_state(&mut self, state: OptimizerState) -> Result<(), StateError> {
        let fresh = state.step == 0 && state.first.is_empty() && state.second.is_empty();
        if !fresh {
            check_values("the optimizer's first moments", &state.first, self.parameters)?;
            check_values("the optimizer's second moments", &state.second, self.parameters)?;
        }
        self.state = state;
        Ok(())
    }

    /// Updates `theta` by `gradient`, whose L2 norm is `norm`.
    ///
    /// For each value, with t counted from 1:
    /// g = gradient · min(1, clip / norm); m = β₁·m + (1−β₁)·g; v = β₂·v + (1−β₂)·g²;
    /// θ = θ·(1 − lr·decay) − lr/(1−β₁ᵗ) · m / (√v / √(1−β₂ᵗ) + ε).
    pub(crate) fn update(&mut self, theta: &mut [f32], gradient: &[f32], norm: f32, lr: f32, pool: &Pool) {
        let state = &mut self.state;
        state.first.resize(self.parameters, 0.0);
        state.second.resize(self.parameters, 0.0);
        state.step += 1;
        let factors = Factors::new(&self.config, state.step, norm, lr);
        let moments = state.first.chunks_mut(BLOCK).zip(state.second.chunks_mut(BLOCK));
        let values = theta.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK));
        pool.each(values.zip(moments), |((theta, gradient), (first, second))| {
            vector::fast!(update_block(theta, gradient, first, second, factors),);
        });
    }
}

impl Factors {
    fn new(config: &AdamConfig, step: u64, norm: f32, lr: f32) -> Self {
        let power = |beta: f32| f64::from(beta).powf(step as f64);
        let clip = f64::from(config.clip_norm) / (f64::from(norm) + CLIP_EPS);
        Self {
            clip: clip.min(1.0) as f32,
            decay: 1.0 - lr * config.weight_decay,
            beta1: config.beta1,
            beta2: config.beta2,
            rate: (f64::from(lr) / (1.0 - power(config.beta1))) as f32,
            root: (1.0 / (1.0 - power(config.beta2)).sqrt()) as f32,
            eps: config.eps,
        }
    }
}

#[inline(always)]
fn update_block(theta: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], f: Factors) {
    let values = theta.iter_mut().zip(gradient).zip(first.iter_mut().zip(second));
    for ((theta, gradient), (first, second)) in values {
        let gradient = gradient * f.clip;
        *first = f.beta1 * *first + (1.0 - f.beta1) * gradient;
        *second = f.beta2 * *second + (1.0 - f.beta2) * (gradient * gradient);
        *theta = *theta * f.decay - f.rate * *first / (second.sqrt() * f.root + f.eps);
    }
}

/// The L2 norm of `gradient`, summed block by block in a fixed order on any number of threads.
pub(crate) fn norm(gradient: &[f32], pool: &Pool) -> f32 {
    let mut sums = vec![0.0f64; gradient.len().div_ceil(BLOCK)];
    pool.each(sums.iter_mut().zip(gradient.chunks(BLOCK)), |(sum, block)| {
        *sum = vector::fast!(f64::from(vector::dot(block, block)),);
    });
    sums.iter().sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_are_those_of_the_formula() {
        // By hand: θ 1, g 0.5 twice, lr 0.1. After bias correction m/√v = 1 in both steps:
        // θ₁ = 1·0.99 − 0.1 = 0.89, θ₂ = 0.89·0.99 − 0.1 = 0.7811.
        let mut adam = Adam::new(AdamConfig::default(), 1);
        let mut theta = [1.0];
        for expected in [0.89, 0.7811] {
            adam.update(&mut theta, &[0.5], 0.5, 0.1, &Pool::new(1));
            assert!((theta[0] - expected).abs() < 1e-6, "{} for {expected}", theta[0]);
        }
        assert_eq!(adam.state().step, 2);
        assert!((adam.state().first[0] - 0.095).abs() < 1e-7, "0.9·0.05 + 0.1·0.5");
    }

    #[test]
    fn a_long_gradient_is_clipped_to_the_norm() {
        // Norm 5 is cut to 1: g = (0.6, 0.8), so m = 0.1·g after one step.
        let mut adam = Adam::new(AdamConfig::default(), 2);
        adam.update(&mut [0.0, 0.0], &[3.0, 4.0], norm(&[3.0, 4.0], &Pool::new(1)), 0.1, &Pool::new(1));
        let first = &adam.state().first;
        assert!((first[0] - 0.06).abs() < 1e-6 && (first[1] - 0.08).abs() < 1e-6, "{first:?}");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let gradient: Vec<f32> = (0..100_000).map(|i| (i as f32).sin()).collect();
        let run = |threads| {
            let (pool, mut theta) = (Pool::new(threads), vec![0.5; gradient.len()]);
            let mut adam = Adam::new(AdamConfig::default(), gradient.len());
            let norm = norm(&gradient, &pool);
            adam.update(&mut theta, &gradient, norm, 0.01, &pool);
            (theta, norm.to_bits(), adam.state().clone())
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn a_foreign_state_is_refused() {
        let mut adam = Adam::new(AdamConfig::default(), 3);
        let state = OptimizerState { step: 1, first: vec![0.0; 2], second: vec![0.0; 3] };
        let error = adam.set_state(state).unwrap_err().to_string();
        assert!(error.contains("first moments has 2 values, the model 3"), "{error}");
        let state = OptimizerState { step: 1, first: vec![0.0, f32::NAN, 0.0], second: vec![0.0; 3] };
        assert!(matches!(adam.set_state(state), Err(StateError::NotFinite { index: 1, .. })));
        adam.set_state(OptimizerState::default()).unwrap();
    }
}
