//! A model that is only read: keys and values of what it has read are kept, so that a text which goes on costs its
//! new tokens only.
//!
//! ```text
//!  tokens ─► the longest beginning that was read before: kept
//!        └─► the rest: blocks of rows through all layers ─► keys and values appended ─► logits, losses
//! ```

use sn3_protocol::ChunkRule;
use sn3_protocol::model::{ModelConfig, ModelConfigError};

use super::matrix::{Into, Matrix, multiply, multiply_scaled};
use super::{norm, swiglu};
use crate::infer::{Infer, check};
use crate::pool::Pool;
use crate::shape::{Dims, LayerRanges, Ranges};
use crate::train::{StateError, StepError, check_values};
use crate::vector;

/// Tokens that pass through the model together.
const BLOCK: usize = 64;

/// Why there is no decoder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecoderError {
    /// The configuration is no model.
    #[error(transparent)]
    Config(#[from] ModelConfigError),
    /// The state is not one of this model.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Keys and values of one key-value head: position × head_dim.
#[derive(Clone, Debug, Default)]
struct Kept {
    k: Vec<f32>,
    v: Vec<f32>,
}

/// A model for evaluation and generation, in f32 on the CPU.
///
/// Its results are those of [`super::StaticTrainer`] up to rounding. They do not depend on the number of threads;
/// what was read before changes the rounding only.
///
/// ```
/// # use sn3_protocol::model::ModelConfig;
/// # use sn3_trainer::{fast::Decoder, infer::Infer, init::initial_state};
/// let config = ModelConfig { layers: 1, context: 16, ..ModelConfig::preset("nano", Some(300))? };
/// let mut decoder = Decoder::new(&config, initial_state(&config, 1)?, 1)?;
/// let first = decoder.next_logits(&[5, 6, 7])?;
/// let next = decoder.next_logits(&[5, 6, 7, 8])?; // reads one token
/// assert_eq!((first.len(), next.len()), (300, 300));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder {
    config: ModelConfig,
    dims: Dims,
    ranges: Ranges,
    theta: Vec<f32>,
    pool: Pool,
    /// What was read, as far as it is kept.
    read: Vec<u32>,
    /// −log p of the token after each position that was read, as far as it was asked for.
    losses: Vec<f32>,
    /// By layer and key-value head.
    kept: Vec<Vec<Kept>>,
}

impl Decoder {
    /// A decoder of `state` (in the order of the layout) on `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// If the configuration is no model, or the state is not one of it.
    pub fn new(config: &ModelConfig, state: Vec<f32>, threads: usize) -> Result<Self, DecoderError> {
        let layout = config.layout(ChunkRule::default())?;
        check_values("the state", &state, layout.parameters())?;
        let heads = vec![Kept::default(); config.kv_heads as usize];
        Ok(Self {
            config: config.clone(),
            dims: Dims::new(config),
            ranges: Ranges::new(&layout, config),
            theta: state,
            pool: Pool::new(threads),
            read: Vec::new(),
            losses: Vec::new(),
            kept: vec![heads; config.layers as usize],
        })
    }

    /// How many tokens of `tokens` were read before, from their beginning.
    fn known(&self, tokens: &[u32]) -> usize {
        self.read.iter().zip(tokens).take_while(|(read, token)| read == token).count()
    }

    /// Forgets everything after the first `count` tokens.
    fn forget(&mut self, count: usize) {
        self.read.truncate(count);
        self.losses.truncate(count);
        let width = self.dims.head_dim;
        for kept in self.kept.iter_mut().flatten() {
            kept.k.truncate(count * width);
            kept.v.truncate(count * width);
        }
    }

    /// Reads a block of tokens after those that were read; their normed rows.
    fn block(&mut self, tokens: &[u32]) -> Vec<f32> {
        let (width, first) = (self.dims.hidden, self.read.len());
        let table = &self.theta[self.ranges.embed.clone()];
        let rows = tokens.iter().flat_map(|&token| &table[token as usize * width..][..width]);
        let mut x: Vec<f32> = rows.copied().collect();
        let turns = turns(&self.dims, first, tokens.len());
        for index in 0..self.kept.len() {
            self.layer(index, &turns, &mut x);
        }
        self.read.extend(tokens);
        self.normed(&x, &self.ranges.norm)
    }

    fn layer(&mut self, index: usize, turns: &[(f32, f32)], x: &mut [f32]) {
        let LayerRanges { input_norm, qkv, out, post_norm, gate_up, down } =
            self.ranges.layers[index].clone();
        let (hidden, ffn) = (self.dims.hidden, self.dims.ffn);
        let normed = self.normed(x, &input_norm);
        let rows = self.project(&normed, &qkv, hidden);
        let mixed = self.attend(index, turns, &rows);
        self.add_projection(&mixed, &out, self.dims.q(), x);
        let normed = self.normed(x, &post_norm);
        let gate_up = self.project(&normed, &gate_up, hidden);
        let mut activation = vec![0.0; gate_up.len() / 2];
        swiglu::forward(&self.pool, &gate_up, &mut activation, ffn);
        self.add_projection(&activation, &down, ffn, x);
    }

    fn normed(&self, x: &[f32], at: &std::ops::Range<usize>) -> Vec<f32> {
        let weight = &self.theta[at.clone()];
        let (mut factors, mut normed) = (vec![0.0; x.len() / weight.len()], vec![0.0; x.len()]);
        norm::forward(&self.pool, x, weight, self.dims.norm_eps, &mut factors, &mut normed);
        normed
    }

    /// `x · weightᵀ` for rows of `width` values.
    fn project(&self, x: &[f32], at: &std::ops::Range<usize>, width: usize) -> Vec<f32> {
        let weight = Matrix::new(&self.theta[at.clone()], width);
        let mut out = vec![0.0; x.len() / width * weight.rows()];
        multiply(&self.pool, &mut out, Matrix::new(x, width), weight.transposed(), Into::Replace);
        out
    }

    /// `out += x · weightᵀ` for rows of `width` values.
    fn add_projection(&self, x: &[f32], at: &std::ops::Range<usize>, width: usize, out: &mut [f32]) {
        let weight = Matrix::new(&self.theta[at.clone()], width);
        multiply(&self.pool, out, Matrix::new(x, width), weight.transposed(), Into::Add);
    }

    /// Appends the rows' keys and values and lets every row look at all positions up to its own; token-major.
    fn attend(&mut self, index: usize, turns: &[(f32, f32)], rows: &[f32]) -> Vec<f32> {
        let (dims, count) = (self.dims, rows.len() / self.dims.qkv());
        let width = dims.group() * dims.head_dim;
        let mut by_head = vec![0.0; count * dims.q()];
        let heads = self.kept[index].iter_mut().zip(by_head.chunks_mut(count * width)).enumerate();
        self.pool.each(heads, |(head, (kept, out))| {
            let queries = kept.take(&dims, head, turns, rows);
            kept.mix(&dims, &queries, out);
        });
        // From head, query head of the group, row to row, head, query head of the group.
        let mut mixed = vec![0.0; by_head.len()];
        for (at, part) in by_head.chunks_exact(dims.head_dim).enumerate() {
            let (head, rest) = (at / (dims.group() * count), at % (dims.group() * count));
            let (member, row) = (rest / count, rest % count);
            let place = row * dims.q() + (head * dims.group() + member) * dims.head_dim;
            mixed[place..][..dims.head_dim].copy_from_slice(part);
        }
        mixed
    }

    fn logits(&self, normed: &[f32]) -> Vec<f32> {
        self.project(normed, &self.ranges.head, self.dims.hidden)
    }
}

impl Kept {
    /// Appends keys and values of one head; its queries, query head by query head.
    fn take(&mut self, dims: &Dims, head: usize, turns: &[(f32, f32)], rows: &[f32]) -> Vec<f32> {
        let (width, group) = (dims.head_dim, dims.group());
        let rows = || rows.chunks_exact(dims.qkv()).zip(turns.chunks_exact(width / 2));
        for (row, turns) in rows() {
            let (keys, values) = row[dims.q()..].split_at(dims.kv());
            turn(turns, &keys[head * width..][..width], &mut self.k);
            self.v.extend(&values[head * width..][..width]);
        }
        let mut queries = Vec::with_capacity(group * turns.len() * 2);
        for member in head * group..(head + 1) * group {
            for (row, turns) in rows() {
                turn(turns, &row[member * width..][..width], &mut queries);
            }
        }
        queries
    }

    /// `softmax(q · kᵀ / √d) · v`, row by row, each up to its own position.
    fn mix(&self, dims: &Dims, queries: &[f32], out: &mut [f32]) {
        let width = dims.head_dim;
        let seen = self.k.len() / width;
        let (rows, count) = (queries.len() / width, queries.len() / width / dims.group());
        let (queries, keys) = (Matrix::new(queries, width), Matrix::new(&self.k, width));
        let mut scores = vec![0.0; rows * seen];
        let scale = 1.0 / (width as f32).sqrt();
        multiply_scaled(&mut scores, queries, keys.transposed(), Into::Replace, scale);
        for (index, row) in scores.chunks_exact_mut(seen).enumerate() {
            let (visible, masked) = row.split_at_mut(seen - count + index % count + 1);
            vector::fast!(softmax(visible));
            masked.fill(0.0);
        }
        multiply_scaled(out, Matrix::new(&scores, seen), Matrix::new(&self.v, width), Into::Replace, 1.0);
    }
}

#[inline(always)]
fn softmax(row: &mut [f32]) {
    let max = vector::max(row);
    let sum = vector::exp_sum(row, max);
    vector::scale(row, 1.0 / sum);
}

/// Cosine and sine of every position's angles: count × (head_dim / 2).
fn turns(dims: &Dims, first: usize, count: usize) -> Vec<(f32, f32)> {
    let half = dims.head_dim / 2;
    let positions = (first..first + count).flat_map(|position| (0..half).map(move |pair| (position, pair)));
    positions
        .map(|(position, pair)| {
            let (sin, cos) = (position as f64 * dims.rope_frequency(pair)).sin_cos();
            (cos as f32, sin as f32)
        })
        .collect()
}

/// Appends a row with its pairs `(x[i], x[i + half])` rotated.
fn turn(turns: &[(f32, f32)], x: &[f32], out: &mut Vec<f32>) {
    let (left, right) = x.split_at(x.len() / 2);
    let pairs = || left.iter().zip(right).zip(turns);
    out.extend(pairs().map(|((left, right), (cos, sin))| left * cos - right * sin));
    out.extend(pairs().map(|((left, right), (cos, sin))| right * cos + left * sin));
}

impl Infer for Decoder {
    fn model(&self) -> &ModelConfig {
        &self.config
    }

    fn token_losses(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        check(0, tokens, (2, self.config.context as usize + 1), self.config.vocab)?;
        let inputs = &tokens[..tokens.len() - 1];
        // The loss at the last known position is that of another token.
        self.forget(self.known(inputs).saturating_sub(1).min(self.losses.len()));
        let first = self.read.len();
        for (inputs, labels) in inputs[first..].chunks(BLOCK).zip(tokens[first + 1..].chunks(BLOCK)) {
            let normed = self.block(inputs);
            let mut logits = self.logits(&normed);
            let rows = logits.chunks_exact_mut(self.dims.vocab).zip(labels);
            let losses = rows.map(|(row, &label)| vector::fast!(row_loss(row, label as usize)));
            self.losses.extend(losses.collect::<Vec<f32>>());
        }
        Ok(self.losses.clone())
    }

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
        check(0, tokens, (1, self.config.context as usize), self.config.vocab)?;
        self.forget(self.known(tokens).min(tokens.len() - 1));
        let mut normed = Vec::new();
        for block in tokens[self.read.len()..].chunks(BLOCK) {
            normed = self.block(block);
        }
        Ok(self.logits(&normed[normed.len() - self.dims.hidden..]))
    }
}

/// −log softmax(row)[label]; the row is used up.
#[inline(always)]
fn row_loss(row: &mut [f32], label: usize) -> f32 {
    let (max, at_label) = (vector::max(row), row[label]);
    max + vector::exp_sum(row, max).ln() - at_label
}

#[cfg(test)]
mod tests {
    use sn3_protocol::run::AdamConfig;

    use super::*;
    use crate::fast::StaticTrainer;
    use crate::init::initial_state;
    use crate::tests::{random_samples, tiny, untied};
    use crate::train::Train;

    fn both(config: &ModelConfig, threads: usize) -> (StaticTrainer, Decoder) {
        let state: Vec<f32> = initial_state(config, 5).unwrap().iter().map(|v| v * 4.0).collect();
        let mut trainer = StaticTrainer::new(config, AdamConfig::default(), 2, 1).unwrap();
        trainer.set_params(&state).unwrap();
        (trainer, Decoder::new(config, state, threads).unwrap())
    }

    fn gap(left: &[f32], right: &[f32]) -> f32 {
        assert_eq!(left.len(), right.len());
        left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// Longer and longer beginnings, as in generation, then another text, then a beginning of it.
    #[test]
    fn cached_logits_are_those_without_a_cache() {
        for config in [tiny(), untied()] {
            let (mut plain, mut cached) = both(&config, 1);
            let samples = random_samples(&config, 2, 150);
            for count in (1..8).chain([70, 71, 72, 150]) {
                let tokens = &samples[0][..count];
                let (expected, found) =
                    (plain.next_logits(tokens).unwrap(), cached.next_logits(tokens).unwrap());
                assert!(gap(&expected, &found) < 1e-4, "{count}: {}", gap(&expected, &found));
            }
            for count in [100, 40, 40] {
                let tokens = &samples[1][..count];
                let (expected, found) =
                    (plain.next_logits(tokens).unwrap(), cached.next_logits(tokens).unwrap());
                assert!(gap(&expected, &found) < 1e-4, "{count}: {}", gap(&expected, &found));
            }
        }
    }

    /// Choices after one question share its beginning; a loss belongs to the token that follows.
    #[test]
    fn cached_losses_are_those_without_a_cache() {
        let config = tiny();
        let (mut plain, mut cached) = both(&config, 1);
        let samples = random_samples(&config, 3, 90);
        let question = &samples[0][..80];
        let texts = [&samples[1][..5], &samples[2][..9], &samples[1][..7], &[]];
        for text in texts.map(|choice| [question, choice].concat()) {
            let (expected, found) = (plain.token_losses(&text).unwrap(), cached.token_losses(&text).unwrap());
            assert!(gap(&expected, &found) < 1e-4, "{}", gap(&expected, &found));
            drop(cached.next_logits(&text).unwrap());
        }
        let whole = random_samples(&config, 1, config.context as usize + 1).remove(0);
        assert_eq!(cached.token_losses(&whole).unwrap().len(), config.context as usize);
    }

    #[test]
    fn threads_do_not_change_a_bit_and_bad_tokens_change_nothing() {
        let config = untied();
        let (_, mut one) = both(&config, 1);
        let (_, mut three) = both(&config, 3);
        let sample = &random_samples(&config, 1, 130)[0];
        assert_eq!(one.next_logits(sample).unwrap(), three.next_logits(sample).unwrap());
        assert!(matches!(one.next_logits(&[1, config.vocab]), Err(StepError::Token { .. })));
        assert!(matches!(one.token_losses(&[1]), Err(StepError::Length { .. })));
        assert_eq!(one.read.len(), 130);
        let error = Decoder::new(&config, vec![0.0; 3], 1).map(drop).unwrap_err().to_string();
        assert!(error.contains("has 3 values"), "{error}");
    }
}
