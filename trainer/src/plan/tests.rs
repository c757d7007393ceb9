use super::*;

fn options(model: &str, name: &str) -> PlanOptions {
    PlanOptions {
        model: ModelConfig::preset(model, None).unwrap(),
        gpu: gpu(name).unwrap(),
        gpus: 1,
        batch_samples: 16,
        micro_batch: 16,
        inner_steps: 30,
        window_blocks: 115,
        put_blocks: 10,
        upload_mbit_s: 110.0,
        download_mbit_s: 500.0,
        peers: 20,
        top_k: 64,
    }
}

/// The table of floors: operations of a token counted in full, and milliseconds of a step of 32,768 tokens on
/// an H200 (74 and 369), which the estimate must come near.
#[test]
fn operations_and_times_are_those_of_the_floor_table() {
    for (model, gflops, floor_ms) in [("150m", 1.40, 74.0), ("1b", 7.24, 369.0)] {
        let plan = plan(&options(model, "h200")).unwrap();
        assert!((plan.flops_per_token / 1e9 - gflops).abs() < 0.02, "{model}: {}", plan.flops_per_token);
        let share = plan.step_s * 1e3 / floor_ms;
        assert!((0.85..1.15).contains(&share), "{model}: {} ms", plan.step_s * 1e3);
        assert_eq!(plan.refusals, []);
        assert!(plan.margin_s > 0.0 && plan.put_margin_s > 0.0);
    }
}

/// 150m: 182.2 M parameters. By hand: state 16 bytes each, 2.9 GB; activations of 32,768 tokens in 12 layers of
/// 2·(2·1024 + 2·1024 + 2·1024 + 2·2688) bytes, 9.0 GB; payload near 3.05 MB, 0.22 s at 110 Mbit/s.
#[test]
fn memory_and_payload_are_those_by_hand() {
    let plan = plan(&options("150m", "h200")).unwrap();
    assert!((plan.memory.state / 1e9 - 2.92).abs() < 0.01);
    assert!((plan.memory.activations / 1e9 - 9.06).abs() < 0.1, "{}", plan.memory.activations);
    assert!((plan.payload_bytes / 3.05e6 - 1.0).abs() < 0.03, "{}", plan.payload_bytes);
    assert!((plan.upload_s - 0.222).abs() < 0.01);
    assert!(plan.payload_bytes < plan.payload_bytes_max as f64);
}

#[test]
fn doomed_configurations_are_refused_with_what_would_help() {
    let reasons = |options: &PlanOptions| -> Vec<String> {
        plan(options).unwrap().refusals.iter().map(ToString::to_string).collect()
    };
    let large = reasons(&options("72b", "h200"));
    assert!(large[0].contains("take 1130 GB, a GPU has 141 GB"), "{large:?}");
    let tight = PlanOptions { micro_batch: 64, batch_samples: 64, ..options("1b", "a100-80") };
    let tight = reasons(&tight);
    assert!(tight[0].contains("use a micro-batch of "), "{tight:?}");
    let slow = PlanOptions { batch_samples: 2_000, ..options("1b", "rtx-3090") };
    let slow = PlanOptions { micro_batch: 1, ..slow };
    let reasons_slow = reasons(&slow);
    assert!(reasons_slow.iter().any(|reason| reason.contains("GPUs of this kind")), "{reasons_slow:?}");
    let thin = PlanOptions { upload_mbit_s: 0.1, download_mbit_s: 0.1, ..options("150m", "h200") };
    let thin = reasons(&thin);
    assert!(thin.iter().any(|r| r.contains("to upload")), "{thin:?}");
    assert!(thin.iter().any(|r| r.contains("to download")), "{thin:?}");
}

#[test]
fn as_many_gpus_as_the_refusal_names_are_enough() {
    let one = PlanOptions { batch_samples: 4_000, micro_batch: 4, ..options("1b", "h100") };
    let Some(Refusal::Window { gpus, .. }) = plan(&one).unwrap().refusals.pop() else { panic!("too slow") };
    let more = PlanOptions { gpus, ..one };
    assert!(gpus > 1);
    assert_eq!(plan(&more).unwrap().refusals, []);
}

#[test]
fn unknown_gpus_and_zeros_are_named() {
    let error = gpu("h1000").unwrap_err().to_string();
    assert!(error.contains("\"h1000\" is not known; choose one of b300, b200"), "{error}");
    let zero = PlanOptions { upload_mbit_s: 0.0, ..options("150m", "H200") };
    assert!(plan(&zero).unwrap_err().to_string().contains("upload_mbit_s is 0"));
}
