//! Long work: off the async threads, stopped by Ctrl-C, with a line now and then where there is no terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exit::{CliError, Exit};
use crate::output::Output;

/// Time between two plain lines of progress.
const LINE_EVERY_S: u64 = 10;

/// Runs work that may block.
pub async fn heavy<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    let result = tokio::task::spawn_blocking(work).await;
    result.map_err(|error| CliError::new(Exit::Failure, format!("the work was lost: {error}")))?
}

/// A flag that Ctrl-C and SIGTERM set; `line` says what happens then. The second one ends the process at once.
pub fn stop_flag(output: &Output, line: &'static str) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let (set, output) = (flag.clone(), output.clone());
    tokio::spawn(async move {
        crate::signals::wait_for_stop().await;
        set.store(true, Ordering::Relaxed);
        output.story(format_args!("{line}; once more stops at once"));
        crate::signals::wait_for_stop().await;
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    flag
}

/// Runs work to its end, or leaves it where Ctrl-C or SIGTERM comes: for work that keeps what is done on disk by
/// itself. `line` says what is kept.
pub async fn leave_on_stop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
    line: &str,
) -> Result<T, CliError> {
    tokio::select! {
        result = heavy(work) => result,
        () = crate::signals::wait_for_stop() => {
            // The thread that works cannot be asked to stop; the process ends without it.
            crate::output::print_error(line);
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    }
}

/// Lets a line through every ten seconds.
pub struct Pace(Instant);

impl Pace {
    /// The first line comes after ten seconds.
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Whether a line is due.
    pub fn due(&mut self) -> bool {
        let due = self.0.elapsed() >= Duration::from_secs(LINE_EVERY_S);
        if due {
            self.0 = Instant::now();
        }
        due
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

/// A time as people say it: `42 s`, `7 min`, `2 h 5 min`.
pub fn lasting(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0..2 => format!("{seconds:.0} s"),
        2..90 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn times_are_short() {
        assert_eq!([lasting(42.4), lasting(420.0), lasting(7_500.0)], ["42 s", "7 min", "2 h 5 min"]);
    }
}
