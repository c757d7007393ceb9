//! `config.json` of a LLaMA-style model, from and to our configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sn3_protocol::model::ModelConfig;

/// The fields that describe the architecture; everything else in a file is other tools' business.
#[derive(Debug, Serialize, Deserialize)]
struct Fields {
    model_type: String,
    vocab_size: u32,
    hidden_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    #[serde(default)]
    num_key_value_heads: Option<u32>,
    #[serde(default)]
    head_dim: Option<u32>,
    intermediate_size: u32,
    max_position_embeddings: u32,
    #[serde(default)]
    rope_theta: Option<f32>,
    #[serde(default)]
    rope_parameters: Option<Value>,
    #[serde(default)]
    rope_scaling: Option<Value>,
    rms_norm_eps: f32,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "silu")]
    hidden_act: String,
}

fn silu() -> String {
    "silu".to_owned()
}

/// The whole `config.json` of a model.
pub(super) fn to_json(config: &ModelConfig, eos: Option<u32>) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.ffn,
        "max_position_embeddings": config.context,
        "rope_theta": config.rope_theta,
        "rope_parameters": { "rope_type": "default", "rope_theta": config.rope_theta },
        "rms_norm_eps": shortest(config.norm_eps),
        "tie_word_embeddings": config.tied_head,
        "attention_bias": false,
        "mlp_bias": false,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": true,
        "dtype": "float32",
        "torch_dtype": "float32",
        "bos_token_id": eos,
        "eos_token_id": eos,
    })
}

/// The f64 that prints like the f32: 1e-5 and not 9.999999747378752e-6.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// Our configuration of a `config.json`; the error says which field stands in the way.
pub(super) fn from_json(bytes: &[u8], name: &str) -> Result<ModelConfig, String> {
    let fields: Fields = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    fields.check()?;
    let kv_heads = fields.num_key_value_heads.unwrap_or(fields.num_attention_heads);
    let even = || fields.hidden_size / fields.num_attention_heads.max(1);
    let config = ModelConfig {
        name: name.to_owned(),
        vocab: fields.vocab_size,
        hidden: fields.hidden_size,
        layers: fields.num_hidden_layers,
        heads: fields.num_attention_heads,
        kv_heads,
        head_dim: fields.head_dim.unwrap_or_else(even),
        ffn: fields.intermediate_size,
        context: fields.max_position_embeddings,
        rope_theta: fields.rope_theta()?,
        norm_eps: fields.rms_norm_eps,
        tied_head: fields.tie_word_embeddings,
    };
    config.check().map_err(|e| e.to_string())?;
    Ok(config)
}

impl Fields {
    fn check(&self) -> Result<(), String> {
        let refuse = |field: &str, value: &dyn std::fmt::Display| {
            Err(format!("{field} is {value}, which is no plain LLaMA-3 model"))
        };
        if self.model_type != "llama" {
            return refuse("model_type", &self.model_type);
        }
        if self.hidden_act != "silu" {
            return refuse("hidden_act", &self.hidden_act);
        }
        if self.attention_bias || self.mlp_bias {
            return refuse("attention_bias or mlp_bias", &true);
        }
        match &self.rope_scaling {
            Some(scaling) if !scaling.is_null() => refuse("rope_scaling", scaling),
            _ => Ok(()),
        }
    }

    /// The base of the rotary positions: newer files hold it in `rope_parameters`. A file without it would
    /// silently mean 10,000, whatever the model was trained with, so it is refused.
    fn rope_theta(&self) -> Result<f32, String> {
        let parameters = self.rope_parameters.as_ref();
        if let Some(kind) =
            parameters.and_then(|p| p.get("rope_type")).filter(|kind| **kind != json!("default"))
        {
            return Err(format!("rope_type is {kind}; only plain rotary positions are supported"));
        }
        let newer = parameters.and_then(|p| p.get("rope_theta")).and_then(Value::as_f64).map(|v| v as f32);
        newer.or(self.rope_theta).ok_or_else(|| "rope_theta is missing; add the value of training".to_owned())
    }
}
