//! What the commands that train or look at models share: models, text, the step, long work.
//!
//! ```text
//!  --model ──► ModelSource ─┐
//!  --data  ──► Material ────┴─► ModelConfig, samples ──► step::build ──► Box<dyn Train>
//! ```

mod material;
mod model;
pub mod reader;
pub mod step;
mod work;

pub use crate::folder::Folder;
pub use material::{Material, is_prepared};
pub use model::{ModelSource, import};
pub use work::{Pace, heavy, lasting, leave_on_stop, stop_flag};

use sn3_protocol::model::ModelConfig;

use crate::args::training::TextArgs;
use crate::exit::CliError;
use crate::output::Output;

/// Opens text and gives the model the sizes that go with it: a preset takes the tokenizer's vocabulary and the
/// samples' length, any other model keeps its own.
pub fn prepare(
    source: &ModelSource,
    text: &TextArgs,
    seed: u64,
    output: &Output,
) -> Result<(ModelConfig, Material), CliError> {
    let material = Material::open(source, text, seed, output)?;
    let config = source.config(material.tokenizer().vocab(), material.seq_len())?;
    Ok((config, material))
}
