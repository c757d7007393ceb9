//! The comparison as text.

use std::fmt::Write as _;

use sn3_trainer::convergence::{Arm, Comparison, Method};

/// An arm as people call it: `SparseLoCo 4 × H15`, with what it has of its own.
pub fn arm_name(arm: &Arm) -> String {
    let (peers, steps) = (arm.peers, arm.inner_steps);
    let name = match arm.method {
        Method::AdamW => "AdamW".to_owned(),
        Method::DiLoCo => format!("DiLoCo {peers} × H{steps}"),
        _ => format!("SparseLoCo {peers} × H{steps}"),
    };
    let rate = arm.peak_lr.map_or_else(String::new, |rate| format!(", rate {rate}"));
    let kept = arm.top_k.map_or_else(String::new, |kept| format!(", k {kept}"));
    format!("{name}{kept}{rate}")
}

/// One line an arm, for a terminal.
pub fn text_table(comparison: &[Comparison]) -> String {
    let mut text = format!(
        "{:<36} {:>5} {:>5} {:>9} {:>9} {:>9} {:>12} {:>8} {:>9}",
        "way to train", "outer", "seeds", "loss", "deviation", "to AdamW", "bytes sent", "fewer", "time"
    );
    for row in comparison {
        let _ = write!(
            text,
            "\n{:<36} {:>5} {:>5} {:>9} {:>9} {:>9} {:>12} {:>8} {:>9}",
            arm_name(&row.arm),
            row.arm.outer_lr,
            seeds(row),
            loss(row.loss),
            loss(row.deviation),
            percent(row.above_adamw),
            format!("{:.3} MB", row.sent_bytes / 1e6),
            times(row.fewer_bytes),
            format!("{:.0} s", row.seconds),
        );
    }
    text
}

/// `3`, or `2 + 1 diverged`.
pub fn seeds(row: &Comparison) -> String {
    match row.diverged {
        0 => row.seeds.to_string(),
        diverged => format!("{} + {diverged} diverged", row.seeds),
    }
}

/// A loss or its deviation in nats.
pub fn loss(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "–".to_owned() }
}

/// A share above or below, in percent.
pub fn percent(share: Option<f64>) -> String {
    share
        .filter(|share| share.is_finite())
        .map_or_else(|| "–".to_owned(), |share| format!("{:+.2} %", share * 100.0))
}

/// How many times fewer.
pub fn times(factor: Option<f64>) -> String {
    factor
        .filter(|factor| factor.is_finite())
        .map_or_else(|| "–".to_owned(), |factor| format!("{factor:.0} ×"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_are_dashes() {
        assert_eq!((loss(f64::NAN).as_str(), loss(2.0).as_str()), ("–", "2.0000"));
        assert_eq!((percent(None).as_str(), percent(Some(-0.0123)).as_str()), ("–", "-1.23 %"));
        assert_eq!(times(Some(512.4)), "512 ×");
    }
}
