//! stdout is the result, stderr is the story.
//!
//! The only place of the binary that writes to either. With `--json`, stdout carries one JSON object
//! a line, each with `"v": 1`; without it, text for people. Progress bars appear on a terminal, plain
//! lines elsewhere.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this module is the one that prints")]

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

/// Version of the JSON lines.
const JSON_VERSION: u32 = 1;

/// Where a command writes.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    bars: Option<MultiProgress>,
}

impl Output {
    /// Bars only when stderr is a terminal and nobody asked for JSON.
    #[must_use]
    pub fn new(json: bool) -> Self {
        let bars = (!json && std::io::stderr().is_terminal()).then(MultiProgress::new);
        Self { json, bars }
    }

    /// Writes nowhere but what is asked of it as JSON; for tests.
    #[must_use]
    pub fn silent() -> Self {
        Self { json: true, bars: None }
    }

    /// Whether results are JSON lines.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// A line of the story, on stderr.
    pub fn story(&self, line: impl std::fmt::Display) {
        match &self.bars {
            Some(bars) => bars.suspend(|| drop(writeln!(std::io::stderr().lock(), "{line}"))),
            None => drop(writeln!(std::io::stderr().lock(), "{line}")),
        }
    }

    /// Text of the result, on stdout; nothing with `--json`.
    pub fn result(&self, text: impl std::fmt::Display) {
        if !self.json {
            self.clear();
            drop(writeln!(std::io::stdout().lock(), "{text}"));
        }
    }

    /// A piece of text of the result, on stdout, without a line end and at once; nothing with `--json`.
    pub fn write(&self, text: &str) {
        if !self.json {
            let mut stdout = std::io::stdout().lock();
            drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
        }
    }

    /// A JSON line of the result, on stdout; nothing without `--json`.
    pub fn event<T: Serialize>(&self, kind: &str, data: &T) {
        if !self.json {
            return;
        }
        let line = serde_json::json!({ "v": JSON_VERSION, "event": kind, "data": data });
        drop(writeln!(std::io::stdout().lock(), "{line}"));
    }

    /// A progress bar of `steps` steps; invisible where there is no terminal.
    #[must_use]
    pub fn bar(&self, name: &str, steps: u64) -> ProgressBar {
        let Some(bars) = &self.bars else { return ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix:>12} {bar:28} {pos:>5}/{len} {elapsed:>4} {msg}")
            .expect("the template is valid")
            .progress_chars("━╸ ");
        let bar = bars.add(ProgressBar::new(steps).with_style(style));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Removes the bars, before a result is printed or the process ends.
    pub fn clear(&self) {
        if let Some(bars) = &self.bars {
            drop(bars.clear());
        }
    }
}

/// A question on the terminal; the answer is typed on the same line.
pub fn print_question(question: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(write!(stderr, "{question}").and_then(|()| stderr.flush()));
}

/// The last words of a failed command.
pub fn print_error(message: &str) {
    drop(writeln!(std::io::stderr().lock(), "error: {message}"));
}
