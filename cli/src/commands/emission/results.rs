//! Formats of the series, and amounts for people.

use sn3_simulator::output::TableFormat;

use crate::args::emission::SeriesFormat;

/// The formats that were asked for.
pub fn formats(chosen: &[SeriesFormat]) -> Vec<TableFormat> {
    chosen.iter().copied().map(format).collect()
}

fn format(chosen: SeriesFormat) -> TableFormat {
    match chosen {
        SeriesFormat::Csv => TableFormat::Csv,
        SeriesFormat::Parquet => TableFormat::Parquet,
        SeriesFormat::Json => TableFormat::Json,
    }
}

/// Rao as units with all nine decimals.
pub fn units(rao: i64) -> String {
    let sign = if rao < 0 { "-" } else { "" };
    let rao = rao.unsigned_abs();
    format!("{sign}{}.{:09}", rao / 1_000_000_000, rao % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn amounts_keep_every_rao() {
        assert_eq!(units(1), "0.000000001");
        assert_eq!(units(-12_345_678_901), "-12.345678901");
    }
}
