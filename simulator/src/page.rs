//! The studies as one-file pages: vector charts with their data, nothing from outside.
//!
//! ```text
//!  Simulation ────▶ run_page ──────┐
//!  SweepResult ───▶ sweep_page ────┤
//!  DiffResult ────▶ diff_page ─────┤
//!  CasesStudy ────▶ cases_page ────┤
//!  ConsensusStudy ▶ consensus_page ┼─▶ sn3_report::Report ─▶ html(), write_atomic()
//!  AttacksStudy ──▶ attacks_page ──┘
//! ```

mod attacks;
mod cases;
mod consensus;
mod diff;
mod run;
mod sweep;

pub use attacks::attacks_page;
pub use cases::cases_page;
pub use consensus::consensus_page;
pub use diff::diff_page;
pub use run::run_page;
pub use sweep::sweep_page;

/// Points of a line at most; a chart shows no more, and the data files have all.
const POINTS_MAX: usize = 150;

/// Every n-th row so that at most [`POINTS_MAX`] and the last one remain.
fn thinned<T: Copy>(rows: &[T]) -> impl Iterator<Item = T> + '_ {
    let every = rows.len().div_ceil(POINTS_MAX).max(1);
    let last = rows.len().saturating_sub(1);
    rows.iter().enumerate().filter(move |(at, _)| at % every == 0 || *at == last).map(|(_, row)| *row)
}

/// Rao as whole units with as many decimals as matter: two from a hundred units on, six below.
fn tao(rao: i128) -> String {
    let units = rao as f64 / 1e9;
    match units.abs() {
        0.0 => "0".to_owned(),
        large if large >= 100.0 => format!("{units:.2}"),
        small if small >= 0.000_001 => format!("{units:.6}"),
        _ => format!("{rao} rao"),
    }
}

/// A share as a signed percentage, such as `+1.2 %`; a dash where there is none.
fn signed_percent(share: Option<f64>) -> String {
    match share {
        Some(share) if (share * 100.0).abs() < 0.05 => "0.0 %".to_owned(),
        Some(share) => format!("{:+.1} %", share * 100.0),
        None => "–".to_owned(),
    }
}

/// A share as a percentage; `fallback` where there is none.
fn percent(share: Option<f64>, fallback: &str) -> String {
    share.map_or_else(|| fallback.to_owned(), |share| format!("{:.1} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_thinned_and_keep_their_end() {
        let rows: Vec<u32> = (0..1_001).collect();
        let kept: Vec<u32> = thinned(&rows).collect();
        assert!(kept.len() <= POINTS_MAX + 1 && kept[0] == 0 && kept[kept.len() - 1] == 1_000);
        assert_eq!(thinned(&[1, 2]).count(), 2);
        assert_eq!(thinned::<u32>(&[]).count(), 0);
    }

    #[test]
    fn amounts_show_what_matters() {
        assert_eq!(tao(123_456_789_000), "123.46");
        assert_eq!(tao(-1_500_000_000), "-1.500000");
        assert_eq!((tao(0), tao(12)), ("0".to_owned(), "12 rao".to_owned()));
    }

    #[test]
    fn percentages_carry_their_sign() {
        assert_eq!(signed_percent(Some(0.012)), "+1.2 %");
        assert_eq!(signed_percent(Some(-0.000_1)), "0.0 %");
        assert_eq!(signed_percent(None), "–");
        assert_eq!(percent(Some(0.75), "none"), "75.0 %");
        assert_eq!(percent(None, "none"), "none");
    }
}
