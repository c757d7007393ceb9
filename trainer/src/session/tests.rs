use super::*;
use crate::data::ShardOptions;
use crate::data::Shards;
use crate::fast::StaticTrainer;
use crate::init::initial_state;
use crate::tests::{random_samples, tiny};

const SEQ_LEN: usize = 16;

fn options(steps: u64) -> TrainOptions {
    TrainOptions {
        steps,
        batch_samples: 3,
        schedule: InnerSchedule::Main {
            peak_lr: 5e-3,
            warmup_steps: 5,
            cosine_steps: 30,
            floor_factor: 0.1,
            flat: None,
        },
        adam: AdamConfig::default(),
        seed: 4,
        checkpoint_every: 5,
        keep: 2,
        evaluate_every: 10,
        evaluate_samples: 4,
    }
}

fn shards(dir: &Path, seed_step: usize) -> Shards {
    let samples = random_samples(&tiny(), 40, SEQ_LEN);
    let tokens = samples.iter().skip(seed_step).flatten();
    let bytes: Vec<u8> = tokens.flat_map(|token| token.to_le_bytes()).collect();
    let path = dir.join(format!("tokens-{seed_step}.bin"));
    std::fs::write(&path, bytes).unwrap();
    let options =
        ShardOptions { seq_len: SEQ_LEN, vocab: tiny().vocab, bin: Some(crate::data::TokenType::U32) };
    Shards::open(&[path], options).unwrap()
}

fn trainer() -> StaticTrainer {
    let mut trainer = StaticTrainer::new(&tiny(), AdamConfig::default(), 2, 1).unwrap();
    trainer.set_params(&initial_state(&tiny(), 2).unwrap()).unwrap();
    trainer
}

fn run(
    data: &Shards,
    folder: Option<&Path>,
    options: &TrainOptions,
    stop_at: u64,
) -> Result<(TrainReport, Vec<Progress>), TrainError> {
    let (mut trainer, mut seen) = (trainer(), Vec::new());
    let session = Session { trainer: &mut trainer, data, heldout: Some(data), folder, tokenizer: None };
    let mut progress = |progress: &Progress| {
        seen.push(progress.clone());
        match progress {
            Progress::Step { step, .. } if *step == stop_at => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let report = train(session, options, &mut progress)?;
    Ok((report, seen))
}

#[test]
fn a_resumed_training_reaches_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let data = shards(dir.path(), 0);
    let (straight, seen) = run(&data, None, &options(20), 0).unwrap();
    assert_eq!((straight.steps, straight.steps_now, straight.tokens), (20, 20, 20 * 3 * 16));
    assert!(!seen.iter().any(|progress| matches!(progress, Progress::Saved { .. })));
    let folder = dir.path().join("run");
    let (stopped, _) = run(&data, Some(&folder), &options(20), 7).unwrap();
    assert!(stopped.stopped && stopped.steps == 7);
    let (resumed, seen) = run(&data, Some(&folder), &options(20), 0).unwrap();
    assert_eq!(seen[0], Progress::Resumed { step: 7 });
    assert_eq!((resumed.state, resumed.steps_now), (straight.state, 13));
    let (again, _) = run(&data, Some(&folder), &options(20), 0).unwrap();
    assert_eq!((again.state, again.steps_now, again.last_loss), (straight.state, 0, None));
}

#[test]
fn old_checkpoints_go_and_the_last_is_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let (report, seen) = run(&shards(dir.path(), 0), Some(&folder), &options(20), 0).unwrap();
    let saved = seen.iter().filter(|progress| matches!(progress, Progress::Saved { .. })).count();
    let evaluated = seen.iter().filter(|progress| matches!(progress, Progress::Evaluated { .. })).count();
    assert_eq!((saved, evaluated), (4, 2));
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected =
        ["latest.json", "step-00000015", "step-00000015.state", "step-00000020", "step-00000020.state"];
    assert_eq!(names, expected);
    let model = crate::checkpoint::import_hf(&folder.join("step-00000020")).unwrap();
    let layout = tiny().layout(sn3_protocol::ChunkRule::default()).unwrap();
    assert_eq!(layout.state_digest(&model.state), report.state);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let data = shards(dir.path(), 0);
    run(&data, Some(&folder), &options(5), 0).unwrap();
    let other = TrainOptions { seed: 5, ..options(20) };
    let error = run(&data, Some(&folder), &other, 0).unwrap_err().to_string();
    assert!(error.contains("another set of options"), "{error}");
    let error = run(&shards(dir.path(), 1), Some(&folder), &options(20), 0).unwrap_err().to_string();
    assert!(error.contains("another set of samples"), "{error}");
    let state = folder.join("step-00000005.state");
    std::fs::write(&state, b"SN3STATE").unwrap();
    let error = run(&data, Some(&folder), &options(20), 0).unwrap_err();
    assert!(matches!(error, TrainError::Sidecar(SidecarError::Damaged { .. })), "{error}");
    std::fs::write(folder.join(LIST_NAME), b"{}").unwrap();
    let error = run(&data, Some(&folder), &options(20), 0).unwrap_err();
    assert!(matches!(error, TrainError::List { .. }), "{error}");
}

const LIST_NAME: &str = "latest.json";

#[test]
fn data_that_does_not_fit_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let data = shards(dir.path(), 0);
    let zero = TrainOptions { batch_samples: 0, ..options(5) };
    assert!(run(&data, None, &zero, 0).unwrap_err().to_string().contains("batch_samples is 0"));
    let path = dir.path().join("tokens-0.bin");
    let long = ShardOptions { seq_len: 128, vocab: 10, bin: Some(crate::data::TokenType::U32) };
    let long = Shards::open(&[path], long).unwrap();
    let error = run(&long, None, &options(5), 0).unwrap_err().to_string();
    assert!(error.contains("longer than the model's context") || error.contains("outside"), "{error}");
}
