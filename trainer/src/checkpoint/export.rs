//! Writing a Hugging Face folder, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sn3_protocol::model::{ModelConfig, ModelConfigError};
use sn3_protocol::{ChunkRule, Layout};

use super::{CONFIG, GENERATION_CONFIG, INDEX, SINGLE, TOKENIZER, TOKENIZER_CONFIG, config};
use crate::files;
use crate::tokenizer::Tokenizer;
use crate::train::{StateError, check_values};

/// Most bytes of tensors in one file.
pub const SHARD_BYTES_MAX: u64 = 2 << 30;
/// Values converted at a time.
const BUFFER_VALUES: usize = 1 << 16;

/// Why no model was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The configuration is no model.
    #[error(transparent)]
    Config(#[from] ModelConfigError),
    /// The state is not one of this model.
    #[error(transparent)]
    State(#[from] StateError),
    /// The folder is there and is no model.
    #[error("{path:?} exists and is no exported model; choose another folder")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// Writing failed; nothing of this export remains.
    #[error(
        "the model was not exported to {path:?} ({source}); free space or correct the rights of its folder"
    )]
    Write {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Exports a model state (in the order of the layout) as the Hugging Face folder `dir`.
///
/// The folder is written beside and renamed, so that a reader never sees half of it; a model exported there
/// before is replaced, anything else is left alone.
///
/// # Errors
/// If the state is not the model's, `dir` holds something else, or writing fails.
pub fn export_hf(
    dir: &Path,
    config: &ModelConfig,
    state: &[f32],
    tokenizer: Option<&Tokenizer>,
) -> Result<(), ExportError> {
    export_sharded(dir, config, state, tokenizer, SHARD_BYTES_MAX)
}

/// As [`export_hf`], with another size of shards.
pub(super) fn export_sharded(
    dir: &Path,
    config: &ModelConfig,
    state: &[f32],
    tokenizer: Option<&Tokenizer>,
    shard_bytes_max: u64,
) -> Result<(), ExportError> {
    let layout = config.layout(ChunkRule::default())?;
    check_values("the state", state, layout.parameters())?;
    if dir.exists() && !dir.join(CONFIG).is_file() && fs::read_dir(dir).is_ok_and(|mut d| d.next().is_some())
    {
        return Err(ExportError::Occupied { path: dir.to_owned() });
    }
    let temporary = files::temporary_beside(dir);
    let written = fs::create_dir_all(&temporary)
        .and_then(|()| write_files(&temporary, config, &layout, state, tokenizer, shard_bytes_max))
        .and_then(|()| replace(&temporary, dir));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_dir_all(&temporary);
    }
    written.map_err(|source| ExportError::Write { path: dir.to_owned(), source })
}

/// Puts the finished folder in the place of the old one.
fn replace(finished: &Path, dir: &Path) -> io::Result<()> {
    files::sync_folder(finished)?;
    let old = files::temporary_beside(dir);
    let replaced = dir.exists();
    if replaced {
        fs::rename(dir, &old)?;
    }
    fs::rename(finished, dir)?;
    files::sync_folder(files::parent(dir))?;
    if replaced { fs::remove_dir_all(&old) } else { Ok(()) }
}

fn write_files(
    dir: &Path,
    config: &ModelConfig,
    layout: &Layout,
    state: &[f32],
    tokenizer: Option<&Tokenizer>,
    shard_bytes_max: u64,
) -> io::Result<()> {
    let eos = tokenizer.map(Tokenizer::eos);
    write_tensors(dir, layout, state, shard_bytes_max)?;
    write_json(&dir.join(CONFIG), &config::to_json(config, eos))?;
    write_json(&dir.join(GENERATION_CONFIG), &json!({ "eos_token_id": eos, "bos_token_id": eos }))?;
    let Some(tokenizer) = tokenizer else { return Ok(()) };
    files::write_atomic(&dir.join(TOKENIZER), tokenizer.json())?;
    let eos_text = tokenizer.token(tokenizer.eos());
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.context,
        "eos_token": eos_text,
        "bos_token": eos_text,
        "clean_up_tokenization_spaces": false,
    });
    write_json(&dir.join(TOKENIZER_CONFIG), &settings)
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
    text.push(b'\n');
    files::write_atomic(path, &text)
}

fn write_tensors(dir: &Path, layout: &Layout, state: &[f32], shard_bytes_max: u64) -> io::Result<()> {
    let shards = shards(layout, shard_bytes_max);
    if shards.len() == 1 {
        return write_shard(&dir.join(SINGLE), layout, state, shards[0].clone());
    }
    let mut files_of = BTreeMap::new();
    for (number, shard) in shards.iter().enumerate() {
        let file = format!("model-{:05}-of-{:05}.safetensors", number + 1, shards.len());
        write_shard(&dir.join(&file), layout, state, shard.clone())?;
        files_of.extend(shard.clone().map(|index| (layout.tensors()[index].name.clone(), file.clone())));
    }
    let index = json!({ "metadata": { "total_size": 4 * state.len() }, "weight_map": files_of });
    write_json(&dir.join(INDEX), &index)
}

/// Runs of tensors whose bytes stay within the bound; a larger tensor is a run of its own.
fn shards(layout: &Layout, bytes_max: u64) -> Vec<Range<usize>> {
    let (mut shards, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let more = 4 * tensor.len() as u64;
        if bytes > 0 && bytes + more > bytes_max {
            shards.push(begin..index);
            (begin, bytes) = (index, 0);
        }
        bytes += more;
    }
    shards.push(begin..layout.tensors().len());
    shards
}

/// One safetensors file: length of the header, the header (JSON, padded to 8), the values.
fn write_shard(path: &Path, layout: &Layout, state: &[f32], tensors: Range<usize>) -> io::Result<()> {
    let first = layout.range(tensors.start).start;
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    for index in tensors.clone() {
        let (tensor, range) = (&layout.tensors()[index], layout.range(index));
        let offsets = [4 * (range.start - first), 4 * (range.end - first)];
        let entry = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": offsets });
        header.insert(tensor.name.clone(), entry);
    }
    let mut header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let values = &state[first..layout.range(tensors.end - 1).end];
    files::write_atomic_with(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        write_values(file, values)
    })
}

fn write_values(file: &mut io::BufWriter<File>, values: &[f32]) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(4 * BUFFER_VALUES);
    for part in values.chunks(BUFFER_VALUES) {
        buffer.clear();
        buffer.extend(part.iter().flat_map(|value| value.to_le_bytes()));
        file.write_all(&buffer)?;
    }
    Ok(())
}
