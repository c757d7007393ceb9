//! Amounts as people write them: exact decimal parsing and printing, always with their unit.

use std::fmt;

use sn3_protocol::{Alpha, Coldkey, Hotkey, Rao};

/// Decimal places of TAO and alpha.
const DECIMALS: usize = 9;
/// Smallest parts of one.
const PER_WHOLE: u64 = 1_000_000_000;
/// There will never be more TAO, nor more of any alpha.
const SUPPLY_MAX: u64 = 21_000_000;
/// The most that a percentage may be.
const PERCENT_MAX: f64 = 100.0;

/// TAO with up to nine decimals.
///
/// # Errors
/// It is negative, too large, too fine, or no number.
pub fn tao(text: &str) -> Result<Rao, String> {
    parts(text, "TAO").map(Rao)
}

/// Alpha with up to nine decimals.
///
/// # Errors
/// It is negative, too large, too fine, or no number.
pub fn alpha(text: &str) -> Result<Alpha, String> {
    parts(text, "alpha").map(Alpha)
}

/// A coldkey's address.
///
/// # Errors
/// It is no SS58 address of this network.
pub fn coldkey(text: &str) -> Result<Coldkey, String> {
    text.parse::<Coldkey>().map_err(|error| error.to_string())
}

/// A hotkey's address.
///
/// # Errors
/// It is no SS58 address of this network.
pub fn hotkey(text: &str) -> Result<Hotkey, String> {
    text.parse::<Hotkey>().map_err(|error| error.to_string())
}

/// A percentage between 0 and 100.
///
/// # Errors
/// It is none.
pub fn percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is no percentage; give a number from 0 to {PERCENT_MAX}");
    let number: f64 = text.trim_end_matches('%').parse().map_err(|_| wrong())?;
    if (0.0..=PERCENT_MAX).contains(&number) { Ok(number) } else { Err(wrong()) }
}

fn parts(text: &str, unit: &str) -> Result<u64, String> {
    let wrong = |reason: &str| format!("{text:?} is no amount of {unit}: {reason}; give a number like 1.25");
    if text.starts_with('-') {
        return Err(wrong("it is negative"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(wrong("it is not written as digits with at most one point"));
    }
    if fraction.len() > DECIMALS {
        return Err(wrong("it has more than nine decimals"));
    }
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    let fraction: u64 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| wrong("it is no number"))?;
    if whole > SUPPLY_MAX || (whole == SUPPLY_MAX && fraction > 0) {
        return Err(wrong("there will never be more than 21 million"));
    }
    Ok(whole * PER_WHOLE + fraction)
}

/// TAO, for people.
pub struct Tao(pub Rao);

/// Alpha, for people.
pub struct InAlpha(pub Alpha);

impl fmt::Display for Tao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} TAO", decimal(self.0.0)))
    }
}

impl fmt::Display for InAlpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} alpha", decimal(self.0.0)))
    }
}

/// Parts of 10⁻⁹ as an exact decimal without needless zeros.
///
/// ```
/// assert_eq!(sn3::commands::chain::amount::decimal(1_250_000_000), "1.25");
/// ```
#[must_use]
pub fn decimal(parts: u64) -> String {
    let (whole, fraction) = (parts / PER_WHOLE, parts % PER_WHOLE);
    let text = format!("{whole}.{fraction:0>DECIMALS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal with four places, for columns of tables that are compared by eye.
#[must_use]
pub fn rounded(parts: u64) -> String {
    format!("{:.4}", parts as f64 / PER_WHOLE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, parts) in [
            ("0", 0),
            ("1", PER_WHOLE),
            ("1.5", 1_500_000_000),
            ("0.000000001", 1),
            ("21000000", 21_000_000 * PER_WHOLE),
            ("0.123456789", 123_456_789),
        ] {
            assert_eq!(tao(text).unwrap(), Rao(parts));
            assert_eq!(decimal(parts), text);
        }
        assert_eq!(format!("{:>8}|", Tao(Rao(PER_WHOLE))), "   1 TAO|");
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        for (text, reason) in [
            ("-1", "negative"),
            ("", "digits"),
            (".5", "digits"),
            ("1.", "digits"),
            ("1e9", "digits"),
            ("1,5", "digits"),
            ("0.0000000001", "nine"),
            ("21000000.1", "21 million"),
            ("99999999999999999999999", "21 million"),
        ] {
            let error = tao(text).unwrap_err();
            assert!(error.contains(reason) && error.contains("1.25"), "{error}");
        }
        assert!(percent("101").is_err() && percent("-1").is_err() && percent("NaN").is_err());
        assert_eq!(percent("1.5%"), Ok(1.5));
    }
}
