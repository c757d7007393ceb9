use super::*;
use crate::init::initial_state;
use crate::reference::ReferenceTrainer;
use crate::tests::{random_samples, tiny, untied};

fn refs(samples: &[Vec<u32>]) -> Vec<&[u32]> {
    samples.iter().map(Vec::as_slice).collect()
}

/// A state with larger weights than the initial one, so that attention is far from uniform.
fn state(config: &ModelConfig) -> Vec<f32> {
    initial_state(config, 5).unwrap().into_iter().map(|v| if v == 1.0 { 0.9 } else { v * 6.0 }).collect()
}

fn fast(config: &ModelConfig, micro_batch: usize, threads: usize) -> StaticTrainer {
    let mut trainer = StaticTrainer::new(config, AdamConfig::default(), micro_batch, threads).unwrap();
    trainer.set_params(&state(config)).unwrap();
    trainer
}

fn reference(config: &ModelConfig, micro_batch: usize) -> ReferenceTrainer {
    let mut trainer = ReferenceTrainer::new(config, AdamConfig::default(), micro_batch).unwrap();
    trainer.set_params(&state(config)).unwrap();
    trainer
}

/// ‖a − b‖ / ‖b‖.
fn gap(a: &[f32], b: &[f32]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let apart = square(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    (apart / square(&mut b.iter().map(|&b| f64::from(b)))).sqrt()
}

#[test]
fn every_gradient_is_the_references() {
    // Lengths below, at and above the attention's block; batches that micro-batches do not divide.
    for (config, count, length) in [(tiny(), 3, 64), (tiny(), 2, 150), (untied(), 5, 7), (untied(), 3, 97)] {
        let mut samples = random_samples(&config, count, length);
        samples[1][2..5].fill(END_OF_TEXT_ID);
        let (mut fast, reference) = (fast(&config, 2, 1), reference(&config, 2));
        let layout = fast.layout().clone();
        let (expected_loss, expected) = reference.gradient(&refs(&samples)).unwrap();
        let (loss, gradient) = fast.gradient(&refs(&samples)).unwrap();
        assert!((loss - expected_loss).abs() < 1e-5, "loss {loss}, not {expected_loss}");
        for (index, tensor) in layout.tensors().iter().enumerate() {
            let gap = gap(&gradient[layout.range(index)], &expected[layout.range(index)]);
            assert!(gap < 1e-4, "{} ({length} tokens): relative gap {gap:e}", tensor.name);
        }
    }
}

#[test]
fn the_loss_without_training_is_the_same() {
    let config = tiny();
    let samples = random_samples(&config, 5, 70);
    let mut trainer = fast(&config, 2, 1);
    let (with_gradient, _) = trainer.gradient(&refs(&samples)).unwrap();
    assert_eq!(trainer.loss(&refs(&samples)).unwrap(), with_gradient);
}

#[test]
fn threads_do_not_change_a_bit() {
    let config = ModelConfig { vocab: 700, ..tiny() };
    let samples = random_samples(&config, 6, 100);
    let run = |threads| {
        let mut trainer = fast(&config, 4, threads);
        let stats: Vec<StepStats> = (0..4).map(|_| trainer.step(&refs(&samples), 0.01).unwrap()).collect();
        (stats, trainer.params(), trainer.optimizer(), trainer.loss(&refs(&samples)).unwrap())
    };
    let one = run(1);
    assert_eq!(run(2), one);
    assert_eq!(run(5), one);
}

/// Samples in which each token follows from the one before, up to one of three: there is something to learn, and
/// nothing to learn by heart.
fn learnable(config: &ModelConfig, step: u64, count: usize, length: usize) -> Vec<Vec<u32>> {
    let mut random = crate::random::Random::new(step, 3);
    let tokens = u64::from(config.vocab) - 1;
    let mut sample = || {
        let mut token = random.below(tokens);
        let mut next = || {
            token = (3 * token + random.below(3)) % tokens;
            token as u32 + 1
        };
        (0..length).map(|_| next()).collect()
    };
    (0..count).map(|_| sample()).collect()
}

#[test]
fn a_loss_curve_follows_the_references() {
    let config = tiny();
    let (mut fast, mut reference) = (fast(&config, 2, 1), reference(&config, 2));
    let mut first = None;
    for step in 0..200 {
        let samples = learnable(&config, step, 4, 20 + step as usize % 3);
        let found = fast.step(&refs(&samples), 0.002).unwrap();
        let expected = reference.step(&refs(&samples), 0.002).unwrap();
        assert!((found.loss - expected.loss).abs() < 1e-3, "step {step}: {found:?}, not {expected:?}");
        assert!(
            (found.grad_norm / expected.grad_norm - 1.0).abs() < 5e-3,
            "step {step}: {found:?} {expected:?}"
        );
        assert!(step < 199 || found.loss < first.unwrap_or(0.0) - 1.0, "it learns: {first:?} to {found:?}");
        first.get_or_insert(found.loss);
    }
    assert!(gap(&fast.params(), &reference.params()) < 1e-3);
}

#[test]
fn resuming_is_exact() {
    let config = tiny();
    let samples = random_samples(&config, 4, 33);
    let mut straight = fast(&config, 2, 1);
    for _ in 0..5 {
        straight.step(&refs(&samples), 0.01).unwrap();
    }
    let mut resumed = fast(&config, 2, 1);
    resumed.set_params(&straight.params()).unwrap();
    resumed.set_optimizer(straight.optimizer()).unwrap();
    for trainer in [&mut straight, &mut resumed] {
        for _ in 0..5 {
            trainer.step(&refs(&samples), 0.01).unwrap();
        }
    }
    assert_eq!(straight.params(), resumed.params());
    assert_eq!(straight.optimizer(), resumed.optimizer());
}

#[test]
fn a_gradient_without_bound_is_an_error_that_changes_nothing() {
    let config = tiny();
    let mut trainer = fast(&config, 2, 1);
    let huge: Vec<f32> = state(&config).iter().map(|v| v * 1e37).collect();
    trainer.set_params(&huge).unwrap();
    let samples = random_samples(&config, 2, 10);
    let error = trainer.step(&refs(&samples), 0.1).unwrap_err();
    assert!(matches!(error, StepError::NotFinite { .. }), "{error}");
    assert_eq!((trainer.params(), trainer.optimizer().step), (huge, 0));
}

#[test]
fn batches_of_changing_size_use_the_same_trainer() {
    let config = tiny();
    let (small, large) = (random_samples(&config, 1, 9), random_samples(&config, 3, 100));
    let mut trainer = fast(&config, 2, 1);
    let first = trainer.loss(&refs(&small)).unwrap();
    trainer.loss(&refs(&large)).unwrap();
    assert_eq!(trainer.loss(&refs(&small)).unwrap(), first);
    assert_eq!(trainer.step(&[], 0.1), Err(StepError::NoSamples));
    assert!(matches!(trainer.step(&[&[1, config.vocab]], 0.1), Err(StepError::Token { .. })));
}
