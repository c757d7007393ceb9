//! Numbers as people read them.

use std::fmt;

/// Six significant digits, without trailing zeros.
pub(crate) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{:.0}", value + 0.0);
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    trimmed(&format!("{value:.digits$}")).to_owned()
}

/// At most four decimals, which is finer than a small chart shows.
pub(crate) fn short(value: f64) -> String {
    match trimmed(&format!("{value:.4}")) {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A coordinate in a drawing: one decimal, and none where it is zero.
pub(crate) struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        match (tenths / 10, (tenths % 10).abs()) {
            (whole, 0) => write!(f, "{whole}"),
            (0, tenth) if tenths < 0 => write!(f, "-0.{tenth}"),
            (whole, tenth) => write!(f, "{whole}.{tenth}"),
        }
    }
}

/// A path through `points`, each already in pixels; `None` lifts the pen. Points within a straight level run are
/// left out.
pub(crate) fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let points: Vec<Option<(String, String)>> =
        points.map(|point| point.map(|(x, y)| (Px(x).to_string(), Px(y).to_string()))).collect();
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let Some((x, y)) = point else { continue };
        let before = index.checked_sub(1).and_then(|i| points[i].as_ref());
        let after = points.get(index + 1).and_then(Option::as_ref);
        let level = |other: Option<&(String, String)>| other.is_some_and(|(_, other)| other == y);
        match before {
            None => path.push_str(&format!("M{x} {y}")),
            Some(_) if level(before) && level(after) => {}
            Some(_) => path.push_str(&format!("L{x} {y}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(3.0), "3");
        assert_eq!(number(-0.0), "0");
        assert_eq!(number(0.100_000_1), "0.1");
        assert_eq!(number(1_234.567_89), "1234.57");
        assert_eq!(number(-0.000_012_345_678), "-0.0000123457");
        assert_eq!((short(0.8), short(1.0), short(-0.000_001)), ("0.8".into(), "1".into(), "0".into()));
        assert_eq!(short(120.0), "120");
    }

    #[test]
    fn coordinates_carry_one_decimal() {
        let text = |v: f64| Px(v).to_string();
        assert_eq!((text(12.0), text(0.26), text(-0.26)), ("12".into(), "0.3".into(), "-0.3".into()));
        assert_eq!((text(-3.16), text(0.0)), ("-3.2".into(), "0".into()));
    }

    #[test]
    fn level_runs_are_one_stroke_and_gaps_lift_the_pen() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 2.0)].map(Some);
        assert_eq!(path(points.into_iter()), "M0 1L2 1L3 2");
        assert_eq!(path([Some((0.0, 1.0)), None, Some((2.0, 1.0))].into_iter()), "M0 1M2 1");
    }
}
