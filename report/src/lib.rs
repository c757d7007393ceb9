//! One-file HTML reports with vector charts.
//!
//! A report opens offline, needs no script, prints, follows the reader's light or dark setting, and keeps the
//! numbers behind every chart in the page: as a table that unfolds, and as one JSON block for programs.
//!
//! ```text
//!  Report ─┬─ Section ─┬─ text, code
//!          │           ├─ Figure ──► inline SVG + table of its data
//!          │           │    Chart (lines, bands, bars) · Contours · Multiples · Diverging
//!          │           └─ Table
//!          └─ data ──► <script type="application/json">
//! ```
//!
//! ```
//! use sn3_report::{Chart, Report, Section, Series};
//!
//! let loss = Chart::lines("Held-out loss", "window", "nats")
//!     .with(Series::new("model", vec![(0.0, 6.9), (1.0, 5.8), (2.0, 5.1)]));
//! let html = Report::new("A run").with(Section::new("Training").chart(loss)).html();
//! assert!(html.contains("<svg") && !html.contains("http:"));
//! ```
//!
//! It does not draw interactive charts, and it never embeds an image.

mod axis;
mod chart;
mod contour;
mod diverging;
mod escape;
mod figure;
mod multiples;
mod number;
mod page;
mod palette;
mod table;

pub use chart::{Chart, Series};
pub use contour::{Contours, Field, FieldError};
pub use diverging::Diverging;
pub use figure::Figure;
pub use multiples::Multiples;
pub use page::{Report, ReportError, Section};
pub use table::{Align, Table};
