//! The kernels' text, and how it is compiled for a model.

use serde::{Deserialize, Serialize};

const COMMON: &str = include_str!("../../kernels/common.cu");
const ELEMENTWISE: &str = include_str!("../../kernels/elementwise.cu");
const NORM: &str = include_str!("../../kernels/norm.cu");
const LOSS: &str = include_str!("../../kernels/loss.cu");
const ADAM: &str = include_str!("../../kernels/adam.cu");
const ATTENTION: &str = include_str!("../../kernels/attention.cu");
const CODEC: &str = include_str!("../../kernels/codec.cu");

/// Every kernel by name, in the order of the text.
pub const KERNELS: &[&str] = &[
    "embed_forward",
    "embed_backward",
    "rope",
    "swiglu_forward",
    "swiglu_backward",
    "to_stored",
    "norm_forward",
    "norm_backward",
    "norm_weight",
    "cross_entropy",
    "add_losses",
    "square_sums",
    "clip_factor",
    "adamw",
    "attention_forward",
    "attention_row_sums",
    "attention_backward_keys",
    "attention_backward_queries",
    "attention_cached",
    "codec_select",
    "codec_sums",
    "codec_fit",
    "codec_subtract",
    "codec_aggregate",
    "codec_outer",
];

/// How weights and activations are stored on the GPU; arithmetic, gradients' sums, master weights and moments are
/// f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// Sixteen bits, on tensor cores: for training.
    #[default]
    Bf16,
    /// Thirty-two bits: slow, for comparing.
    F32,
}

impl Storage {
    /// Bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// The sizes that are constants in the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelShape {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// How values are stored.
    pub storage: Storage,
}

/// One text for the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// What messages call it.
    pub name: &'static str,
    /// CUDA C++ without headers.
    pub source: String,
    /// Definitions of the sizes.
    pub definitions: Vec<String>,
}

impl Module {
    /// The kernels of a model's step.
    #[must_use]
    pub fn step(shape: KernelShape) -> Self {
        let mut definitions =
            vec![format!("-DSN3_HIDDEN={}", shape.hidden), format!("-DSN3_HEAD_DIM={}", shape.head_dim)];
        if shape.storage == Storage::F32 {
            definitions.push("-DSN3_F32".to_owned());
        }
        let parts = [COMMON, ELEMENTWISE, NORM, LOSS, ADAM, ATTENTION];
        Self { name: "step", source: parts.join("\n"), definitions }
    }

    /// The kernels of the compression, the same for every model.
    #[must_use]
    pub fn codec() -> Self {
        Self { name: "codec", source: [COMMON, CODEC].join("\n"), definitions: Vec::new() }
    }

    /// As [`Module::codec`], to follow [`Module::step`] in one text.
    #[cfg(test)]
    pub(crate) fn codec_alone() -> Self {
        Self { name: "codec", source: CODEC.to_owned(), definitions: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_in_the_list_once() {
        let shape = KernelShape { hidden: 64, head_dim: 16, storage: Storage::Bf16 };
        let text = [Module::step(shape).source, Module::codec().source].join("\n");
        let defined = text.matches("\nKERNEL void").count();
        assert_eq!(defined, KERNELS.len());
        let named = |name: &&&str| text.matches(&format!("{name}(")).count() == 1;
        assert_eq!(KERNELS.iter().filter(named).count(), KERNELS.len());
    }
}
