//! Numbers between zero and one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A part of a whole, a probability or a quality: a finite number from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Part(f64);

/// Why a number is no part.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1; write a part such as 0.25")]
pub struct PartError(f64);

impl Part {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// The whole.
    pub const ONE: Self = Self(1.0);

    /// A part.
    ///
    /// # Errors
    /// Not a number, infinite, negative, or above one.
    pub fn new(value: f64) -> Result<Self, PartError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(PartError(value)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The part in 65535ths, rounded to the nearest.
    #[must_use]
    pub fn in_u16(self) -> u16 {
        (self.0 * f64::from(u16::MAX)).round() as u16
    }

    /// The part in 2⁻⁶⁴ths, saturated.
    #[must_use]
    pub fn in_u64(self) -> u64 {
        (self.0 * 2_f64.powi(64)) as u64
    }

    /// This part of an amount, rounded down. Parts count in 10⁻⁹ths here, so that no digit of the amount is lost.
    ///
    /// ```
    /// # use sn3_simulator::scenario::Part;
    /// assert_eq!(Part::new(0.3)?.of(10), 3);
    /// # Ok::<(), sn3_simulator::scenario::PartError>(())
    /// ```
    #[must_use]
    pub fn of(self, amount: u64) -> u64 {
        const STEPS: f64 = 1e9;
        let part = (self.0 * STEPS).round() as u128;
        (u128::from(amount) * part / STEPS as u128) as u64
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_are_parts() {
        for value in [f64::NAN, f64::INFINITY, -0.1, 1.000001] {
            assert!(Part::new(value).is_err());
        }
        assert_eq!(Part::new(0.5).unwrap().in_u16(), 32_768);
        assert_eq!(Part::ONE.in_u64(), u64::MAX);
        assert_eq!(Part::ONE.of(u64::MAX), u64::MAX);
    }

    #[test]
    fn parts_are_read_from_both_formats() {
        let toml: std::collections::BTreeMap<String, Part> = toml::from_str("a = 1\nb = 0.25").unwrap();
        assert_eq!((toml["a"], toml["b"]), (Part::ONE, Part(0.25)));
        assert_eq!(serde_json::from_str::<Part>("0.25").unwrap(), Part(0.25));
        assert_eq!(serde_json::from_value::<Part>(serde_json::json!(0.25)).unwrap(), Part(0.25));
        assert!(toml::from_str::<std::collections::BTreeMap<String, Part>>("a = nan").is_err());
    }
}
