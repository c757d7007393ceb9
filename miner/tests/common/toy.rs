//! A trainer of a few hundred numbers that go towards what the samples say, with momentum.

use sn3_miner::Samples;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::{ChunkRule, Digest, Layout};
use sn3_trainer::train::{OptimizerState, StateError, StepError, StepStats, Train};

pub struct ToyTrainer {
    config: ModelConfig,
    layout: Layout,
    params: Vec<f32>,
    optimizer: OptimizerState,
}

impl ToyTrainer {
    pub fn new(config: &ModelConfig) -> Self {
        let layout = config.layout(ChunkRule::default()).unwrap();
        let params = Self::initial(config);
        Self { config: config.clone(), layout, params, optimizer: OptimizerState::default() }
    }

    pub fn initial(config: &ModelConfig) -> Vec<f32> {
        (0..config.parameters()).map(|i| (i as f32 * 0.37).sin()).collect()
    }
}

/// Where sample `tokens` wants parameter `index`.
fn target(tokens: &[u32], index: usize) -> f32 {
    ((tokens[0] as usize * 31 + tokens[1] as usize * 7 + index * 13) % 101) as f32 / 50.0 - 1.0
}

impl Train for ToyTrainer {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn params(&self) -> Vec<f32> {
        self.params.clone()
    }

    fn set_params(&mut self, params: &[f32]) -> Result<(), StateError> {
        self.params = params.to_vec();
        Ok(())
    }

    fn step(&mut self, samples: &[&[u32]], lr: f32) -> Result<StepStats, StepError> {
        let loss = self.loss(samples)?;
        let OptimizerState { step, first, second } = &mut self.optimizer;
        first.resize(self.params.len(), 0.0);
        second.resize(self.params.len(), 0.0);
        *step += 1;
        for (index, value) in self.params.iter_mut().enumerate() {
            let wanted: f32 = samples.iter().map(|tokens| target(tokens, index)).sum();
            let gradient = *value - wanted / samples.len() as f32;
            first[index] = 0.9 * first[index] + gradient;
            second[index] += gradient.abs();
            *value -= lr * (first[index] + 0.001 * second[index] + 0.0001 * *step as f32);
        }
        Ok(StepStats { loss, grad_norm: 1.0, tokens: samples.len() as u32 })
    }

    fn loss(&mut self, samples: &[&[u32]]) -> Result<f32, StepError> {
        let of = |tokens: &&[u32]| -> f32 {
            let squares =
                self.params.iter().enumerate().map(|(i, value)| (value - target(tokens, i)).powi(2));
            squares.sum::<f32>() / self.params.len() as f32
        };
        Ok(samples.iter().map(of).sum::<f32>() / samples.len() as f32)
    }

    fn optimizer(&self) -> OptimizerState {
        self.optimizer.clone()
    }

    fn set_optimizer(&mut self, state: OptimizerState) -> Result<(), StateError> {
        self.optimizer = state;
        Ok(())
    }
}

pub struct ToySamples(Vec<[u32; 4]>);

impl ToySamples {
    pub fn new(count: u32) -> Self {
        Self((0..count).map(|i| [i % 16, i / 16 % 16, (i * 5) % 16, (i * 3) % 16]).collect())
    }
}

impl Samples for ToySamples {
    fn train_len(&self) -> u64 {
        self.0.len() as u64
    }

    fn train(&self, index: u32) -> &[u32] {
        &self.0[index as usize]
    }

    fn sample_id(&self, index: u32) -> u64 {
        u64::from(index) * 1_000_003
    }

    fn digest(&self) -> Digest {
        Digest::of(&(self.0.len() as u64).to_le_bytes())
    }
}
