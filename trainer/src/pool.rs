//! Threads that work through a fixed list of tasks, so that their number never changes a result.

use std::sync::Arc;

use rayon::prelude::*;

/// A number of threads. One thread means the caller's own, without any hand-over.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Option<Arc<rayon::ThreadPool>>);

impl Pool {
    /// Most threads that a pool starts.
    const THREADS_MAX: usize = 256;

    /// A pool of `threads` threads; 0 counts as 1. Falls back to one thread when none can be started.
    pub(crate) fn new(threads: usize) -> Self {
        if threads <= 1 {
            return Self(None);
        }
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.min(Self::THREADS_MAX));
        let started = builder.thread_name(|index| format!("train-{index}")).build();
        if let Err(error) = &started {
            tracing::warn!(%error, threads, "training on one thread: no thread pool could be started");
        }
        Self(started.ok().map(Arc::new))
    }

    /// Runs `task` on every item. Items must be independent of each other.
    pub(crate) fn each<T: Send>(&self, items: impl Iterator<Item = T>, task: impl Fn(T) + Sync) {
        match &self.0 {
            None => items.for_each(task),
            Some(pool) => {
                let items: Vec<T> = items.collect();
                pool.install(|| items.into_par_iter().for_each(&task));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for threads in [0, 1, 2, 5] {
            let mut values: Vec<usize> = (0..1000).collect();
            Pool::new(threads).each(values.iter_mut(), |value| *value *= 2);
            assert!(values.iter().enumerate().all(|(i, &v)| v == 2 * i));
        }
    }
}
