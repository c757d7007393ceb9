//! `config.json` of a LLaMA-style model, from and to our configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sn3_protocol::model::{ModelConfig, RopeScaling};

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
    let scaling = config.rope_scaling.as_ref().map(scaling_to_json);
    let mut parameters = scaling.clone().unwrap_or_else(|| json!({ "rope_type": "default" }));
    parameters["rope_theta"] = json!(config.rope_theta);
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
        "rope_scaling": scaling,
        "rope_parameters": parameters,
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

fn scaling_to_json(scaling: &RopeScaling) -> Value {
    json!({
        "rope_type": "llama3",
        "factor": shortest(scaling.factor),
        "low_freq_factor": shortest(scaling.low_freq_factor),
        "high_freq_factor": shortest(scaling.high_freq_factor),
        "original_max_position_embeddings": scaling.original_context,
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
        rope_scaling: fields.scaling()?,
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
        Ok(())
    }

    /// How the rotary positions were stretched: older files say it in `rope_scaling`, newer ones in `rope_parameters`.
    fn scaling(&self) -> Result<Option<RopeScaling>, String> {
        let said = [&self.rope_scaling, &self.rope_parameters].into_iter().flatten().find(|v| !v.is_null());
        let Some(said) = said else { return Ok(None) };
        let kind = said.get("rope_type").or_else(|| said.get("type"));
        match kind.and_then(Value::as_str) {
            Some("llama3") => {}
            Some("default") => return Ok(None),
            // The newer field may hold nothing but the base.
            None if self.rope_parameters.as_ref() == Some(said) => return Ok(None),
            _ => {
                return Err(format!(
                    "rope_scaling is {said}; plain rotary positions and those of rope_type llama3 are read"
                ));
            }
        }
        let number = |name: &str| {
            let value = said.get(name).and_then(Value::as_f64);
            value.ok_or_else(|| {
                format!("{name} of rope_scaling is missing or no number; add the value of training")
            })
        };
        Ok(Some(RopeScaling {
            factor: number("factor")? as f32,
            low_freq_factor: number("low_freq_factor")? as f32,
            high_freq_factor: number("high_freq_factor")? as f32,
            original_context: number("original_max_position_embeddings")? as u32,
        }))
    }

    /// The base of the rotary positions: newer files hold it in `rope_parameters`. A file without it would
    /// silently mean 10,000, whatever the model was trained with, so it is refused.
    fn rope_theta(&self) -> Result<f32, String> {
        let parameters = self.rope_parameters.as_ref();
        let newer = parameters.and_then(|p| p.get("rope_theta")).and_then(Value::as_f64).map(|v| v as f32);
        newer.or(self.rope_theta).ok_or_else(|| "rope_theta is missing; add the value of training".to_owned())
    }
}
