//! Colours that people with any colour vision tell apart.

/// Colours of Okabe and Ito; dark ones first.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#767676"];
/// After eight series the colours come again with another dash.
const DASHES: [&str; 4] = ["", "6 3", "2 3", "8 3 2 3"];
/// Where a few lines lie upon each other, a dash for each keeps all of them visible.
const FEW_DASHES: [&str; 4] = ["", "5 2", "1.5 2", "6 2 1.5 2"];

/// More of something, and less of it: blue and orange, for bars to both sides of zero.
pub(crate) const GAIN: &str = COLOURS[0];
/// See [`GAIN`].
pub(crate) const LOSS: &str = COLOURS[1];

/// Colour and dash of the series at `index`.
pub(crate) fn look(index: usize) -> (&'static str, &'static str) {
    (COLOURS[index % COLOURS.len()], DASHES[(index / COLOURS.len()) % DASHES.len()])
}

/// Colour and dash where lines often cover each other.
pub(crate) fn look_of_few(index: usize) -> (&'static str, &'static str) {
    (COLOURS[index % COLOURS.len()], FEW_DASHES[index % FEW_DASHES.len()])
}

/// Ordered colours, dark to light, that also differ in lightness (points of the cividis scale).
const SEQUENCE: [(f64, f64, f64); 5] = [
    (0.0, 45.0, 110.0),
    (66.0, 78.0, 108.0),
    (123.0, 122.0, 120.0),
    (175.0, 158.0, 100.0),
    (214.0, 178.0, 40.0),
];

/// The colour of an ordered quantity at `share` of its range, 0 to 1.
pub(crate) fn sequential(share: f64) -> String {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let at = share * (SEQUENCE.len() - 1) as f64;
    let below = (at.floor() as usize).min(SEQUENCE.len() - 2);
    let (a, b, part) = (SEQUENCE[below], SEQUENCE[below + 1], at - below as f64);
    let mix = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_colours_run_from_end_to_end() {
        assert_eq!(sequential(0.0), "#002d6e");
        assert_eq!(sequential(1.0), "#d6b228");
        assert_eq!(sequential(f64::NAN), "#002d6e");
        assert_eq!(sequential(7.0), "#d6b228");
    }

    #[test]
    fn looks_repeat_only_after_thirty_two() {
        let looks: std::collections::BTreeSet<_> = (0..32).map(look).collect();
        assert_eq!(looks.len(), 32);
    }
}
