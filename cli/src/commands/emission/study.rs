//! What the studies share: threads, a folder for results, a bar, Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use crate::args::emission::StudyArgs;
use crate::exit::{CliError, Exit, OrExit};
pub use crate::folder::Folder;
use crate::output::Output;

/// Runs heavy work on a thread that may block, with the number of threads that was asked for.
pub async fn heavy<T: Send + 'static>(
    study: &StudyArgs,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    let threads = study.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_exit(Exit::Failure)?;
    let result = tokio::task::spawn_blocking(move || pool.install(work)).await;
    result.map_err(|error| CliError::new(Exit::Failure, format!("the work was lost: {error}")))
}

/// A callback that moves a bar, for work that tells how much is done and how much there is.
pub fn counting(bar: ProgressBar) -> impl Fn(usize, usize) + Send + Sync + 'static {
    move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(bar.position().max(done as u64));
    }
}

/// A flag that Ctrl-C and SIGTERM set. The second one ends the process at once.
pub fn stop_flag(output: &Output) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let (set, output) = (flag.clone(), output.clone());
    tokio::spawn(async move {
        crate::signals::wait_for_stop().await;
        set.store(true, Ordering::Relaxed);
        output.story("stopping after this block; once more stops at once");
        crate::signals::wait_for_stop().await;
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    flag
}
