//! A model's sizes as machine integers, and where each tensor lies in the flat parameter buffer.

use std::ops::Range;

use sn3_protocol::Layout;
use sn3_protocol::model::{ModelConfig, RopeScaling};

/// Sizes of a model; products of them fit the address space, as the layout was built from them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dims {
    pub(crate) vocab: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    rope_theta: f64,
    rope_scaling: Option<RopeScaling>,
}

impl Dims {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self {
            vocab: config.vocab as usize,
            hidden: config.hidden as usize,
            heads: config.heads as usize,
            kv_heads: config.kv_heads as usize,
            head_dim: config.head_dim as usize,
            ffn: config.ffn as usize,
            norm_eps: config.norm_eps,
            rope_theta: f64::from(config.rope_theta),
            rope_scaling: config.rope_scaling,
        }
    }

    /// The angle in radians by which pair `pair` of a head, of head_dim / 2, turns from token to token.
    pub(crate) fn rope_frequency(&self, pair: usize) -> f64 {
        let frequency = self.rope_theta.powf(-2.0 * pair as f64 / self.head_dim as f64);
        self.rope_scaling.map_or(frequency, |scaling| scaling.scaled(frequency))
    }

    /// Columns of the queries: all heads side by side.
    pub(crate) fn q(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Columns of the keys, and of the values.
    pub(crate) fn kv(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Columns of queries, keys and values side by side.
    pub(crate) fn qkv(&self) -> usize {
        self.q() + 2 * self.kv()
    }

    /// Query heads that share a key-value head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// Where the tensors of one layer lie. Queries, keys and values follow one another in every layout, and so
/// do gate and up, which makes each of them one matrix.
#[derive(Clone, Debug)]
pub(crate) struct LayerRanges {
    pub(crate) input_norm: Range<usize>,
    pub(crate) qkv: Range<usize>,
    pub(crate) out: Range<usize>,
    pub(crate) post_norm: Range<usize>,
    pub(crate) gate_up: Range<usize>,
    pub(crate) down: Range<usize>,
}

/// Where all tensors lie.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    pub(crate) embed: Range<usize>,
    pub(crate) layers: Vec<LayerRanges>,
    pub(crate) norm: Range<usize>,
    /// The head's matrix: the embedding's where they are tied.
    pub(crate) head: Range<usize>,
}

impl Ranges {
    pub(crate) fn new(layout: &Layout, config: &ModelConfig) -> Self {
        let embed = range(layout, "model.embed_tokens.weight");
        let head = if config.tied_head { embed.clone() } else { range(layout, "lm_head.weight") };
        let layers = (0..config.layers).map(|index| LayerRanges::new(layout, index)).collect();
        Self { embed, layers, norm: range(layout, "model.norm.weight"), head }
    }
}

impl LayerRanges {
    fn new(layout: &Layout, index: u32) -> Self {
        let at = |name: &str| range(layout, &format!("model.layers.{index}.{name}.weight"));
        let joined =
            |names: &[&str]| names.iter().map(|name| at(name)).reduce(join).expect("names are given");
        Self {
            input_norm: at("input_layernorm"),
            qkv: joined(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
            out: at("self_attn.o_proj"),
            post_norm: at("post_attention_layernorm"),
            gate_up: joined(&["mlp.gate_proj", "mlp.up_proj"]),
            down: at("mlp.down_proj"),
        }
    }
}

fn range(layout: &Layout, name: &str) -> Range<usize> {
    let index = layout.tensors().iter().position(|tensor| tensor.name == name);
    layout.range(index.unwrap_or_else(|| panic!("every model's layout has {name}")))
}

fn join(left: Range<usize>, right: Range<usize>) -> Range<usize> {
    assert_eq!(left.end, right.start, "layouts keep these tensors together");
    left.start..right.end
}
