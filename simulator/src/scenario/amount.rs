//! Amounts of TAO or alpha, read exactly.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sn3_protocol::Rao;

const RAO_PER_UNIT: u64 = 1_000_000_000;
const DECIMALS_MAX: usize = 9;
/// Floating point numbers below this carry nine decimals without loss; larger ones must be text.
const FLOAT_UNITS_MAX: f64 = 1_000_000.0;

/// An amount in whole units (TAO or alpha) with up to nine decimals; kept in rao.
///
/// Files write `10`, `"0.5"`, `"20999999.123456789"`, and `0.5` below a million.
///
/// ```
/// use sn3_simulator::scenario::Amount;
/// let amount: Amount = "1_000.000000001".parse()?;
/// assert_eq!(amount.rao(), 1_000_000_000_001);
/// assert_eq!(amount.to_string(), "1000.000000001");
/// # Ok::<(), sn3_simulator::scenario::AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Rao);

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no amount: {reason}; write units with up to nine decimals, such as \"12.5\"")]
pub struct AmountError {
    text: String,
    reason: &'static str,
}

impl Amount {
    /// An amount of rao.
    #[must_use]
    pub const fn from_rao(rao: u64) -> Self {
        Self(Rao(rao))
    }

    /// Whole units.
    #[must_use]
    pub const fn units(units: u64) -> Self {
        Self(Rao(units.saturating_mul(RAO_PER_UNIT)))
    }

    /// The amount in rao.
    #[must_use]
    pub const fn rao(self) -> u64 {
        self.0.0
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let fail = |reason| AmountError { text: text.chars().take(64).collect(), reason };
        let plain: String = text.chars().filter(|c| *c != '_').collect();
        if plain.starts_with('-') {
            return Err(fail("it is negative"));
        }
        let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) {
            return Err(fail("it is no decimal number"));
        }
        if decimals.len() > DECIMALS_MAX {
            return Err(fail("it has more than nine decimals"));
        }
        let too_large = || fail("it is larger than any supply");
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let part: u64 = format!("{decimals:0<DECIMALS_MAX$}").parse().map_err(|_| too_large())?;
        let rao = whole.checked_mul(RAO_PER_UNIT).and_then(|rao| rao.checked_add(part));
        rao.map(Self::from_rao).ok_or_else(too_large)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.rao() / RAO_PER_UNIT, self.rao() % RAO_PER_UNIT);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{part:09}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl<'de> Visitor<'de> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount such as 10 or \"0.5\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
        units.to_string().parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, units: i64) -> Result<Amount, E> {
        units.to_string().parse().map_err(E::custom)
    }

    /// The shortest text of the float is what was written, as long as the float holds that many digits.
    fn visit_f64<E: de::Error>(self, units: f64) -> Result<Amount, E> {
        if units.is_nan() || units.abs() >= FLOAT_UNITS_MAX {
            let advice = "floating point numbers from a million on lose digits (and NaN is none)";
            return Err(E::custom(format!(
                "{units}: {advice}; write the amount as text, such as \"{units}\""
            )));
        }
        units.to_string().parse().map_err(E::custom)
    }

    /// Decimals in JSON arrive as they were written where serde_json keeps arbitrary precision.
    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
        let number = serde_json::Number::deserialize(de::value::MapAccessDeserializer::new(map))?;
        number.to_string().parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_both_formats() {
        let json: Vec<Amount> =
            serde_json::from_str("[1, 0.1, \"20999999.123456789\", 0.000000001]").unwrap();
        let rao: Vec<u64> = json.iter().map(|amount| amount.rao()).collect();
        assert_eq!(rao, [1_000_000_000, 100_000_000, 20_999_999_123_456_789, 1]);
        let toml: std::collections::BTreeMap<String, Amount> =
            toml::from_str("a = 0.1\nb = \"0.000000001\"\nc = 999999.999999999").unwrap();
        assert_eq!(toml["a"].rao() + toml["b"].rao(), 100_000_001);
        assert_eq!(toml["c"].rao(), 999_999_999_999_999);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-1", "1.0000000001", "nan", "1e3", "99999999999999999999", "1.-2"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
        for text in ["a = nan", "a = inf", "a = -5", "a = 20999999.123456789", "a = true"] {
            assert!(toml::from_str::<std::collections::BTreeMap<String, Amount>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_and_amount_are_inverse() {
        for rao in [0, 1, 999_999_999, 1_000_000_000, 21_000_000_000_000_000] {
            assert_eq!(Amount::from_rao(rao).to_string().parse(), Ok(Amount::from_rao(rao)));
        }
    }
}
