//! One-file HTML reports with vector charts.
