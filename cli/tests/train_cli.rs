//! Preparing data, training, evaluating, generating, planning and comparing as their users call them: results,
//! resumption after every kind of end, and every kind of bad input.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const FAILURE: i32 = 1;
const USAGE: i32 = 2;
const DATA: i32 = 3;
const STATE: i32 = 6;
const INTERRUPTED: i32 = 130;

/// How long a step of a test may take on a busy machine.
const PATIENCE_S: u64 = 120;

/// A model that trains in milliseconds.
const MODEL: &str = r#"{ "model_type": "llama", "vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "intermediate_size": 64,
    "max_position_embeddings": 32, "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": true }"#;

/// A folder with `config.json` and `text.jsonl`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.json"), MODEL).unwrap();
    let colour = |i: u32| ["red", "green", "blue"][i as usize % 3];
    let line = |i: u32| {
        let text = format!("the colour of number {i} is {}\n", colour(i)).repeat(4);
        serde_json::json!({ "text": text }).to_string() + "\n"
    };
    fs::write(dir.path().join("text.jsonl"), (0..400).map(line).collect::<String>()).unwrap();
    dir
}

fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sn3"));
    command.args(line.split_whitespace()).current_dir(dir).env("SN3_CACHE", dir.join("cache"));
    command
}

fn sn3(dir: &Path, line: &str) -> Output {
    command(dir, line).output().expect("the binary runs")
}

fn succeeds(dir: &Path, line: &str) -> String {
    let output = sn3(dir, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(dir: &Path, line: &str, code: i32, names: &str) {
    let output = sn3(dir, line);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error")).collect();
    assert!(errors.len() == 1 && errors[0].contains(names), "{line}: {stderr}");
}

/// The data of the last JSON line with this event.
fn event(stdout: &str, name: &str) -> Value {
    let mut lines = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.rfind(|line| line["event"] == name).unwrap_or_else(|| panic!("{name}: {stdout}"))["data"].take()
}

/// Starts a command, waits until `ready` says so, sends `signal`, and waits for the end.
fn interrupted(dir: &Path, line: &str, signal: &str, ready: impl Fn() -> bool) -> Output {
    let mut command = command(dir, line);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !ready() {
        assert!(begin.elapsed() < Duration::from_secs(PATIENCE_S), "{line}: nothing to interrupt");
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    child.wait_with_output().unwrap()
}

fn saved_step(out: &Path) -> u64 {
    let text = fs::read_to_string(out.join("checkpoints/latest.json")).unwrap_or_default();
    serde_json::from_str::<Value>(&text).ok().and_then(|list| list["step"].as_u64()).unwrap_or(0)
}

const TRAIN: &str = "train --model config.json --data text.jsonl --batch 4 --evaluate-samples 8 --threads 1";

fn digest(stdout: &str) -> &str {
    stdout.lines().find(|line| line.starts_with("state ")).expect("a digest is printed")
}

#[test]
fn training_that_is_killed_or_stopped_goes_on_to_the_same_digest() {
    let dir = folder();
    let straight = succeeds(dir.path(), &format!("{TRAIN} --lr 5e-3 --steps 300 --out straight"));
    let line = format!("{TRAIN} --lr 5e-3 --steps 300 --checkpoint-every 5 --out broken");
    let broken = dir.path().join("broken");
    interrupted(dir.path(), &line, "-KILL", || saved_step(&broken) >= 10);
    let killed = saved_step(&broken);
    let stopped = interrupted(dir.path(), &line, "-INT", || saved_step(&broken) >= killed + 10);
    let stderr = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(INTERRUPTED), "{stderr}");
    assert!(stderr.contains("the same command goes on from there"), "{stderr}");
    let done = succeeds(dir.path(), &line);
    assert_eq!(digest(&done), digest(&straight));
    let log = fs::read_to_string(broken.join("log.jsonl")).unwrap();
    let steps = log.lines().filter(|line| line.contains("\"lr\"")).count();
    assert_eq!(steps, 300, "every step is in the log once");
    let report = fs::read_to_string(broken.join("report.html")).unwrap();
    assert!(report.contains("300 of 300 steps, done"), "{report:.400}");
    let again = succeeds(dir.path(), &line);
    assert!(again.contains("all 300 steps were done before"), "{again}");
    assert_eq!(digest(&again), digest(&straight));
}

#[test]
fn a_trained_model_is_evaluated_and_generates() {
    let dir = folder();
    let report =
        succeeds(dir.path(), &format!("{TRAIN} --lr 5e-3 --steps 250 --evaluate-every 50 --out out --json"));
    let report = event(&report, "report");
    assert_eq!(
        (report["report"]["steps"].as_u64(), report["model"]["vocab"].as_u64()),
        (Some(250), Some(400))
    );
    let model = "out/checkpoints/step-00000250";
    let text = succeeds(dir.path(), &format!("eval {model} --data text.jsonl --limit 50 --json"));
    let text = &event(&text, "text")["report"];
    let (loss, perplexity) = (text["loss"].as_f64().unwrap(), text["perplexity"].as_f64().unwrap());
    assert!(loss < 2.0 && (perplexity.ln() - loss).abs() < 1e-9, "{text}");
    assert!(text["bits_per_byte"].as_f64().unwrap() < loss, "a token has several bytes: {text}");
    let question = |i: u32| {
        serde_json::json!({ "context": format!("the colour of number {i} is"), "choices": ["red", "purple"], "gold": 0 })
            .to_string()
    };
    fs::write(dir.path().join("q.jsonl"), (0..30).step_by(3).map(question).collect::<Vec<_>>().join("\n"))
        .unwrap();
    let choices = succeeds(dir.path(), &format!("eval {model} --questions q.jsonl --json"));
    let choices = &event(&choices, "choices")["report"];
    assert_eq!(
        (choices["questions"].as_u64(), choices["accuracy"].as_f64()),
        (Some(10), Some(1.0)),
        "{choices}"
    );
    let generate =
        |more: &str| succeeds(dir.path(), &format!("generate {model} --prompt the --tokens 40 {more}"));
    assert_eq!(generate("--seed 1"), generate("--seed 1"));
    assert_ne!(generate("--seed 1 --temperature 2"), generate("--seed 2 --temperature 2"));
    let greedy = generate("--temperature 0");
    assert_eq!(greedy, generate("--top-k 1"));
    assert!(greedy.contains("colour of number"), "{greedy}");
    let json =
        succeeds(dir.path(), &format!("generate {model} --prompt the --tokens 40 --temperature 0 --json"));
    let text = event(&json, "generated")["text"].as_str().unwrap().to_owned();
    assert_eq!(format!("the{text}\n"), greedy);
}

#[test]
fn training_with_bad_input_says_so_and_leaves_nothing_half_written() {
    let dir = folder();
    let at = dir.path();
    fails(at, "train --model 13b", USAGE, "\"13b\" is no preset (nano,");
    fails(at, "train --model 72b", USAGE, "weights, gradients and moments of 72b take 1130 GB");
    fails(at, "train --data nowhere.txt", DATA, "nowhere.txt");
    fs::write(at.join("empty.txt"), "").unwrap();
    fails(at, "train --data empty.txt", DATA, "empty.txt");
    fails(at, &format!("{TRAIN} --lr nan"), USAGE, "peak_lr");
    fails(at, &format!("{TRAIN} --vocab 500 --seq-len 64"), USAGE, "the tokenizer has");
    fails(at, &format!("{TRAIN} --seq-len 64"), USAGE, "longer than the model's context of 32");
    fails(at, &format!("{TRAIN} --out text.jsonl/out"), DATA, "text.jsonl/out");
    fails(at, &format!("{TRAIN} --out /proc/sn3"), DATA, "/proc/sn3");
    fails(at, &format!("{TRAIN} --tokenizer config.json"), DATA, "tokenizer.json");
    fails(at, &format!("{TRAIN} --lr 1e30 --warmup 0 --out wild"), FAILURE, "not finite");
    assert!(!at.join("wild/checkpoints").exists() && !at.join("wild/report.html").exists());
    fs::write(at.join("bad.json"), MODEL.replace("\"llama\"", "\"gpt2\"")).unwrap();
    fails(at, "train --model bad.json", STATE, "model_type is gpt2");
    succeeds(at, &format!("{TRAIN} --steps 4 --out out"));
    fails(at, &format!("{TRAIN} --steps 9 --out out --seed 8"), USAGE, "belongs to another set of");
    let weights = at.join("out/checkpoints/step-00000004/model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    fails(at, &format!("{TRAIN} --steps 4 --out out"), STATE, "model.safetensors");
    fails(at, "eval out/checkpoints/step-00000004 --data text.jsonl", STATE, "model.safetensors");
    let mut poisoned = whole.clone();
    let end = poisoned.len();
    poisoned[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, &poisoned).unwrap();
    fails(at, "generate out/checkpoints/step-00000004", STATE, "not finite at position");
    fs::write(at.join("out/checkpoints/latest.json"), "{").unwrap();
    fails(at, &format!("{TRAIN} --steps 4 --out out"), STATE, "latest.json");
}

#[test]
fn evaluation_and_generation_with_bad_input_say_so() {
    let dir = folder();
    let at = dir.path();
    succeeds(at, &format!("{TRAIN} --steps 2 --out out"));
    let model = "out/checkpoints/step-00000002";
    fails(at, "eval nowhere", DATA, "nowhere is no folder with a model");
    fails(at, "eval out", DATA, "config.json");
    fails(at, &format!("eval {model} --data nowhere"), DATA, "nowhere");
    fs::write(at.join("q.jsonl"), "{\"question\":1}\n").unwrap();
    fails(at, &format!("eval {model} --questions q.jsonl"), DATA, "q.jsonl\" line 1");
    fails(at, &format!("generate {model} --temperature -1"), USAGE, "temperature -1");
    fails(at, &format!("generate {model} --top-p 0"), USAGE, "top-p 0");
    fs::remove_file(at.join(model).join("tokenizer.json")).unwrap();
    fails(at, &format!("generate {model}"), DATA, "has no tokenizer.json");
}

#[test]
fn data_is_prepared_once_checked_and_trained_on() {
    let dir = folder();
    let at = dir.path();
    let prepare =
        "data prepare text.jsonl --out shards --vocab 400 --seq-len 32 --heldout 0.1 --shard-samples 64";
    let prepared = event(&succeeds(at, &format!("{prepare} --json")), "prepared");
    let samples = prepared["dataset"]["train_samples"].as_u64().unwrap();
    assert!(samples > 200, "{prepared}");
    assert_eq!(event(&succeeds(at, &format!("{prepare} --json --threads 1")), "prepared"), prepared);
    let info = event(&succeeds(at, "data info shards --verify --show 3 --json"), "data");
    assert!(info["verified"] == true && info["sample"].as_str().unwrap().contains("colour"), "{info}");
    let foreign =
        succeeds(at, "data info shards/train_000000.npy shards/train_000001.npy --seq-len 32 --vocab 400");
    assert!(foreign.starts_with("2 shards: 128 samples of 32 tokens"), "{foreign}");
    let train = "train --model config.json --data shards --batch 4 --steps 3 --out out --json";
    let report = event(&succeeds(at, train), "report");
    assert_eq!(report["train_samples"].as_u64(), Some(samples));
    let loss = event(&succeeds(at, "eval out/checkpoints/step-00000003 --data shards --json"), "text");
    assert_eq!(loss["report"]["pieces"], prepared["dataset"]["heldout_samples"]);
    fails(at, &format!("{prepare} --seed 9"), USAGE, "holds another dataset");
    fails(at, "train --data shards --vocab 500", USAGE, "prepared with its own tokenizer");
    fails(at, "train --data shards --seq-len 64", USAGE, "samples of 32 tokens, not 64");
    fs::write(at.join("small.json"), MODEL.replace("400", "300")).unwrap();
    fails(at, "train --data shards --model small.json", USAGE, "the model 300 only");
    let shard = at.join("shards/train_000001.npy");
    let mut bytes = fs::read(&shard).unwrap();
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&[0xff, 0xff]);
    fs::write(&shard, &bytes).unwrap();
    fails(at, "data info shards --verify", DATA, "train_000001.npy\" sample 63 has token 65535");
    fs::write(&shard, &bytes[..end - 7]).unwrap();
    fails(at, "data info shards", DATA, "train_000001.npy");
}

/// Everything in a folder, by name.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_preparation_that_is_killed_goes_on_to_the_same_bytes() {
    let dir = folder();
    let text = |i: u32| format!("line {i} has {} and {}\n", i % 1000 * 7919 % 1000, i % 997 * 104 % 997);
    fs::write(dir.path().join("long.txt"), (0..100_000).map(text).collect::<String>()).unwrap();
    let line = "data prepare long.txt text.jsonl --vocab 300 --seq-len 64 --out";
    let (whole, broken) = (dir.path().join("whole"), dir.path().join("broken"));
    succeeds(dir.path(), &format!("{line} whole"));
    let killed = interrupted(dir.path(), &format!("{line} broken"), "-KILL", || {
        let begun = broken.join("work/begun.json").exists();
        if begun {
            fails(dir.path(), &format!("{line} broken"), USAGE, "broken\" is being prepared by process ");
        }
        begun
    });
    assert!(!killed.status.success() && !broken.join("dataset.json").exists(), "it was killed in time");
    fails(
        dir.path(),
        "train --data broken --model config.json",
        DATA,
        "broken is the beginning of a preparation",
    );
    succeeds(dir.path(), &format!("{line} broken --threads 1"));
    assert_eq!(contents(&broken), contents(&whole));
}

#[test]
fn data_with_bad_input_says_so_and_leaves_nothing() {
    let dir = folder();
    let at = dir.path();
    fails(at, "data prepare nowhere --out shards", DATA, "nowhere");
    fs::write(at.join("bad.jsonl"), "{\"text\":\"good\"}\n{\"body\":1}\n").unwrap();
    fails(
        at,
        "data prepare bad.jsonl --out shards --vocab 300",
        DATA,
        "bad.jsonl\" line 2: no field \"text\"",
    );
    fs::write(at.join("empty.txt"), "").unwrap();
    fails(at, "data prepare empty.txt --out shards", DATA, "empty.txt");
    fs::write(at.join("short.txt"), "a few words").unwrap();
    fails(at, "data prepare short.txt --out shards --vocab 300", DATA, "less than one sample of 2048");
    fails(at, "data prepare text.jsonl --out shards --heldout 1.5", USAGE, "heldout");
    assert!(!at.join("shards").exists());
    fails(at, "data prepare text.jsonl --out text.jsonl/x --vocab 300", DATA, "text.jsonl");
    fails(at, "data info nowhere", DATA, "nowhere");
    fs::write(at.join("tokens.bin"), [0u8; 64]).unwrap();
    fails(at, "data info tokens.bin --seq-len 8", USAGE, "name u16 or u32");
    assert!(succeeds(at, "data info tokens.bin --seq-len 8 --bin u16").starts_with("1 shards: 4 samples"));
}

#[test]
fn plans_are_made_and_doomed_ones_refused() {
    let dir = folder();
    let at = dir.path();
    let plan = event(&succeeds(at, "plan --model 150m --batch 192 --json"), "plan");
    assert_eq!(plan["plan"]["parameters"].as_u64(), Some(182_215_680));
    assert!(plan["plan"]["margin_s"].as_f64().unwrap() > 0.0, "{plan}");
    assert!(succeeds(at, "plan --model config.json").contains("left over"));
    assert!(succeeds(at, "plan --list").contains("h200"));
    fails(at, "plan --model 72b", USAGE, "weights, gradients and moments take");
    fails(at, "plan --model 150m --upload-mbit-s 0.01", USAGE, "to upload");
    fails(at, "plan --gpu h1000", USAGE, "\"h1000\" is not known; choose one of");
    fails(at, "plan --gpus 0", USAGE, "gpus is 0");
    succeeds(
        at,
        "plan --model 150m --gpu mine --gpu-memory-gb 100 --gpu-bandwidth-gb-s 4000 --gpu-tflops 900",
    );
}

#[test]
fn a_comparison_keeps_the_runs_that_are_done() {
    let dir = folder();
    let at = dir.path();
    let bench = "bench convergence --model config.json --data text.jsonl --tokens 8k --batch 8 --evaluations 4 --evaluate-samples 8 --threads 1 --out out";
    let two = format!("{bench} --arm sparseloco:2:5 --arm adamw:2");
    let first = succeeds(at, &format!("{two} --seeds 1 --json"));
    let comparison = event(&first, "convergence")["comparison"].take();
    assert_eq!(comparison.as_array().unwrap().len(), 2);
    assert_eq!(
        (&comparison[1]["above_adamw"], &comparison[0]["seeds"]),
        (&Value::from(0.0), &Value::from(1))
    );
    assert!(comparison[0]["fewer_bytes"].as_f64().unwrap() > 20.0, "{comparison}");
    let again = sn3(at, &format!("{two} --seeds 1"));
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && stderr.contains("0 runs to do, 2 done before"), "{stderr}");
    let more = succeeds(at, &format!("{two} --arm diloco:2:5 --seeds 1,2 --json"));
    assert_eq!(more.lines().filter(|line| line.contains("\"event\":\"run\"")).count(), 4, "{more}");
    let results: Value = serde_json::from_slice(&fs::read(at.join("out/results.json")).unwrap()).unwrap();
    assert_eq!(results["report"]["runs"].as_array().unwrap().len(), 6);
    let page = fs::read_to_string(at.join("out/report.html")).unwrap();
    assert!(page.contains("Loss by tokens") && page.contains("SparseLoCo 2 × H5"));
    fails(at, &format!("{two} --lr 0.1"), USAGE, "another peak_lr");
    fails(at, &format!("{bench} --arm sparseloco:3:5"), USAGE, "cannot be shared by 3 peers");
    fails(
        at,
        &bench.replace("--evaluations 4", "--evaluations 900"),
        USAGE,
        "fewer than the 900 evaluations",
    );
    fs::write(at.join("out/results.json"), "[]").unwrap();
    fails(at, &two, STATE, "results.json is damaged");
}

#[test]
fn a_comparison_that_is_stopped_goes_on_with_the_runs_that_are_missing() {
    let dir = folder();
    let at = dir.path();
    let bench = "bench convergence --model config.json --data text.jsonl --tokens 200k --batch 8 --evaluations 4 --evaluate-samples 8 --threads 1 --out out --arm adamw --seeds 1,2,3";
    let stopped = interrupted(at, bench, "-INT", || at.join("out/results.json").exists());
    let stderr = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(INTERRUPTED), "{stderr}");
    assert!(stderr.contains("of 3 runs done; the same command does the others"), "{stderr}");
    let rest = sn3(at, bench);
    let stderr = String::from_utf8_lossy(&rest.stderr);
    assert!(rest.status.success() && !stderr.contains("0 done before"), "{stderr}");
    let results: Value = serde_json::from_slice(&fs::read(at.join("out/results.json")).unwrap()).unwrap();
    assert_eq!(results["report"]["runs"].as_array().unwrap().len(), 3);
}

/// Whether it was built without the feature, or with it and there is no driver: the reason and a remedy are said.
#[test]
fn a_gpu_that_is_not_there_is_refused_before_anything_is_prepared() {
    let dir = folder();
    if Path::new("/dev/nvidia0").exists() {
        return;
    }
    let roles = [
        TRAIN,
        "bench convergence",
        "eval nowhere",
        "generate nowhere",
        "localnet",
        "miner run --store a --state b",
        "validator run --store a --state b",
    ];
    for line in roles.map(|role| format!("{role} --device cuda")) {
        fails(dir.path(), &line, USAGE, "no usable GPU: ");
    }
    let made = ["cache", "sn3-train", "sn3-localnet", "a", "b"];
    assert!(!made.iter().any(|name| dir.path().join(name).exists()));
}
