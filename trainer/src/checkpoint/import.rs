//! Reading a Hugging Face folder; nothing in it is trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::{ChunkRule, Layout};

use super::{CONFIG, INDEX, JSON_BYTES_MAX, SINGLE, TOKENIZER, config};
use crate::files;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Most shards that an index may name.
const SHARDS_MAX: usize = 4096;

/// A model read from a folder.
#[derive(Debug)]
pub struct Imported {
    /// Its architecture; the name is the folder's.
    pub config: ModelConfig,
    /// Its parameters in the order of the layout.
    pub state: Vec<f32>,
    /// Its tokenizer, where the folder has one.
    pub tokenizer: Option<Tokenizer>,
}

/// Why a folder was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("model file {path:?} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `config.json` is malformed or of another architecture.
    #[error("{path:?}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Which field stands in the way.
        reason: String,
    },
    /// A tensor file or its index is malformed.
    #[error("{path:?} is no intact safetensors file or index: {reason}; download it again")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The model needs a tensor that no file has.
    #[error("tensor {name:?} is missing in {path:?}; its config.json asks for it")]
    Missing {
        /// The tensor.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// A file has a tensor that the model does not have.
    #[error("tensor {name:?} in {path:?} belongs to no tensor of its config.json")]
    Extra {
        /// The tensor.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// A tensor of another shape.
    #[error("tensor {name:?} has shape {found:?}, its config.json asks for {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The file's.
        found: Vec<usize>,
        /// The model's.
        expected: Vec<u32>,
    },
    /// A number format that is not read.
    #[error("tensor {name:?} has number format {found}; F32, F16 and BF16 are read")]
    Dtype {
        /// The tensor.
        name: String,
        /// The file's.
        found: String,
    },
    /// A value that is infinite or not a number.
    #[error("tensor {name:?} has a value that is not finite at position {index}; use an intact checkpoint")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Where.
        index: usize,
    },
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Reads the Hugging Face folder `dir`: a LLaMA-3 style model with f32, f16 or bf16 tensors in one file or
/// in shards. A tied model may repeat its head; the repetition is ignored.
///
/// # Errors
/// If anything is missing, malformed, of another architecture, or there is more than the model has.
pub fn import_hf(dir: &Path) -> Result<Imported, ImportError> {
    let config = read_config(dir)?;
    let layout = config
        .layout(ChunkRule::default())
        .map_err(|e| ImportError::Config { path: dir.join(CONFIG), reason: e.to_string() })?;
    let tokenizer = dir.join(TOKENIZER);
    let tokenizer = if tokenizer.exists() { Some(Tokenizer::load(&tokenizer)?) } else { None };
    let mut target = Target::new(dir, &layout, config.tied_head);
    for path in tensor_files(dir)? {
        target.take_file(&path)?;
    }
    Ok(Imported { state: target.finish()?, config, tokenizer })
}

/// Reads a model's architecture alone, from a `config.json`; its name is that of the folder.
///
/// # Errors
/// If the file cannot be read, is malformed or of another architecture.
pub fn import_config(path: &Path) -> Result<ModelConfig, ImportError> {
    let dir = files::parent(path);
    let dir = dir.canonicalize().map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    let bytes = read_json(path)?;
    config::from_json(&bytes, &name_of(&dir))
        .map_err(|reason| ImportError::Config { path: path.to_owned(), reason })
}

fn read_config(dir: &Path) -> Result<ModelConfig, ImportError> {
    let path = dir.join(CONFIG);
    config::from_json(&read_json(&path)?, &name_of(dir))
        .map_err(|reason| ImportError::Config { path, reason })
}

/// The folder's name, as far as it can be a model's.
fn name_of(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(char::is_ascii).take(64).collect();
    if name.is_empty() { "imported".to_owned() } else { name }
}

fn read_json(path: &Path) -> Result<Vec<u8>, ImportError> {
    let at = |source| ImportError::Read { path: path.to_owned(), source };
    files::read_bounded(path, JSON_BYTES_MAX).map_err(at)
}

/// The files with tensors: the single one, or those that the index names.
fn tensor_files(dir: &Path) -> Result<Vec<PathBuf>, ImportError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let path = dir.join(INDEX);
    if !path.exists() {
        return Ok(vec![dir.join(SINGLE)]);
    }
    let format = |reason: String| ImportError::Format { path: path.clone(), reason };
    let index: Index = serde_json::from_slice(&read_json(&path)?).map_err(|e| format(e.to_string()))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    // A name with a separator could lead out of the folder.
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(format(format!("it names the file {name:?}"))),
        None if names.len() > SHARDS_MAX => Err(format(format!("it names {} files", names.len()))),
        None => Ok(names.into_iter().map(|name| dir.join(name)).collect()),
    }
}

/// The state being put together.
struct Target<'a> {
    dir: &'a Path,
    layout: &'a Layout,
    places: BTreeMap<&'a str, usize>,
    /// The repeated head of a tied model.
    ignored: Option<&'static str>,
    filled: Vec<bool>,
    state: Vec<f32>,
}

impl<'a> Target<'a> {
    fn new(dir: &'a Path, layout: &'a Layout, tied: bool) -> Self {
        let names = layout.tensors().iter().enumerate().map(|(index, tensor)| (tensor.name.as_str(), index));
        Self {
            dir,
            layout,
            places: names.collect(),
            ignored: tied.then_some("lm_head.weight"),
            filled: vec![false; layout.tensors().len()],
            state: vec![0.0; layout.parameters()],
        }
    }

    fn take_file(&mut self, path: &Path) -> Result<(), ImportError> {
        let at = |source| ImportError::Read { path: path.to_owned(), source };
        let map = map(&File::open(path).map_err(at)?).map_err(at)?;
        let format = |e: safetensors::SafeTensorError| ImportError::Format {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        for (name, view) in SafeTensors::deserialize(&map).map_err(format)?.tensors() {
            self.take_tensor(&name, &view)?;
        }
        Ok(())
    }

    fn take_tensor(&mut self, name: &str, view: &TensorView<'_>) -> Result<(), ImportError> {
        let Some(&index) = self.places.get(name) else {
            // Old checkpoints carry the rotary tables, which follow from the configuration.
            let derived = name.ends_with("rotary_emb.inv_freq") || self.ignored == Some(name);
            let extra = ImportError::Extra { name: name.to_owned(), path: self.dir.to_owned() };
            return if derived { Ok(()) } else { Err(extra) };
        };
        let expected = &self.layout.tensors()[index].shape;
        if !view.shape().iter().eq(expected.iter().map(|&n| n as usize).collect::<Vec<_>>().iter()) {
            let (found, expected) = (view.shape().to_vec(), expected.clone());
            return Err(ImportError::Shape { name: name.to_owned(), found, expected });
        }
        let values = &mut self.state[self.layout.range(index)];
        convert(view, values).map_err(|found| ImportError::Dtype { name: name.to_owned(), found })?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(ImportError::NotFinite { name: name.to_owned(), index });
        }
        self.filled[index] = true;
        Ok(())
    }

    fn finish(self) -> Result<Vec<f32>, ImportError> {
        match self.filled.iter().position(|filled| !filled) {
            None => Ok(self.state),
            Some(index) => Err(ImportError::Missing {
                name: self.layout.tensors()[index].name.clone(),
                path: self.dir.to_owned(),
            }),
        }
    }
}

/// Fills `values` from little-endian f32, f16 or bf16; the view has as many, its shape was checked.
fn convert(view: &TensorView<'_>, values: &mut [f32]) -> Result<(), String> {
    match view.dtype() {
        Dtype::F32 => fill(view, values, f32::from_le_bytes),
        Dtype::BF16 => fill(view, values, |bytes: [u8; 2]| half::bf16::from_le_bytes(bytes).to_f32()),
        Dtype::F16 => fill(view, values, |bytes: [u8; 2]| half::f16::from_le_bytes(bytes).to_f32()),
        other => return Err(format!("{other:?}")),
    }
    Ok(())
}

fn fill<const N: usize>(view: &TensorView<'_>, values: &mut [f32], convert: fn([u8; N]) -> f32) {
    let (numbers, _) = view.data().as_chunks::<N>();
    values.iter_mut().zip(numbers).for_each(|(value, bytes)| *value = convert(*bytes));
}

/// Maps a tensor file for reading.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the file is only read, and for the length of this import. A program that truncates it meanwhile
    // ends this process with SIGBUS, as for every mapped file; changed bytes give other numbers, which are
    // plain f32 whatever they are.
    #[allow(unsafe_code)]
    unsafe {
        Mmap::map(file)
    }
}
