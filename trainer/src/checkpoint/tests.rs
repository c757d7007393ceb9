use std::path::Path;

use sn3_protocol::ChunkRule;
use sn3_protocol::model::ModelConfig;

use super::export::export_sharded;
use super::*;
use crate::data::Corpus;
use crate::init::initial_state;
use crate::tests::{tiny, untied};
use crate::tokenizer::Tokenizer;

fn tokenizer() -> Tokenizer {
    Tokenizer::train(&Corpus::from_texts(["some text to train on".to_owned()]).unwrap(), 300).unwrap()
}

fn import_error(dir: &Path) -> String {
    import_hf(dir).unwrap_err().to_string()
}

fn edit_json(path: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    std::fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn an_export_comes_back_whole_in_one_file_or_shards() {
    for config in [tiny(), untied()] {
        let dir = tempfile::tempdir().unwrap();
        let (state, tokenizer) = (initial_state(&config, 4).unwrap(), tokenizer());
        for (name, shard_bytes) in [("tiny", SHARD_BYTES_MAX), ("shards", 10_000)] {
            let folder = dir.path().join(name);
            export_sharded(&folder, &config, &state, Some(&tokenizer), shard_bytes).unwrap();
            let imported = import_hf(&folder).unwrap();
            assert_eq!(imported.config, ModelConfig { name: name.to_owned(), ..config.clone() });
            assert_eq!(imported.state, state);
            assert_eq!(imported.tokenizer.unwrap().digest(), tokenizer.digest());
            assert_eq!(folder.join(SINGLE).exists(), shard_bytes == SHARD_BYTES_MAX);
            assert_eq!(folder.join(INDEX).exists(), shard_bytes != SHARD_BYTES_MAX);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary folder remains");
    }
}

#[test]
fn an_export_replaces_an_older_one_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    let (first, second) = (initial_state(&tiny(), 1).unwrap(), initial_state(&tiny(), 2).unwrap());
    export_hf(&folder, &tiny(), &first, None).unwrap();
    export_hf(&folder, &tiny(), &second, None).unwrap();
    assert_eq!(import_hf(&folder).unwrap().state, second);
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("thesis"), "years of work").unwrap();
    assert!(matches!(export_hf(&home, &tiny(), &first, None), Err(ExportError::Occupied { .. })));
    assert!(home.join("thesis").exists());
    assert!(matches!(export_hf(&folder, &untied(), &first, None), Err(ExportError::State(_))));
}

#[test]
fn half_precision_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    let config = tiny();
    let state: Vec<f32> =
        initial_state(&config, 3).unwrap().iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect();
    export_hf(&folder, &config, &state, None).unwrap();
    let layout = config.layout(ChunkRule::default()).unwrap();
    let bytes: Vec<Vec<u8>> = (0..layout.tensors().len())
        .map(|i| state[layout.range(i)].iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect())
        .collect();
    let views = layout.tensors().iter().zip(&bytes).map(|(tensor, bytes)| {
        let shape = tensor.shape.iter().map(|&n| n as usize).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, shape, bytes).unwrap();
        (tensor.name.clone(), view)
    });
    safetensors::serialize_to_file(views, None, &folder.join(SINGLE)).unwrap();
    assert_eq!(import_hf(&folder).unwrap().state, state);
}

#[test]
fn every_wrong_tensor_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    let state = initial_state(&tiny(), 1).unwrap();
    export_hf(&folder, &tiny(), &state, None).unwrap();
    let config = folder.join(CONFIG);
    let fresh = std::fs::read(&config).unwrap();
    let with = |field: &str, value: serde_json::Value| {
        std::fs::write(&config, &fresh).unwrap();
        edit_json(&config, |json| json[field] = value);
        import_error(&folder)
    };
    let missing = with("num_hidden_layers", 3.into());
    assert!(missing.starts_with("tensor \"model.layers.2.input_layernorm.weight\" is missing"), "{missing}");
    let extra = with("num_hidden_layers", 1.into());
    assert!(extra.contains("model.layers.1.") && extra.contains("belongs to no tensor"), "{extra}");
    let shape = with("vocab_size", 68.into());
    assert!(shape.contains("has shape [67, 32], its config.json asks for [68, 32]"), "{shape}");
    let untied = with("tie_word_embeddings", false.into());
    assert!(untied.starts_with("tensor \"lm_head.weight\" is missing"), "{untied}");
    let kind = with("model_type", "mixtral".into());
    assert!(kind.contains("model_type is mixtral"), "{kind}");
    let scaled = with("rope_scaling", serde_json::json!({ "factor": 8.0 }));
    assert!(scaled.contains("rope_scaling is"), "{scaled}");
    let half = with("rope_parameters", serde_json::json!({ "rope_type": "llama3", "rope_theta": 1e4 }));
    assert!(half.contains("factor of rope_scaling is missing"), "{half}");
    let wild = serde_json::json!({ "rope_type": "llama3", "rope_theta": 1e4, "factor": 0.1, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64 });
    let wild = with("rope_parameters", wild);
    assert!(wild.contains("rope_scaling.factor is 0.1"), "{wild}");
    std::fs::write(&config, &fresh).unwrap();
    edit_json(&config, |json| {
        json.as_object_mut().unwrap().retain(|key, _| !key.starts_with("rope_"));
    });
    assert!(import_error(&folder).contains("rope_theta is missing"));
}

#[test]
fn damaged_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    let mut state = initial_state(&tiny(), 1).unwrap();
    export_sharded(&folder, &tiny(), &state, None, 10_000).unwrap();
    edit_json(&folder.join(INDEX), |json| {
        json["weight_map"]["model.norm.weight"] = "../../etc/passwd".into()
    });
    assert!(import_error(&folder).contains("it names the file \"../../etc/passwd\""));
    std::fs::remove_file(folder.join(INDEX)).unwrap();
    assert!(import_error(&folder).contains("model.safetensors\" cannot be read"));
    export_hf(&folder, &tiny(), &state, None).unwrap();
    let whole = std::fs::read(folder.join(SINGLE)).unwrap();
    std::fs::write(folder.join(SINGLE), &whole[..whole.len() - 1]).unwrap();
    assert!(import_error(&folder).contains("is no intact safetensors file"));
    let last = whole.len() - 4;
    std::fs::write(folder.join(SINGLE), [&whole[..last], &f32::NAN.to_le_bytes()].concat()).unwrap();
    assert!(import_error(&folder).contains("a value that is not finite"));
    state[0] = f32::INFINITY;
    assert!(matches!(export_hf(&folder, &tiny(), &state, None), Err(ExportError::State(_))));
}
