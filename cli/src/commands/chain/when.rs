//! Blocks as local durations and dates, because people plan in hours.

use std::time::{SystemTime, UNIX_EPOCH};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// So many blocks as a duration, e.g. `about 13.7 hours`.
#[must_use]
pub fn duration(blocks: u64, block_ms: u64) -> String {
    let ms = blocks.saturating_mul(block_ms);
    let of = |unit_ms: u64, name: &str| format!("about {:.1} {name}", ms as f64 / unit_ms as f64);
    match ms {
        DAY_MS.. => of(DAY_MS, "days"),
        HOUR_MS.. => of(HOUR_MS, "hours"),
        MINUTE_MS.. => of(MINUTE_MS, "minutes"),
        _ => of(SECOND_MS, "seconds"),
    }
}

/// The date so many blocks from now, in UTC to the minute.
#[must_use]
pub fn date_after(blocks: u64, block_ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    utc(now_ms.saturating_add(blocks.saturating_mul(block_ms)))
}

/// A Unix time as a date, by the civil calendar's rule of 400 years.
fn utc(unix_ms: u64) -> String {
    const ERA_DAYS: u64 = 146_097;
    /// Days from the first of March of year 0 to the first of January of 1970.
    const EPOCH_DAYS: u64 = 719_468;
    let (days, rest_ms) = (unix_ms / DAY_MS + EPOCH_DAYS, unix_ms % DAY_MS);
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (rest_ms / HOUR_MS, rest_ms % HOUR_MS / MINUTE_MS);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(1_767_225_600_000), "2026-01-01 00:00 UTC");
        // 29 February of a leap year, a minute before midnight.
        assert_eq!(utc(1_709_251_140_000), "2024-02-29 23:59 UTC");
    }

    #[test]
    fn durations_have_the_unit_that_people_use() {
        // The default immunity of 4,096 blocks of 12 s is 13.7 hours.
        assert_eq!(duration(4_096, 12_000), "about 13.7 hours");
        assert_eq!(duration(1, 12_000), "about 12.0 seconds");
        assert_eq!(duration(50_400, 12_000), "about 7.0 days");
    }
}
