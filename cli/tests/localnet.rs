//! The whole subnet in one process, as a user would run it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, and say what they skip"
)]

use std::path::Path;
use std::process::Command;

use clap::Parser;
use sn3::args::{Cli, Command as Sub, LocalnetArgs};
use sn3::localnet::{Outcome, run};
use sn3::output::Output;

/// Text of three million bytes: enough that two miners seldom train the same samples.
const FILES: usize = 60;
const FILE_BYTES: usize = 50_000;
const WORDS: u64 = 3_000;

/// Files of text in `dir`, the same on every machine and for every version of this project.
///
/// Each file has its own subject: words that it uses often. So training on one's own samples shows, as with real text.
fn text(dir: &Path) -> String {
    let mut random = 20_u64;
    std::fs::create_dir_all(dir).unwrap();
    for file in 0..FILES {
        let subject: Vec<u64> = (0..40).map(|_| next(&mut random) % WORDS).collect();
        let mut text = String::new();
        while text.len() < FILE_BYTES {
            for place in 0..4 + next(&mut random) % 8 {
                let separator = if place == 0 { "" } else { " " };
                text.push_str(&format!("{separator}{}", word(choose(&mut random, &subject))));
            }
            text.push_str(".\n");
        }
        std::fs::write(dir.join(format!("{file}.txt")), text).unwrap();
    }
    dir.to_str().expect("UTF-8").to_owned()
}

/// A word of the subject, or one of the language: few of these are frequent.
fn choose(random: &mut u64, subject: &[u64]) -> u64 {
    let at = next(random);
    if at.is_multiple_of(2) {
        return subject[usize::try_from(at / 2).unwrap() % subject.len()];
    }
    let (a, b, c) = (next(random) % WORDS, next(random) % WORDS, next(random) % WORDS);
    a.min(b).min(c)
}

/// Syllables by the number's digits.
fn word(number: u64) -> String {
    const STARTS: [&str; 12] = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "s", "t", "v"];
    const ENDS: [&str; 9] = ["a", "e", "i", "o", "u", "ar", "en", "is", "ol"];
    let (mut rest, mut word) = (number.wrapping_mul(0x9E37_79B9) % 1_259_712, String::new());
    while rest > 0 || word.is_empty() {
        word.push_str(STARTS[(rest % 12) as usize]);
        word.push_str(ENDS[(rest / 12 % 9) as usize]);
        rest /= 108;
    }
    word
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn args(out: &Path, more: &[&str]) -> LocalnetArgs {
    let (text, cache, out) = (text(&out.join("text")), out.join("cache"), out.join("out"));
    let mut line = vec!["sn3", "localnet", "--vocab", "300"];
    line.extend(["--cache", cache.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8"), "--data"]);
    line.push(&text);
    line.extend(more);
    match Cli::try_parse_from(line).expect("the command line is sound").command {
        Sub::Localnet(args) => args,
        _ => unreachable!("the command is localnet"),
    }
}

fn network(dir: &Path, more: &[&str]) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(&args(dir, more), &Output::silent())).expect("the network runs")
}

/// Incentive of each role at the end.
fn incentives(outcome: &Outcome, role: &str) -> Vec<f64> {
    let rows = outcome.summary.rows.iter().filter(|row| row.role == role);
    rows.map(|row| row.incentive.expect("read back from the chain")).collect()
}

#[test]
fn honest_miners_train_agree_and_are_paid_and_the_same_seed_is_the_same_run() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = network(first.path(), &["--windows", "4", "--miners", "3", "--threads", "1"]);
    let summary = &one.summary;
    assert!(summary.agreed && summary.rounds == 4, "{}", summary.text());
    assert!(summary.loss_end < summary.loss_start, "{}", summary.text());
    // Four windows on little text judge some honest miners unlucky; over a default run all of them are paid.
    let paid: f64 = incentives(&one, "honest").iter().sum();
    assert!((0.99..1.01).contains(&paid), "{}", summary.text());
    for file in [one.files.report(), one.files.run_json(), one.files.checkpoint().join("model.safetensors")] {
        assert!(file.metadata().unwrap().len() > 0, "{}", file.display());
    }
    open_in_browser(&one.files.report());

    let two = network(second.path(), &["--windows", "4", "--miners", "3", "--threads", "2"]);
    assert_eq!(one.summary.state, two.summary.state);
    let weights = |outcome: &Outcome| {
        outcome
            .story
            .weights
            .iter()
            .map(|set| (set.window, set.weights.clone(), set.receipt))
            .collect::<Vec<_>>()
    };
    assert_eq!(weights(&one), weights(&two));
    let pay = |outcome: &Outcome| serde_json::to_value(&outcome.story.pay).unwrap();
    assert_eq!(pay(&one), pay(&two));
}

#[test]
fn no_kind_of_dishonesty_pays() {
    let dir = tempfile::tempdir().unwrap();
    let kinds = ["copycat", "noise", "idle", "scaler", "late", "nan"];
    // Whoever stops uploading loses a quarter of the score per window, so that it takes some windows.
    let mut more = vec!["--windows", "10", "--miners", "3"];
    kinds.iter().for_each(|kind| more.extend(["--adversary", kind]));
    let outcome = network(dir.path(), &more);
    let text = outcome.summary.text();
    assert!(outcome.summary.agreed, "{text}");
    let mut honest = incentives(&outcome, "honest");
    honest.sort_by(f64::total_cmp);
    let median = honest[honest.len() / 2];
    assert!(median > 0.0, "{text}");
    for kind in kinds {
        assert!(incentives(&outcome, kind).iter().all(|&share| share <= median / 10.0), "{kind}:\n{text}");
        let uid = outcome.summary.rows.iter().find(|row| row.role == kind).unwrap().uid;
        assert!(outcome.story.rejections.iter().any(|r| r.uid == uid), "{kind} has no reason:\n{text}");
    }
}

/// The report in a real browser: it renders its charts, and nothing of it fails to parse.
fn open_in_browser(report: &Path) {
    let Some(chromium) =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| works(name))
    else {
        println!("no Chromium found; the report was not opened in a browser");
        return;
    };
    let profile = tempfile::tempdir().unwrap();
    let picture = profile.path().join("report.png");
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", picture.display()))
        .args(["--window-size=1100,3000", "--virtual-time-budget=1000"])
        .arg(format!("file://{}", report.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(picture.metadata().unwrap().len() > 20_000, "the page is empty");
}

fn works(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
