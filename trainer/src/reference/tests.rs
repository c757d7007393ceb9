use super::*;
use crate::init::initial_state;
use crate::tests::{random_samples, tiny, untied};

fn trainer(config: &ModelConfig, micro_batch: usize) -> ReferenceTrainer {
    let mut trainer = ReferenceTrainer::new(config, AdamConfig::default(), micro_batch).unwrap();
    trainer.set_params(&initial_state(config, 1).unwrap()).unwrap();
    trainer
}

#[test]
fn a_fresh_model_knows_nothing() {
    let config = tiny();
    let samples = random_samples(&config, 4, 16);
    let loss = trainer(&config, 2).loss(&refs(&samples)).unwrap();
    assert!((loss - (config.vocab as f32).ln()).abs() < 0.1, "{loss}");
}

/// The same arithmetic in another library's kernels.
#[cfg(feature = "candle-cuda")]
#[test]
fn gpu_reference_has_the_gradients_of_the_cpus() {
    use std::io::Write as _;
    let config = tiny();
    let mut on_gpu = match ReferenceTrainer::on_gpu(&config, AdamConfig::default(), 2) {
        Ok(trainer) => trainer,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "skipped: {error}");
            return;
        }
    };
    on_gpu.set_params(&initial_state(&config, 1).unwrap()).unwrap();
    let samples = random_samples(&config, 4, 16);
    let (loss, gradient) = on_gpu.gradient(&refs(&samples)).unwrap();
    let (expected_loss, expected) = trainer(&config, 2).gradient(&refs(&samples)).unwrap();
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
    let apart = square(&mut gradient.iter().zip(&expected).map(|(a, b)| a - b));
    assert!((loss - expected_loss).abs() < 1e-4 * expected_loss, "{loss} {expected_loss}");
    assert!(apart.sqrt() < 1e-4 * square(&mut expected.iter().copied()).sqrt(), "{}", apart.sqrt());
}

#[test]
fn every_parameter_has_a_gradient() {
    for config in [tiny(), untied()] {
        let samples = random_samples(&config, 2, 16);
        let trainer = trainer(&config, 2);
        let (_, gradient) = trainer.gradient(&refs(&samples)).unwrap();
        for (index, tensor) in trainer.layout.tensors().iter().enumerate() {
            let values = &gradient[trainer.layout.range(index)];
            let zeros = values.iter().filter(|v| **v == 0.0).count();
            // Rows of an untied embedding have a gradient only where their token occurs.
            let allowed =
                if tensor.name.contains("embed") && !config.tied_head { values.len() - 1 } else { 0 };
            assert!(zeros <= allowed, "{}: {zeros} of {} are zero", tensor.name, values.len());
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let config = tiny();
    let samples = random_samples(&config, 2, 12);
    let mut trainer = trainer(&config, 2);
    let theta: Vec<f32> = trainer.params().iter().map(|v| if *v == 1.0 { 1.0 } else { v * 5.0 }).collect();
    trainer.set_params(&theta).unwrap();
    let (_, gradient) = trainer.gradient(&refs(&samples)).unwrap();
    for index in 0..trainer.layout.tensors().len() {
        let range = trainer.layout.range(index);
        let length = gradient[range.clone()].iter().map(|g| g * g).sum::<f32>().sqrt();
        // Along the gradient itself the loss must rise by its length times the step.
        let step = 0.02 / length.max(0.02);
        let mut at = |sign: f32| {
            let mut moved = theta.clone();
            moved[range.clone()]
                .iter_mut()
                .zip(&gradient[range.clone()])
                .for_each(|(m, g)| *m += sign * step * g);
            trainer.set_params(&moved).unwrap();
            f64::from(trainer.loss(&refs(&samples)).unwrap())
        };
        let slope = (at(1.0) - at(-1.0)) / f64::from(2.0 * step);
        let expected = f64::from(length * length);
        let name = &config.layout(ChunkRule::default()).unwrap().tensors()[index].name.clone();
        assert!((slope / expected - 1.0).abs() < 0.02, "{name}: slope {slope}, gradient {expected}");
    }
}

#[test]
fn micro_batches_and_masks_leave_the_mean_alone() {
    let config = tiny();
    let mut samples = random_samples(&config, 4, 16);
    samples[1][3..9].fill(END_OF_TEXT_ID);
    let (loss, whole) = trainer(&config, 4).gradient(&refs(&samples)).unwrap();
    let (parts_loss, parts) = trainer(&config, 1).gradient(&refs(&samples)).unwrap();
    assert!((loss - parts_loss).abs() < 1e-5);
    let gap = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap < 1e-6, "{gap}");
    let unmasked = trainer(&config, 4).with_masked_label(None).loss(&refs(&samples)).unwrap();
    assert_ne!(unmasked, loss);
}

#[test]
fn a_batch_without_labels_changes_nothing() {
    let config = tiny();
    let mut trainer = trainer(&config, 2);
    let before = trainer.params();
    let stats = trainer.step(&[&[5, END_OF_TEXT_ID, END_OF_TEXT_ID]], 0.1).unwrap();
    assert_eq!((stats.tokens, trainer.params(), trainer.optimizer().step), (0, before, 0));
}

#[test]
fn malformed_steps_are_refused_and_change_nothing() {
    let config = tiny();
    let mut trainer = trainer(&config, 2);
    let before = trainer.params();
    let long = vec![1; config.context as usize + 1];
    assert_eq!(trainer.step(&[], 0.1), Err(StepError::NoSamples));
    assert!(matches!(trainer.step(&[&[1]], 0.1), Err(StepError::Length { sample: 0, tokens: 1, .. })));
    assert!(matches!(trainer.step(&[&[1, 2], &[1, 2, 3]], 0.1), Err(StepError::Length { sample: 1, .. })));
    assert!(matches!(trainer.step(&[&long], 0.1), Err(StepError::Length { .. })));
    assert!(matches!(trainer.step(&[&[1, config.vocab]], 0.1), Err(StepError::Token { .. })));
    assert!(matches!(trainer.step(&[&[1, 2]], f32::NAN), Err(StepError::LearningRate(_))));
    assert!(matches!(trainer.set_params(&before[1..]), Err(StateError::Length { .. })));
    assert_eq!(trainer.params(), before);
}

#[test]
fn training_lowers_the_loss_and_resumes_exactly() {
    let config = tiny();
    let samples = random_samples(&config, 4, 16);
    let mut straight = trainer(&config, 2);
    let first = straight.step(&refs(&samples), 0.01).unwrap().loss;
    for _ in 0..5 {
        straight.step(&refs(&samples), 0.01).unwrap();
    }
    let mut resumed = trainer(&config, 2);
    resumed.set_params(&straight.params()).unwrap();
    resumed.set_optimizer(straight.optimizer()).unwrap();
    for trainer in [&mut straight, &mut resumed] {
        for _ in 0..5 {
            trainer.step(&refs(&samples), 0.01).unwrap();
        }
    }
    assert_eq!(straight.params(), resumed.params());
    assert_eq!(straight.optimizer(), resumed.optimizer());
    let last = straight.loss(&refs(&samples)).unwrap();
    assert!(last < first - 0.5, "{first} → {last}");
}

fn refs(samples: &[Vec<u32>]) -> Vec<&[u32]> {
    samples.iter().map(Vec::as_slice).collect()
}
