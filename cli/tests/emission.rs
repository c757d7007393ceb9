//! The simulator as its users call it: results, digests, resumption, and every kind of bad input.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const USAGE: i32 = 2;
const DATA: i32 = 3;
const STATE: i32 = 6;
const INTERRUPTED: i32 = 130;

const SMALL: &str = r#"
name = "small"
blocks = 240
[[subnets]]
netuid = 1
hyperparameters = { tempo = 40, commit_reveal_enabled = false, weights_rate_limit_blocks = 0 }
[[subnets.validators]]
name = "honest"
count = 3
stake = 1000
[[subnets.miners]]
name = "good"
count = 4
"#;

fn sn3(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sn3"));
    command.arg("emission").args(args).current_dir(dir).output().expect("the binary runs")
}

fn succeeds(dir: &Path, args: &[&str]) -> String {
    let output = sn3(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(dir: &Path, args: &[&str], code: i32, names: &str) {
    let output = sn3(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert!(
        stderr.lines().any(|line| line.starts_with("error") && line.contains(names)),
        "{args:?}: {stderr}"
    );
    assert!(output.stdout.is_empty(), "{args:?} printed a result");
}

fn digest(text: &str) -> &str {
    text.lines().find(|line| line.starts_with("digest")).expect("a digest is printed")
}

#[test]
fn the_example_runs_and_its_digest_does_not_depend_on_threads() {
    let dir = tempfile::tempdir().unwrap();
    succeeds(dir.path(), &["new", "example.toml"]);
    fails(dir.path(), &["new", "example.toml"], USAGE, "exists already");
    let one = succeeds(dir.path(), &["run", "example.toml", "--threads", "1", "--out", "a"]);
    for threads in ["2", "7"] {
        let other = succeeds(dir.path(), &["run", "example.toml", "--threads", threads, "--out", "b"]);
        assert_eq!(digest(&one), digest(&other), "{threads} threads");
    }
    for file in ["report.html", "summary.json", "subnets.csv", "subnets.parquet", "groups.json"] {
        assert!(dir.path().join("a").join(file).metadata().unwrap().len() > 100, "{file}");
    }
}

#[test]
#[cfg(unix)]
fn a_run_that_is_interrupted_goes_on_to_the_same_digest() {
    let dir = tempfile::tempdir().unwrap();
    let long = SMALL.replace("blocks = 240", "blocks = 150000");
    std::fs::write(dir.path().join("long.toml"), long).unwrap();
    let straight = succeeds(dir.path(), &["run", "long.toml", "--out", "straight"]);
    let args = ["emission", "run", "long.toml", "--out", "parts", "--state", "state"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_sn3"))
        .args(args)
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(400));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    assert!(code == Some(INTERRUPTED) || code == Some(0), "{code:?}");
    assert!(code == Some(0) || dir.path().join("state").is_file(), "the state was saved");
    let resumed = succeeds(dir.path(), &["run", "long.toml", "--out", "parts", "--state", "state"]);
    assert_eq!(digest(&straight), digest(&resumed));
}

#[test]
fn states_that_do_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small.toml"), SMALL).unwrap();
    std::fs::write(dir.path().join("state"), b"SN3SIM\n\0 and nonsense").unwrap();
    fails(dir.path(), &["run", "small.toml", "--state", "state"], STATE, "state");
}

#[test]
fn scenarios_that_cannot_be_run() {
    let dir = tempfile::tempdir().unwrap();
    fails(dir.path(), &["run", "nowhere.toml"], DATA, "nowhere.toml");
    let wrong = [
        ("count = 3", "cuont = 3", "did you mean `count`"),
        ("stake = 1000", "stake = nan", "NaN"),
        ("stake = 1000", "stake = -1", "-1"),
        ("stake = 1000", "stake = 30000000", "supply"),
        ("blocks = 240", "blocks = -240", "-240"),
        ("blocks = 240", "blocks = 240\nspec = 999", "999"),
        ("name = \"good\"", "name = \"honest\"", "honest"),
    ];
    for (right, wrong, names) in wrong {
        std::fs::write(dir.path().join("wrong.toml"), SMALL.replace(right, wrong)).unwrap();
        fails(dir.path(), &["run", "wrong.toml"], USAGE, names);
        assert!(!dir.path().join("sn3-emission").exists(), "{names}: output of a run that was refused");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small.toml"), SMALL).unwrap();
    fails(dir.path(), &["run", "small.toml", "--out", "small.toml/below"], DATA, "small.toml");
}

#[test]
fn studies_leave_a_report_each() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small.toml"), SMALL).unwrap();
    let kappa = "subnets.0.hyperparameters.kappa=20000..40000:3";
    let sweep =
        succeeds(dir.path(), &["sweep", "small.toml", "--param", kappa, "--seeds", "2", "--out", "sweep"]);
    assert!(sweep.contains("6 runs"), "{sweep}");
    succeeds(dir.path(), &["diff", "small.toml", "--spec", "439", "440", "--out", "diff"]);
    let attacks = succeeds(dir.path(), &["attacks", "self-weight", "--blocks", "720", "--out", "attacks"]);
    assert!(attacks.contains("self-weight"), "{attacks}");
    for study in ["sweep", "diff", "attacks"] {
        assert!(dir.path().join(study).join("report.html").is_file(), "{study}");
    }
    fails(dir.path(), &["attacks", "self-wait"], USAGE, "self-weight");
    fails(dir.path(), &["sweep", "small.toml", "--param", "blocks"], USAGE, "blocks");
    fails(dir.path(), &["diff", "small.toml", "--spec", "439", "7"], USAGE, "7");
}

#[test]
fn rules_and_explanations() {
    let dir = tempfile::tempdir().unwrap();
    let changed = succeeds(dir.path(), &["rules", "440", "--against", "439"]);
    assert!(changed.contains("tao shares"), "{changed}");
    fails(dir.path(), &["rules", "12"], USAGE, "nearest");
    let explain =
        |name: &str| Command::new(env!("CARGO_BIN_EXE_sn3")).args(["explain", name]).output().unwrap();
    assert!(String::from_utf8(explain("DuplicateUids").stdout).unwrap().contains("two weights"));
    assert_eq!(explain("NoSuchThing").status.code(), Some(USAGE));
}
