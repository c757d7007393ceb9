use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;

use super::*;
use crate::cuda::step::{GpuStep, kernel_shape};
use crate::init::initial_state;
use crate::reference::ReferenceTrainer;
use crate::tests::{random_samples, tiny, untied};
use crate::tokenizer::END_OF_TEXT_ID;
use crate::train::{StepError, Train};

on_every_device!(
    give_every_gradient_of_the_reference,
    train_as_the_reference_replayed_or_not,
    train_in_bf16_near_the_reference,
    change_nothing_when_the_result_is_not_finite,
    with_little_memory_use_smaller_micro_batches,
);

fn refs(samples: &[Vec<u32>]) -> Vec<&[u32]> {
    samples.iter().map(Vec::as_slice).collect()
}

fn state(config: &ModelConfig) -> Vec<f32> {
    initial_state(config, 5).unwrap().into_iter().map(|v| if v == 1.0 { 0.9 } else { v * 6.0 }).collect()
}

fn device<D: Testable>(config: &ModelConfig, storage: Storage) -> Option<Arc<D>> {
    D::open(kernel_shape(config, storage))
}

fn step<D: Device>(device: &Arc<D>, config: &ModelConfig, micro_batch: usize) -> GpuStep<D> {
    let masked = Some(END_OF_TEXT_ID);
    let mut step = GpuStep::new(device.clone(), config, AdamConfig::default(), micro_batch, masked).unwrap();
    step.set_params(&state(config)).unwrap().unwrap();
    step
}

fn reference(config: &ModelConfig) -> ReferenceTrainer {
    let mut trainer = ReferenceTrainer::new(config, AdamConfig::default(), 2).unwrap();
    trainer.set_params(&state(config)).unwrap();
    trainer
}

fn give_every_gradient_of_the_reference<D: Testable>() {
    for (config, count, length) in [(tiny(), 3, 70), (untied(), 3, 37)] {
        let Some(device) = device::<D>(&config, Storage::F32) else { return };
        let mut samples = random_samples(&config, count, length);
        samples[1][2..5].fill(END_OF_TEXT_ID);
        let mut step = step(&device, &config, 2);
        let (expected_loss, expected) = reference(&config).gradient(&refs(&samples)).unwrap();
        let (loss, gradient) = step.gradient(&refs(&samples)).unwrap();
        assert!(f64::from(loss - expected_loss).abs() < D::F32_GAP, "loss {loss}, not {expected_loss}");
        let layout = step.layout().clone();
        for (index, tensor) in layout.tensors().iter().enumerate() {
            let gap = gap(&gradient[layout.range(index)], &expected[layout.range(index)]);
            assert!(gap < D::F32_GAP * 10.0, "{} ({length} tokens): relative gap {gap:e}", tensor.name);
        }
    }
}

fn train_as_the_reference_replayed_or_not<D: Testable>() {
    let config = tiny();
    let Some(device) = device::<D>(&config, Storage::F32) else { return };
    let (mut recorded, mut plain) = (step(&device, &config, 2), step(&device, &config, 2));
    plain.set_recording(false);
    let mut reference = reference(&config);
    for number in 0..4 {
        let mut samples = random_samples(&config, 3, 12);
        samples[0][3] = 1 + number;
        // The last micro-batch is filled up with samples that do not count.
        let found = recorded.step(&refs(&samples), 0.003).unwrap();
        assert_eq!(found, plain.step(&refs(&samples), 0.003).unwrap(), "step {number}");
        let expected = reference.step(&refs(&samples), 0.003).unwrap();
        assert!((found.loss - expected.loss).abs() < 1e-4, "step {number}: {found:?}, not {expected:?}");
        assert!((found.grad_norm / expected.grad_norm - 1.0).abs() < 1e-4, "step {number}");
    }
    assert_eq!(recorded.params().unwrap(), plain.params().unwrap());
    assert!(gap(&recorded.params().unwrap(), &reference.params()) < 1e-3);
    let samples = random_samples(&config, 3, 12);
    let loss = recorded.loss(&refs(&samples)).unwrap();
    assert!((loss - reference.loss(&refs(&samples)).unwrap()).abs() < 1e-4);
    // What is read out and put into another trainer goes on as the first.
    let mut resumed = step(&device, &config, 2);
    resumed.set_params(&recorded.params().unwrap()).unwrap().unwrap();
    resumed.set_optimizer(&recorded.optimizer().unwrap()).unwrap().unwrap();
    for _ in 0..2 {
        let expected = recorded.step(&refs(&samples), 0.003).unwrap();
        assert_eq!(resumed.step(&refs(&samples), 0.003).unwrap(), expected);
    }
}

fn train_in_bf16_near_the_reference<D: Testable>() {
    let config = tiny();
    let Some(device) = device::<D>(&config, Storage::Bf16) else { return };
    let samples = random_samples(&config, 2, 40);
    let mut step = step(&device, &config, 2);
    let (loss, gradient) = step.gradient(&refs(&samples)).unwrap();
    let (expected_loss, expected) = reference(&config).gradient(&refs(&samples)).unwrap();
    assert!((loss / expected_loss - 1.0).abs() < 0.01, "{loss} for {expected_loss}");
    let layout = step.layout().clone();
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let gap = gap(&gradient[layout.range(index)], &expected[layout.range(index)]);
        assert!(gap < 0.05, "{}: relative gap {gap:e}", tensor.name);
    }
    let before = step.loss(&refs(&samples)).unwrap();
    for _ in 0..5 {
        step.step(&refs(&samples), 0.003).unwrap();
    }
    assert!(step.loss(&refs(&samples)).unwrap() < before * 0.9);
}

fn change_nothing_when_the_result_is_not_finite<D: Testable>() {
    let config = untied();
    let Some(device) = device::<D>(&config, Storage::F32) else { return };
    let mut step = step(&device, &config, 2);
    let huge: Vec<f32> = state(&config).iter().map(|v| v * 1e37).collect();
    step.set_params(&huge).unwrap().unwrap();
    let samples = random_samples(&config, 2, 10);
    let error = step.step(&refs(&samples), 0.1).unwrap_err();
    assert!(matches!(error, StepError::NotFinite { .. }), "{error}");
    assert_eq!((step.params().unwrap(), step.optimizer().unwrap().step), (huge, 0));
}

fn with_little_memory_use_smaller_micro_batches<D: Testable>() {
    let config = untied();
    let Some(device) = device::<D>(&config, Storage::F32) else { return };
    let samples = random_samples(&config, 8, 20);
    let (expected_loss, expected) = step(&device, &config, 8).gradient(&refs(&samples)).unwrap();
    let mut short = step(&device, &config, 8);
    // Too little for eight samples at once, enough for two.
    if !device.limit(300_000) {
        return;
    }
    let (loss, gradient) = short.gradient(&refs(&samples)).unwrap();
    assert!(short.micro_batch() < 8, "{}", short.micro_batch());
    assert!((loss - expected_loss).abs() < 1e-5 && gap(&gradient, &expected) < 1e-5);
    device.limit(1000);
    let error = short.gradient(&refs(&random_samples(&config, 8, 160))).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("has no room"), "{error}");
}
