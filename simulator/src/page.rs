//! The studies as one-file pages: vector charts with their data, nothing from outside.
//!
//! ```text
//!  CasesStudy ──▶ cases_page ─────┐
//!  ConsensusStudy ▶ consensus_page┼─▶ sn3_report::Report ─▶ html(), write_atomic()
//! ```

mod cases;
mod consensus;

pub use cases::cases_page;
pub use consensus::consensus_page;

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
    fn percentages_carry_their_sign() {
        assert_eq!(signed_percent(Some(0.012)), "+1.2 %");
        assert_eq!(signed_percent(Some(-0.000_1)), "0.0 %");
        assert_eq!(signed_percent(None), "–");
        assert_eq!(percent(Some(0.75), "none"), "75.0 %");
        assert_eq!(percent(None, "none"), "none");
    }
}
