use std::ops::ControlFlow;

use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;

use super::*;
use crate::cuda::device::GpuError;
use crate::cuda::model::{CudaModelError, GpuModel};
use crate::cuda::step::kernel_shape;
use crate::fast::Decoder;
use crate::generate::{GenerateOptions, generate};
use crate::infer::Infer;
use crate::init::initial_state;
use crate::reference::ReferenceTrainer;
use crate::tests::{random_samples, tiny, untied};
use crate::train::{StateError, StepError, Train};

on_every_device!(
    losses_and_logits_are_the_references,
    many_texts_have_the_losses_of_each,
    a_text_that_grows_has_the_logits_of_the_whole,
    a_text_that_outgrows_the_context_goes_on_as_on_the_cpu,
    with_little_memory_read_fewer_texts_at_once,
    what_is_no_text_or_no_state_is_refused,
);

/// Larger than at the beginning of a training, so that tokens look at one another; in bf16 less so, since what is
/// sharp makes rounding larger.
fn state(config: &ModelConfig, storage: Storage) -> Vec<f32> {
    let scale = if storage == Storage::F32 { 4.0 } else { 2.0 };
    initial_state(config, 5).unwrap().iter().map(|v| v * scale).collect()
}

fn device<D: Testable>(config: &ModelConfig, storage: Storage) -> Option<Arc<D>> {
    D::open(kernel_shape(config, storage))
}

fn open<D: Testable>(device: &Arc<D>, config: &ModelConfig, storage: Storage) -> GpuModel<D> {
    GpuModel::new(device.clone(), config, &state(config, storage)).unwrap()
}

fn model<D: Testable>(config: &ModelConfig, storage: Storage) -> Option<GpuModel<D>> {
    Some(open(&device(config, storage)?, config, storage))
}

fn decoder(config: &ModelConfig, storage: Storage) -> Decoder {
    Decoder::new(config, state(config, storage), 1).unwrap()
}

/// Largest gap, of a mean loss in nats and of many losses or logits by their size.
fn bound(storage: Storage) -> f32 {
    match storage {
        Storage::F32 => 1e-4,
        Storage::Bf16 => 1e-2,
    }
}

fn assert_near(found: &[f32], expected: &[f32], storage: Storage, what: &str) {
    let apart = gap(found, expected);
    assert!(apart < f64::from(bound(storage)), "{storage:?}, {what}: {apart:e}");
}

fn farthest(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn losses_and_logits_are_the_references<D: Testable>() {
    for (config, storage) in
        [(tiny(), Storage::F32), (untied(), Storage::F32), (tiny(), Storage::Bf16), (untied(), Storage::Bf16)]
    {
        let Some(mut model) = model::<D>(&config, storage) else { return };
        let mut reference = ReferenceTrainer::new(&config, AdamConfig::default(), 1).unwrap();
        reference.set_params(&state(&config, storage)).unwrap();
        let (sample, vocab) = (&random_samples(&config, 1, 70)[0], config.vocab as usize);
        let logits = reference.logits(&[sample]).unwrap();
        let rows = logits.chunks(vocab).zip(&sample[1..]);
        let expected: Vec<f32> = rows
            .map(|(row, &label)| {
                let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
                (sum.ln() - f64::from(row[label as usize])) as f32
            })
            .collect();
        let losses = model.token_losses(sample).unwrap();
        let means = [&losses, &expected].map(|losses| losses.iter().sum::<f32>() / losses.len() as f32);
        assert!((means[0] - means[1]).abs() < bound(storage), "{storage:?}: {means:?}");
        assert!(storage == Storage::Bf16 || farthest(&losses, &expected) < 1e-4);
        assert_near(&losses, &expected, storage, "losses");
        let next = model.next_logits(sample).unwrap();
        assert_near(&next, &logits[69 * vocab..], storage, "the next token");
    }
}

fn many_texts_have_the_losses_of_each<D: Testable>() {
    let config = tiny();
    for storage in [Storage::F32, Storage::Bf16] {
        let Some(mut model) = model::<D>(&config, storage) else { return };
        let context = config.context as usize;
        let long = random_samples(&config, 9, context + 1);
        let lengths = [3, 20, context + 1, 2, 18, 71, 20, 19, 33];
        let texts: Vec<&[u32]> = long.iter().zip(lengths).map(|(text, length)| &text[..length]).collect();
        let together = model.token_losses_of(&texts).unwrap();
        let mut cpu = decoder(&config, storage);
        for (text, found) in texts.iter().zip(&together) {
            let alone = model.token_losses(text).unwrap();
            // Products of other sizes may be added up in another order.
            let rounding = if storage == Storage::F32 { 1e-5 } else { 2e-2 };
            assert!(farthest(found, &alone) < rounding, "{storage:?}: {} tokens", text.len());
            let what = format!("{} tokens", text.len());
            assert_near(found, &cpu.token_losses(text).unwrap(), storage, &what);
        }
        assert!(model.token_losses_of(&[]).unwrap().is_empty());
    }
}

/// Longer and longer beginnings, as in generation, then another text, then a beginning of it; losses in between
/// change nothing.
fn a_text_that_grows_has_the_logits_of_the_whole<D: Testable>() {
    for (config, storage) in [(tiny(), Storage::F32), (untied(), Storage::F32), (tiny(), Storage::Bf16)] {
        let Some(mut model) = model::<D>(&config, storage) else { return };
        let (mut cpu, samples) = (decoder(&config, storage), random_samples(&config, 2, 150));
        let mut all = (Vec::new(), Vec::new());
        let lengths = [(0, 1), (0, 2), (0, 3), (0, 4), (0, 70), (0, 71), (0, 72), (0, 150)];
        for (sample, count) in lengths.into_iter().chain([(1, 100), (1, 40), (1, 40), (1, 41)]) {
            let tokens = &samples[sample][..count];
            let (found, expected) = (model.next_logits(tokens).unwrap(), cpu.next_logits(tokens).unwrap());
            if storage == Storage::F32 {
                assert_near(&found, &expected, storage, &format!("{count} tokens of text {sample}"));
            }
            all.0.extend(found);
            all.1.extend(expected);
            if count == 71 {
                drop(model.token_losses_of(&[&samples[1], &samples[0][..30]]).unwrap());
            }
        }
        assert_near(&all.0, &all.1, storage, "all texts");
    }
}

/// The oldest quarter is left behind twice; what is likeliest in f32 is so on both.
fn a_text_that_outgrows_the_context_goes_on_as_on_the_cpu<D: Testable>() {
    let config = ModelConfig { context: 24, ..tiny() };
    let Some(mut model) = model::<D>(&config, Storage::F32) else { return };
    let options =
        GenerateOptions { tokens_max: 40, temperature: 0.0, top_k: 0, top_p: 1.0, seed: 1, stop: None };
    let go_on = &mut |_| ControlFlow::Continue(());
    let expected = generate(&mut decoder(&config, Storage::F32), &[3, 1, 4], &options, go_on).unwrap();
    assert_eq!(generate(&mut model, &[3, 1, 4], &options, go_on).unwrap(), expected);
}

fn with_little_memory_read_fewer_texts_at_once<D: Testable>() {
    let config = untied();
    let Some(device) = device::<D>(&config, Storage::F32) else { return };
    let samples = random_samples(&config, 16, 33);
    let texts: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
    let expected = open(&device, &config, Storage::F32).token_losses_of(&texts).unwrap();
    let mut short = open(&device, &config, Storage::F32);
    // Too little for 512 rows at once, enough for 32.
    if !device.limit(300_000) {
        return;
    }
    let found = short.token_losses_of(&texts).unwrap();
    assert!(farthest(&found.concat(), &expected.concat()) < 1e-5);
    assert_eq!(short.next_logits(texts[0]).unwrap().len(), config.vocab as usize);
    device.limit(1000);
    let none = GpuModel::new(device.clone(), &config, &state(&config, Storage::F32)).map(|_| ());
    assert!(matches!(none, Err(CudaModelError::Gpu(GpuError::OutOfMemory { .. }))));
    let error = short.token_losses(&random_samples(&config, 1, 161)[0]).unwrap_err().to_string();
    assert!(error.contains("has no room"), "{error}");
}

fn what_is_no_text_or_no_state_is_refused<D: Testable>() {
    let config = tiny();
    let Some(mut model) = model::<D>(&config, Storage::Bf16) else { return };
    let long = vec![1; config.context as usize + 1];
    assert_eq!(model.token_losses(&long).unwrap().len(), config.context as usize);
    assert!(matches!(model.next_logits(&long), Err(StepError::Length { .. })));
    assert!(matches!(model.next_logits(&[config.vocab]), Err(StepError::Token { .. })));
    assert!(matches!(model.next_logits(&[]), Err(StepError::Length { .. })));
    assert!(matches!(model.token_losses(&[1]), Err(StepError::Length { .. })));
    let second = model.token_losses_of(&[&[1, 2], &[1, config.vocab]]).unwrap_err();
    assert!(matches!(second, StepError::Token { sample: 1, .. }), "{second}");
    let device = device::<D>(&config, Storage::Bf16).unwrap();
    let open = |state: &[f32]| GpuModel::new(device.clone(), &config, state).map(|_| ()).unwrap_err();
    let whole = state(&config, Storage::Bf16);
    let (mut wrong, short) = (whole.clone(), &whole[1..]);
    wrong[3] = f32::NAN;
    assert!(matches!(open(short), CudaModelError::State(StateError::Length { .. })));
    assert!(matches!(open(&wrong), CudaModelError::State(StateError::NotFinite { index: 3, .. })));
    let odd = ModelConfig { head_dim: 160, ..tiny() };
    let count = odd.parameters() as usize;
    let error = GpuModel::new(device.clone(), &odd, &vec![0.0; count]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("head_dim"), "{error}");
}
