//! The ordered names and shapes of a model's tensors, and how each is cut into chunks.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};

/// Largest side of a chunk: 64 × 64 = 4,096 positions is what 12 bits address.
pub const CHUNK_SIDE_MAX: usize = 64;

/// One tensor of a model: 1-D (`[n]`) or 2-D (`[rows, columns]`), row-major, f32.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Hugging Face name, e.g. `model.layers.0.mlp.up_proj.weight`.
    pub name: String,
    /// One or two dimensions, each at least 1.
    pub shape: Vec<u32>,
}

impl TensorSpec {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&n| n as usize).product()
    }

    /// Whether the tensor has no values; a checked [`Layout`] has none such.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a dimension that 64 does not divide is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkRule {
    /// Sides of 64, the last chunk of a row or column padded. 1-D tensors are cut into runs of 4,096.
    #[default]
    Padded,
    /// The reference's rule: the largest divisor not above 64; 1-D tensors in runs of at most 64
    /// (training protocol, section 1.5). Kept for its vectors.
    Reference,
}

/// A model as the protocol sees it: tensors in a fixed order, laid out one after another in one flat
/// f32 buffer, and the rule by which they are chunked. Two nodes agree on a layout by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    tensors: Vec<TensorSpec>,
    rule: ChunkRule,
    #[serde(skip)]
    offsets: Vec<usize>,
}

/// Why a list of tensors is no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No tensors at all.
    #[error("a layout needs at least one tensor")]
    Empty,
    /// More tensors than any real model has.
    #[error("{0} tensors are more than the {max} that a layout may have", max = Layout::TENSORS_MAX)]
    TooMany(usize),
    /// Neither 1-D nor 2-D, or a zero dimension.
    #[error("tensor {name:?} has shape {shape:?}; one or two dimensions of at least 1 are needed")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<u32>,
    },
    /// The same name twice.
    #[error("tensor {0:?} is named twice")]
    Duplicate(String),
    /// The sum of all sizes does not fit the address space.
    #[error("the layout has more values than this machine can address")]
    TooLarge,
}

impl Layout {
    /// Most tensors in a layout; the 72B model has 722.
    pub const TENSORS_MAX: usize = 65_536;

    /// Checks a list of tensors and computes where each begins.
    pub fn new(tensors: Vec<TensorSpec>, rule: ChunkRule) -> Result<Self, LayoutError> {
        if tensors.is_empty() {
            return Err(LayoutError::Empty);
        }
        if tensors.len() > Self::TENSORS_MAX {
            return Err(LayoutError::TooMany(tensors.len()));
        }
        let mut names = std::collections::HashSet::new();
        let mut offsets = vec![0usize];
        for tensor in &tensors {
            if !matches!(tensor.shape.len(), 1 | 2) || tensor.shape.contains(&0) {
                return Err(LayoutError::Shape { name: tensor.name.clone(), shape: tensor.shape.clone() });
            }
            if !names.insert(tensor.name.as_str()) {
                return Err(LayoutError::Duplicate(tensor.name.clone()));
            }
            let end = tensor
                .shape
                .iter()
                .try_fold(1usize, |n, &d| n.checked_mul(d as usize))
                .and_then(|n| n.checked_add(offsets[offsets.len() - 1]))
                .filter(|&end| end <= isize::MAX as usize / 4)
                .ok_or(LayoutError::TooLarge)?;
            offsets.push(end);
        }
        Ok(Self { tensors, rule, offsets })
    }

    /// The tensors in order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// The chunking rule.
    #[must_use]
    pub fn rule(&self) -> ChunkRule {
        self.rule
    }

    /// Number of values of all tensors together.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.offsets[self.tensors.len()]
    }

    /// Where tensor `index` lies in the flat buffer.
    #[must_use]
    pub fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.offsets[index]..self.offsets[index + 1]
    }

    /// The flat buffer as one slice a tensor.
    ///
    /// # Panics
    /// If `flat` is shorter than [`Layout::parameters`]; the caller owns both.
    #[must_use]
    pub fn split_mut<'a>(&self, mut flat: &'a mut [f32]) -> Vec<&'a mut [f32]> {
        let mut parts = Vec::with_capacity(self.tensors.len());
        for tensor in &self.tensors {
            let (part, rest) = flat.split_at_mut(tensor.len());
            parts.push(part);
            flat = rest;
        }
        parts
    }

    /// The tensor that flat position `at` belongs to, with the position in it.
    #[must_use]
    pub fn locate(&self, at: usize) -> Option<(&TensorSpec, usize)> {
        let index = self.offsets.partition_point(|&offset| offset <= at).checked_sub(1)?;
        Some((self.tensors.get(index)?, at - self.offsets[index]))
    }

    /// The identity of this layout: names, shapes, order and chunking rule.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/layout/v1");
        hasher.update(&(&self.tensors, self.rule).encode());
        hasher.finish()
    }

    /// The identity of a model state: this layout and the f32 values in its order.
    ///
    /// Every honest node reaches the same state digest after the same round record.
    ///
    /// # Panics
    /// If `values` has another length than [`Layout::parameters`]; the caller owns both.
    #[must_use]
    pub fn state_digest(&self, values: &[f32]) -> Digest {
        assert_eq!(values.len(), self.parameters(), "state and layout belong together");
        let mut hasher = Hasher::new();
        hasher.update(b"sn3/state/v1");
        hasher.update(&self.digest().0);
        hasher.update_f32(values);
        hasher.finish()
    }
}
