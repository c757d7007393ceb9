//! Rotary frequencies that were stretched for a longer context.

use serde::{Deserialize, Serialize};

/// How Llama 3.1 and later stretch rotary positions to a context longer than the one of pre-training (`rope_type`
/// `llama3` of Hugging Face): waves that turn often within the original context stay, slow ones become `factor` times
/// slower, those between are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RopeScaling {
    /// How many times slower slow waves become; at least 1.
    pub factor: f32,
    /// Waves that turn fewer times than this within the original context are slow.
    pub low_freq_factor: f32,
    /// Waves that turn more often than this within the original context stay; above `low_freq_factor`.
    pub high_freq_factor: f32,
    /// Tokens of the original context.
    pub original_context: u32,
}

impl RopeScaling {
    /// What becomes of a frequency in radians a token.
    ///
    /// By hand, with factor 8, bounds 1 and 4 and 8,192 tokens: a wave of 16,384 tokens turns half a time and becomes 8
    /// times slower; one of 1,024 turns 8 times and stays; one of 4,096 turns twice, a third of the way from 1 to 4, and
    /// becomes ⅔ · ⅛ + ⅓ = 5/12 of itself.
    ///
    /// ```
    /// # use sn3_protocol::model::RopeScaling;
    /// # use std::f64::consts::TAU;
    /// let scaling =
    ///     RopeScaling { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192 };
    /// let share = |wave_tokens: f64| scaling.scaled(TAU / wave_tokens) / (TAU / wave_tokens);
    /// assert_eq!((share(16_384.0), share(1_024.0)), (0.125, 1.0));
    /// assert!((share(4_096.0) - 5.0 / 12.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn scaled(&self, frequency: f64) -> f64 {
        let [factor, low, high] = [self.factor, self.low_freq_factor, self.high_freq_factor].map(f64::from);
        let turns = f64::from(self.original_context) * frequency / std::f64::consts::TAU;
        let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        frequency * ((1.0 - kept) / factor + kept)
    }

    /// The first number that makes no sense: its name, its value, what would be right.
    pub(super) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let Self { factor, low_freq_factor: low, high_freq_factor: high, original_context } = *self;
        let sound = |value: f32| value.is_finite() && value > 0.0;
        if !(factor.is_finite() && factor >= 1.0) {
            return Some(("rope_scaling.factor", factor.to_string(), "use a number of at least 1"));
        }
        if !(sound(low) && sound(high) && low < high) {
            let value = format!("{low} and {high}");
            return Some(("rope_scaling's bounds", value, "use two positive numbers, the lower first"));
        }
        (original_context == 0).then(|| {
            let remedy = "use the tokens of the context before it was stretched";
            ("rope_scaling.original_context", original_context.to_string(), remedy)
        })
    }
}
