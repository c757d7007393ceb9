use super::*;

fn config() -> RunConfig {
    RunConfig {
        run: RunId::new("test-run").unwrap(),
        netuid: NetUid(3),
        seed: 11,
        blocks_per_window: 10,
        put_blocks: 3,
        record_blocks: 4,
        inner_steps: 5,
        batch_samples: 8,
        micro_batch: 4,
        model: ModelConfig::preset("nano", Some(512)).unwrap(),
        sparse: SparseConfig::default(),
        inner: InnerSchedule::Main {
            peak_lr: 1e-3,
            warmup_steps: 10,
            cosine_steps: 100,
            floor_factor: 0.1,
            flat: None,
        },
        outer: OuterSchedule::constant(0.9),
        adam: AdamConfig::default(),
        gauntlet: GauntletConfig::small(),
        tokenizer: Digest::of(b"tokenizer"),
        dataset: Digest::of(b"dataset"),
        initial_state: Digest::of(b"state"),
        start_window: Window(2),
        end_window: Some(Window(9)),
    }
}

#[test]
fn json_round_trips_and_keeps_the_digest() {
    let config = config();
    let again = RunConfig::from_json(&config.to_json()).unwrap();
    assert_eq!(again, config);
    assert_eq!(again.digest(), config.digest());
}

#[test]
fn every_number_is_in_the_digest() {
    let mut other = config();
    other.gauntlet.bma.alpha = 0.21;
    assert_ne!(other.digest(), config().digest());
}

#[test]
fn unknown_fields_are_refused() {
    let mut value: serde_json::Value = serde_json::from_slice(&config().to_json()).unwrap();
    value["gauntlet"]["surprise"] = 1.into();
    let bytes = serde_json::to_vec(&value).unwrap();
    assert!(matches!(RunConfig::from_json(&bytes), Err(RunConfigError::Json { .. })));
}

#[test]
fn a_text_that_is_too_long_is_refused_before_it_is_read() {
    let bytes = vec![b' '; RunConfig::BYTES_MAX + 1];
    assert!(matches!(RunConfig::from_json(&bytes), Err(RunConfigError::TooLong(_))));
}

type Spoil = fn(&mut RunConfig);

#[test]
fn numbers_out_of_range_are_named() {
    let fields: [(&str, Spoil); 8] = [
        ("blocks_per_window", |c| c.blocks_per_window = 1),
        ("put_blocks", |c| c.put_blocks = 10),
        ("record_blocks", |c| c.record_blocks = 0),
        ("end_window", |c| c.end_window = Some(Window(1))),
        ("inner_steps * batch_samples", |c| c.inner_steps = 0),
        ("micro_batch", |c| c.micro_batch = 3),
        ("adam.beta1", |c| c.adam.beta1 = f32::NAN),
        ("gauntlet.weights.burn_rate", |c| c.gauntlet.weights.burn_rate = 1.5),
    ];
    for (name, spoil) in fields {
        let mut config = config();
        spoil(&mut config);
        let error = config.check().unwrap_err();
        assert!(matches!(error, RunConfigError::Field { field, .. } if field == name), "{error}");
    }
}

#[test]
fn the_clock_of_a_window() {
    let config = config();
    assert_eq!(config.first_block(Window(4)), BlockNumber(40));
    assert_eq!(config.deadline_block(Window(4)), BlockNumber(53));
    assert_eq!(config.round(Window(4)), 2);
    assert_eq!(config.first_inner_step(Window(4)), 10);
    assert!(!config.contains(Window(1)) && config.contains(Window(9)) && !config.contains(Window(10)));
}

#[test]
fn both_sets_of_constants_are_in_their_ranges() {
    assert_eq!(GauntletConfig::default().fault(), None);
    assert_eq!(GauntletConfig::small().fault(), None);
}
