//! Text from a model, token by token: a look at what it has learned.

use std::ops::ControlFlow;

use crate::infer::Infer;
use crate::random::Random;
use crate::train::StepError;

/// Random stream of generation.
const STREAM: u64 = 0x6765_6e65;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Most tokens that are added.
    pub tokens_max: usize,
    /// Logits are divided by it; 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Only so many of the likeliest tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability are drawn from; 1 for all.
    pub top_p: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// A token that ends the text, and is not part of it.
    pub stop: Option<u32>,
}

/// Why no text was generated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A temperature without meaning.
    #[error("temperature {0} is not a finite number of at least 0")]
    Temperature(f32),
    /// A share without meaning.
    #[error("top-p {0} is not above 0 and at most 1")]
    TopP(f32),
    /// Nothing to begin with.
    #[error("generation needs at least one token to begin with; give some text, or the end-of-text token")]
    NoPrompt,
    /// The model.
    #[error(transparent)]
    Model(#[from] StepError),
    /// Logits that are not numbers.
    #[error("the model's logits are not finite; use an intact checkpoint")]
    NotFinite,
}

impl GenerateOptions {
    /// Whether the numbers mean something.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn check(&self) -> Result<(), GenerateError> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return Err(GenerateError::Temperature(self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(GenerateError::TopP(self.top_p));
        }
        Ok(())
    }
}

/// Continues `prompt`; the result has the new tokens only. `progress` gets each as it comes and may end early.
///
/// The model sees at most its context's last tokens. A text that outgrows the context leaves the oldest quarter of
/// it behind at once, so that a [`crate::fast::Decoder`], which keeps what it has read, begins anew only then.
///
/// # Errors
/// If options are out of range, the prompt is empty or not of the model's vocabulary.
pub fn generate(
    model: &mut dyn Infer,
    prompt: &[u32],
    options: &GenerateOptions,
    progress: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<Vec<u32>, GenerateError> {
    options.check()?;
    if prompt.is_empty() {
        return Err(GenerateError::NoPrompt);
    }
    let (mut tokens, mut random) = (prompt.to_vec(), Random::new(options.seed, STREAM));
    let context = model.model().context as usize;
    let mut first = tokens.len().saturating_sub(context);
    while tokens.len() - prompt.len() < options.tokens_max {
        if tokens.len() - first > context {
            first = tokens.len() - (context - context / 4);
        }
        let logits = model.next_logits(&tokens[first..])?;
        let next = choose(&logits, options, &mut random).ok_or(GenerateError::NotFinite)?;
        if Some(next) == options.stop {
            break;
        }
        tokens.push(next);
        if progress(next).is_break() {
            break;
        }
    }
    Ok(tokens.split_off(prompt.len()))
}

/// The next token; `None` if logits are not finite. Equal logits go to the lower token.
fn choose(logits: &[f32], options: &GenerateOptions, random: &mut Random) -> Option<u32> {
    if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
    if options.temperature == 0.0 {
        return order.first().copied();
    }
    let largest = f64::from(logits[order[0] as usize]);
    let weight =
        |token: u32| ((f64::from(logits[token as usize]) - largest) / f64::from(options.temperature)).exp();
    let weights: Vec<f64> = order.iter().map(|&token| weight(token)).collect();
    let total: f64 = weights.iter().sum();
    let (mut kept, mut count) = (0.0, 0);
    let most = if options.top_k == 0 { weights.len() } else { options.top_k.min(weights.len()) };
    while count < most && kept < f64::from(options.top_p) * total {
        kept += weights[count];
        count += 1;
    }
    let mut draw = random.uniform() * kept;
    let chosen = weights[..count].iter().position(|weight| {
        draw -= weight;
        draw < 0.0
    });
    Some(order[chosen.unwrap_or(count - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: GenerateOptions =
        GenerateOptions { tokens_max: 5, temperature: 1.0, top_k: 0, top_p: 1.0, seed: 1, stop: None };

    /// A model that counts: after token `t` the likeliest is `t + 1`.
    struct Counter(sn3_protocol::model::ModelConfig);

    impl Infer for Counter {
        fn model(&self) -> &sn3_protocol::model::ModelConfig {
            &self.0
        }

        fn token_losses(&mut self, _: &[u32]) -> Result<Vec<f32>, StepError> {
            Err(StepError::NoSamples)
        }

        fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, StepError> {
            assert!(tokens.len() <= self.0.context as usize);
            let next = (tokens[tokens.len() - 1] + 1) % self.0.vocab;
            Ok((0..self.0.vocab).map(|token| if token == next { 3.0 } else { 0.0 }).collect())
        }
    }

    fn counter() -> Counter {
        Counter(sn3_protocol::model::ModelConfig { context: 3, ..crate::tests::tiny() })
    }

    #[test]
    fn without_temperature_the_likeliest_token_is_taken_up_to_the_stop() {
        let greedy = GenerateOptions { temperature: 0.0, ..OPTIONS };
        let go_on = &mut |_| ControlFlow::Continue(());
        assert_eq!(generate(&mut counter(), &[7, 8], &greedy, go_on).unwrap(), [9, 10, 11, 12, 13]);
        let stop = GenerateOptions { stop: Some(11), ..greedy };
        assert_eq!(generate(&mut counter(), &[7, 8], &stop, go_on).unwrap(), [9, 10]);
        let mut seen = 0;
        let mut break_soon = |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(generate(&mut counter(), &[7], &greedy, &mut break_soon).unwrap(), [8, 9]);
    }

    /// Probabilities 0.5, 0.3, 0.2: with top-p 0.75 the first two are left, 5 to 3; with 0.4 only the first.
    #[test]
    fn draws_follow_the_probabilities_that_top_p_leaves() {
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()];
        let count = |top_p: f32, seed: u64| {
            let (options, mut random) = (GenerateOptions { top_p, ..OPTIONS }, Random::new(seed, 0));
            let mut counts = [0u32; 3];
            (0..8000).for_each(|_| counts[choose(&logits, &options, &mut random).unwrap() as usize] += 1);
            counts
        };
        let all = count(1.0, 1);
        assert!((3850..4150).contains(&all[0]) && (2250..2550).contains(&all[1]), "{all:?}");
        let two = count(0.75, 2);
        assert!((4850..5150).contains(&two[0]) && two[2] == 0, "{two:?}");
        assert_eq!(count(0.4, 3), [8000, 0, 0]);
    }

    /// Of 0.5, 0.3 and 0.2 the likeliest two are left, whatever top-p is as long as it leaves more; by hand
    /// 5 to 3 again.
    #[test]
    fn draws_keep_to_the_likeliest_k() {
        let logits = [0.2f32.ln(), 0.5f32.ln(), 0.3f32.ln()];
        let (options, mut random) = (GenerateOptions { top_k: 2, ..OPTIONS }, Random::new(4, 0));
        let mut counts = [0u32; 3];
        (0..8000).for_each(|_| counts[choose(&logits, &options, &mut random).unwrap() as usize] += 1);
        assert!(counts[0] == 0 && (4850..5150).contains(&counts[1]), "{counts:?}");
    }

    /// A text twice as long as the context, greedily, with a model that keeps what it has read and one that
    /// begins anew each time.
    #[test]
    fn a_cache_changes_no_text() {
        use crate::fast::{Decoder, StaticTrainer};
        use crate::train::Train;
        let config = sn3_protocol::model::ModelConfig { context: 24, ..crate::tests::tiny() };
        let state: Vec<f32> =
            crate::init::initial_state(&config, 5).unwrap().iter().map(|v| v * 4.0).collect();
        let mut plain = StaticTrainer::new(&config, sn3_protocol::run::AdamConfig::default(), 1, 1).unwrap();
        plain.set_params(&state).unwrap();
        let mut cached = Decoder::new(&config, state, 1).unwrap();
        let options = GenerateOptions { tokens_max: 48, temperature: 0.0, ..OPTIONS };
        let go_on = &mut |_| ControlFlow::Continue(());
        let expected = generate(&mut plain, &[3, 1, 4], &options, go_on).unwrap();
        assert_eq!(expected.len(), 48);
        assert_eq!(generate(&mut cached, &[3, 1, 4], &options, go_on).unwrap(), expected);
    }

    #[test]
    fn a_seed_means_one_text_and_bad_options_are_refused() {
        let go_on = &mut |_| ControlFlow::Continue(());
        let mut run = |options: GenerateOptions| generate(&mut counter(), &[1], &options, go_on);
        assert_eq!(run(OPTIONS), run(OPTIONS));
        assert_ne!(run(OPTIONS), run(GenerateOptions { seed: 2, ..OPTIONS }));
        let bad = GenerateOptions { temperature: f32::NAN, ..OPTIONS };
        assert!(matches!(run(bad), Err(GenerateError::Temperature(_))));
        assert_eq!(run(GenerateOptions { top_p: 0.0, ..OPTIONS }), Err(GenerateError::TopP(0.0)));
        assert_eq!(generate(&mut counter(), &[], &OPTIONS, go_on), Err(GenerateError::NoPrompt));
        assert_eq!(choose(&[1.0, f32::NAN], &OPTIONS, &mut Random::new(1, 1)), None);
    }
}
