//! The shape of a model: a LLaMA-3 style decoder as plain numbers, and the layout that follows from them.

mod rope;

use serde::{Deserialize, Serialize};

pub use rope::RopeScaling;

use crate::layout::{ChunkRule, Layout, LayoutError, TensorSpec};

/// A LLaMA-3 style decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name of the preset, or of whoever chose the numbers.
    pub name: String,
    /// Tokens of the vocabulary.
    pub vocab: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Decoder layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Width of one head; even, since rotary positions turn pairs.
    pub head_dim: u32,
    /// Width of the SwiGLU block.
    pub ffn: u32,
    /// Tokens of a sequence.
    pub context: u32,
    /// Base of the rotary positions.
    pub rope_theta: f32,
    /// How rotary positions were stretched after pre-training, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Epsilon of RMSNorm.
    pub norm_eps: f32,
    /// Whether the output head is the embedding.
    pub tied_head: bool,
}

/// Why numbers are no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelConfigError {
    /// No preset of that name.
    #[error("there is no model preset {0:?}; choose one of nano, micro, 150m, 1b, 8b, 72b")]
    UnknownPreset(String),
    /// A field out of range, or two that do not fit each other.
    #[error("model configuration: {field} is {value}; {remedy}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// The tensors do not form a layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Names of all presets, smallest first.
pub const PRESETS: [&str; 6] = ["nano", "micro", "150m", "1b", "8b", "72b"];

/// Longest name of a configuration in bytes.
pub const NAME_BYTES_MAX: usize = 64;

impl ModelConfig {
    /// A preset by name; `vocab` replaces the preset's own vocabulary.
    ///
    /// ```
    /// # use sn3_protocol::model::ModelConfig;
    /// let nano = ModelConfig::preset("nano", None)?;
    /// assert_eq!(nano.parameters(), 857_216);
    /// # Ok::<(), sn3_protocol::model::ModelConfigError>(())
    /// ```
    pub fn preset(name: &str, vocab: Option<u32>) -> Result<Self, ModelConfigError> {
        //                      vocab  hidden layers heads kv  head   ffn  context    theta  tied
        let numbers = match name {
            "nano" => (1_024, 128, 4, 4, 2, 32, 344, 128, 10_000.0, true),
            "micro" => (4_096, 256, 4, 4, 2, 64, 688, 256, 10_000.0, true),
            "150m" => (32_000, 1_024, 12, 16, 16, 64, 2_688, 2_048, 500_000.0, true),
            "1b" => (32_000, 2_048, 16, 16, 8, 128, 8_192, 2_048, 500_000.0, true),
            "8b" => (128_256, 4_096, 32, 32, 8, 128, 14_336, 8_192, 500_000.0, false),
            "72b" => (262_144, 8_192, 80, 64, 8, 128, 28_672, 2_048, 500_000.0, true),
            _ => return Err(ModelConfigError::UnknownPreset(name.chars().take(NAME_BYTES_MAX).collect())),
        };
        let (own, hidden, layers, heads, kv_heads, head_dim, ffn, context, rope_theta, tied_head) = numbers;
        let config = Self {
            name: name.to_owned(),
            vocab: vocab.unwrap_or(own),
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            ffn,
            context,
            rope_theta,
            rope_scaling: None,
            norm_eps: 1e-5,
            tied_head,
        };
        config.check()?;
        Ok(config)
    }

    /// Whether all numbers are in range and fit each other.
    pub fn check(&self) -> Result<(), ModelConfigError> {
        let fault = self.range_fault().or_else(|| self.fit_fault());
        match fault {
            Some((field, value, remedy)) => Err(ModelConfigError::Field { field, value, remedy }),
            None => Ok(()),
        }
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let [vocab, hidden, layers, ffn] = [self.vocab, self.hidden, self.layers, self.ffn].map(u64::from);
        let (query, kv) = (u64::from(self.query_width()), u64::from(self.kv_width()));
        let layer = hidden * (2 + 2 * query + 2 * kv + 3 * ffn);
        let tables = if self.tied_head { 1 } else { 2 };
        tables * vocab * hidden + layers * layer + hidden
    }

    /// Width of all query heads together.
    #[must_use]
    pub fn query_width(&self) -> u32 {
        self.heads * self.head_dim
    }

    /// Width of all key heads together, and of all value heads.
    #[must_use]
    pub fn kv_width(&self) -> u32 {
        self.kv_heads * self.head_dim
    }

    /// The tensors in Hugging Face names, order and shapes (`[out, in]`).
    pub fn layout(&self, rule: ChunkRule) -> Result<Layout, ModelConfigError> {
        self.check()?;
        let mut tensors = vec![tensor("model.embed_tokens.weight".into(), &[self.vocab, self.hidden])];
        for layer in 0..self.layers {
            self.push_layer(layer, &mut tensors);
        }
        tensors.push(tensor("model.norm.weight".into(), &[self.hidden]));
        if !self.tied_head {
            tensors.push(tensor("lm_head.weight".into(), &[self.vocab, self.hidden]));
        }
        Ok(Layout::new(tensors, rule)?)
    }

    fn push_layer(&self, layer: u32, tensors: &mut Vec<TensorSpec>) {
        let (hidden, query, kv, ffn) = (self.hidden, self.query_width(), self.kv_width(), self.ffn);
        let shapes: [(&str, &[u32]); 9] = [
            ("input_layernorm", &[hidden]),
            ("self_attn.q_proj", &[query, hidden]),
            ("self_attn.k_proj", &[kv, hidden]),
            ("self_attn.v_proj", &[kv, hidden]),
            ("self_attn.o_proj", &[hidden, query]),
            ("post_attention_layernorm", &[hidden]),
            ("mlp.gate_proj", &[ffn, hidden]),
            ("mlp.up_proj", &[ffn, hidden]),
            ("mlp.down_proj", &[hidden, ffn]),
        ];
        tensors.extend(
            shapes.iter().map(|(name, shape)| tensor(format!("model.layers.{layer}.{name}.weight"), shape)),
        );
    }

    fn range_fault(&self) -> Option<(&'static str, String, &'static str)> {
        let counts: [(&str, u32, u32); 8] = [
            ("vocab", self.vocab, 1 << 20),
            ("hidden", self.hidden, 1 << 16),
            ("layers", self.layers, 1 << 10),
            ("heads", self.heads, 1 << 10),
            ("kv_heads", self.kv_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("ffn", self.ffn, 1 << 18),
            ("context", self.context, 1 << 20),
        ];
        let sound = |value: f32| value.is_finite() && value > 0.0;
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Some(("name", self.name.chars().take(NAME_BYTES_MAX).collect(), "use 1 to 64 bytes"));
        }
        if !sound(self.rope_theta) {
            return Some(("rope_theta", self.rope_theta.to_string(), "use a positive number"));
        }
        if let Some(fault) = self.rope_scaling.as_ref().and_then(RopeScaling::fault) {
            return Some(fault);
        }
        if !sound(self.norm_eps) {
            return Some(("norm_eps", self.norm_eps.to_string(), "use a positive number"));
        }
        counts
            .iter()
            .find(|(_, value, max)| !(1..=*max).contains(value))
            .map(|(field, value, _)| (*field, value.to_string(), "choose a number that real models have"))
    }

    fn fit_fault(&self) -> Option<(&'static str, String, &'static str)> {
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Some(("kv_heads", self.kv_heads.to_string(), "use a divisor of heads"));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Some(("head_dim", self.head_dim.to_string(), "use an even number"));
        }
        None
    }
}

fn tensor(name: String, shape: &[u32]) -> TensorSpec {
    TensorSpec { name, shape: shape.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Training protocol, section 2.1: 70.6 G parameters were trained (tied), 72.7 G published (untied).
    #[test]
    fn the_72b_model_has_the_published_parameter_counts() {
        let tied = ModelConfig::preset("72b", None).unwrap();
        assert_eq!(tied.parameters(), 70_599_843_840);
        assert_eq!(tied.layout(ChunkRule::Padded).unwrap().tensors().len(), 722);
        let untied = ModelConfig { tied_head: false, ..tied };
        assert_eq!(untied.parameters(), 72_747_327_488);
    }

    #[test]
    fn the_count_is_the_size_of_the_layout() {
        for name in PRESETS {
            let config = ModelConfig::preset(name, None).unwrap();
            let layout = config.layout(ChunkRule::Padded).unwrap();
            assert_eq!(layout.parameters() as u64, config.parameters(), "{name}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_named() {
        let nano = ModelConfig::preset("nano", None).unwrap();
        let odd = ModelConfig { kv_heads: 3, ..nano.clone() };
        assert!(odd.check().unwrap_err().to_string().contains("kv_heads is 3"));
        let empty = ModelConfig { vocab: 0, ..nano.clone() };
        assert!(empty.check().unwrap_err().to_string().contains("vocab is 0"));
        let wild = ModelConfig { rope_theta: f32::NAN, ..nano.clone() };
        assert!(wild.check().is_err());
        let sound =
            RopeScaling { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192 };
        let with = |scaling| ModelConfig { rope_scaling: Some(scaling), ..nano.clone() }.check();
        assert!(with(sound).is_ok());
        let wrong = [
            RopeScaling { factor: 0.5, ..sound },
            RopeScaling { factor: f32::NAN, ..sound },
            RopeScaling { low_freq_factor: 4.0, ..sound },
            RopeScaling { original_context: 0, ..sound },
        ];
        for scaling in wrong {
            assert!(with(scaling).unwrap_err().to_string().contains("rope_scaling"), "{scaling:?}");
        }
        assert!(ModelConfig::preset("13b", None).unwrap_err().to_string().contains("13b"));
    }
}
