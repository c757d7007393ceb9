use super::*;
use crate::data::{Corpus, Dataset, DatasetConfig};
use crate::fast::StaticTrainer;
use crate::tests::tiny;
use crate::tokenizer::Tokenizer;

fn options(vocab: u32) -> ConvergenceOptions {
    let model = ModelConfig { vocab, context: 32, ..tiny() };
    ConvergenceOptions {
        arms: vec![
            Arm::new(Method::SparseLoCo, 2, 5, 1.0),
            Arm::new(Method::DiLoCo, 2, 5, 0.7),
            Arm::new(Method::AdamW, 2, 1, 1.0),
        ],
        seeds: vec![1, 2],
        batch_samples: 4,
        peak_lr: 5e-3,
        evaluations: 3,
        evaluate_samples: 6,
        ..ConvergenceOptions::new(model, 32 * 4 * 30)
    }
}

fn run(stop_after: usize, done: Vec<Run>) -> (ConvergenceReport, usize) {
    run_with(stop_after, done, options)
}

fn run_with(
    stop_after: usize,
    done: Vec<Run>,
    options: impl Fn(u32) -> ConvergenceOptions,
) -> (ConvergenceReport, usize) {
    let dir = tempfile::tempdir().unwrap();
    let line = |i: usize| format!("the colour of {i} is {}\n", ["red", "green", "blue"][i % 3]).repeat(3);
    let corpus = Corpus::from_texts((0..200).map(line)).unwrap();
    let tokenizer = Tokenizer::train(&corpus, 280).unwrap();
    let dataset = Dataset::from_corpus(&corpus, &tokenizer, DatasetConfig::new(32, 1), dir.path()).unwrap();
    let options = options(tokenizer.vocab());
    let mut trainer = StaticTrainer::new(&options.model, options.adam, 4, 1).unwrap();
    let mut points = 0;
    let mut watcher = |progress: &Progress<'_>| {
        points += usize::from(matches!(progress, Progress::Evaluated { .. }));
        if points == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (train, heldout) = (dataset.training(), dataset.held_out());
    let report = convergence(&mut trainer, &train, &heldout, &options, done, &mut watcher).unwrap();
    (report, points)
}

#[test]
fn every_method_learns_and_a_report_goes_on_where_it_ended() {
    let (report, points) = run(0, Vec::new());
    assert_eq!((report.runs.len(), points), (6, 6 * 4));
    for run in &report.runs {
        let (first, last) = (run.points[0], run.points[3]);
        assert_eq!((first.step, first.tokens, first.sent_bytes), (0, 0, 0));
        assert_eq!((last.step, last.tokens), (30, 30 * 4 * 32));
        assert!(last.loss < first.loss - 1.0, "{:?}: {} → {}", run.arm, first.loss, last.loss);
    }
    let same = |a: &Run, b: &Run| a.points.iter().zip(&b.points).all(|(a, b)| a.loss == b.loss);
    let (part, _) = run(4 + 2, Vec::new());
    assert_eq!(part.runs.len(), 1);
    let (again, points) = run(0, part.runs);
    assert_eq!(points, 5 * 4, "one run was done");
    assert!(again.runs.iter().zip(&report.runs).all(|(a, b)| same(a, b)), "runs are reproducible");
    let text = serde_json::to_string(&report).unwrap();
    let read: ConvergenceReport = serde_json::from_str(&text).unwrap();
    assert_eq!((read.runs.len(), &read.options), (6, &report.options));
    let all = compare(&report);
    assert_eq!(all.len(), 3);
    assert_eq!(all[2].above_adamw, Some(0.0));
    assert!(all[0].fewer_bytes.unwrap() > 50.0, "{:?}", all[0]);
    assert_eq!(all[1].fewer_bytes, Some(5.0), "dense, every fifth step");
}

#[test]
fn numbers_are_summed_up_as_by_hand() {
    let mut options = options(100);
    options.arms = vec![options.arms[0], options.arms[2]];
    let point = |loss: f32, sent_bytes: u64| Point { step: 1, tokens: 1, sent_bytes, seconds: 1.0, loss };
    let run = |arm: usize, seed, loss, bytes| Run {
        arm: options.arms[arm],
        seed,
        points: vec![point(loss, bytes)],
        diverged: None,
    };
    let runs = vec![run(0, 1, 2.0, 1_000), run(0, 2, 3.0, 1_000), run(1, 1, 2.0, 500_000)];
    let report = ConvergenceReport { options: options.clone(), parameters: 1, runs };
    let sparse = compare(&report)[0];
    assert_eq!(compare(&report)[1].above_adamw, Some(0.0));
    assert_eq!((sparse.loss, sparse.above_adamw, sparse.fewer_bytes), (2.5, Some(0.25), Some(500.0)));
    assert!((sparse.deviation - 0.5f64.sqrt()).abs() < 1e-12);
    // A second AdamW at its own rate is the one to compare with when it is the better one.
    let better = Arm { peak_lr: Some(1e-3), ..options.arms[1] };
    let mut report = report;
    report.options.arms.push(better);
    report.runs.push(Run { arm: better, seed: 1, points: vec![point(1.25, 500_000)], diverged: None });
    assert_eq!(compare(&report)[0].above_adamw, Some(1.0));
    // But not when it has fewer seeds.
    report.runs.push(Run { seed: 2, ..report.runs[2].clone() });
    assert_eq!(compare(&report)[0].above_adamw, Some(0.25));
}

#[test]
fn an_arm_has_its_own_rate_and_density() {
    let two = |vocab| {
        let mut options = ConvergenceOptions { seeds: vec![1], ..options(vocab) };
        let sparse = options.arms[0];
        options.arms =
            vec![Arm { peak_lr: Some(1e-9), ..sparse }, Arm { top_k: Some(512), ..sparse }, sparse];
        options
    };
    let (report, _) = run_with(0, Vec::new(), two);
    let learnt = |run: &Run| run.points[0].loss - run.points[3].loss;
    let sent = |run: &Run| run.points[3].sent_bytes as f64;
    let [slow, dense, sparse] = &report.runs[..] else { panic!("three runs") };
    assert!(learnt(slow).abs() < 1e-3 && learnt(sparse) > 1.0);
    assert!((2.0..8.0).contains(&(sent(dense) / sent(sparse))), "{}", sent(dense) / sent(sparse));
}

#[test]
fn a_run_that_diverges_is_a_result_and_the_others_go_on() {
    let wild = |vocab| {
        let mut options = ConvergenceOptions { seeds: vec![1], ..options(vocab) };
        options.arms[1].outer_lr = 1e30;
        options
    };
    let (report, _) = run_with(0, Vec::new(), wild);
    assert_eq!(report.runs.len(), 3);
    let reason = report.runs[1].diverged.as_deref().unwrap();
    assert!(reason.contains("finite"), "{reason}");
    let all = compare(&report);
    assert_eq!((all[1].seeds, all[1].diverged), (0, 1));
    assert!(all[1].loss.is_nan() && all[0].loss.is_finite() && all[2].above_adamw == Some(0.0));
}
