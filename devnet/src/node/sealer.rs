//! The task that makes blocks by itself.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    config::Sealing,
    engine::{AdvanceError, Engine},
};

/// Instant sealing waits this long for more transactions of the same burst.
const BURST_MS: u64 = 2;

/// Seals according to the current mode, and follows it when it changes. Ends with the node.
pub async fn run(engine: Arc<Engine>) {
    let mut mode = engine.sealing.subscribe();
    loop {
        let current = *mode.borrow_and_update();
        match current {
            Sealing::Manual => until_changed(&mut mode).await,
            Sealing::Instant => tokio::select! {
                () = until_changed(&mut mode) => {}
                () = on_arrival(&engine) => {}
            },
            Sealing::Interval { block_time_ms } => tokio::select! {
                () = until_changed(&mut mode) => {}
                () = at_interval(&engine, block_time_ms) => {}
            },
        }
    }
}

async fn until_changed(mode: &mut watch::Receiver<Sealing>) {
    if mode.changed().await.is_err() {
        // The engine is gone; so will be this task.
        std::future::pending::<()>().await;
    }
}

/// Waits for a transaction, and seals until none is ready.
async fn on_arrival(engine: &Arc<Engine>) {
    if engine.pool.counts().1 == 0 {
        engine.pool.arrival().await;
        sleep(Duration::from_millis(BURST_MS)).await;
    }
    while engine.pool.counts().1 > 0 {
        let before = engine.pool.counts();
        if !seal(engine).await || engine.pool.counts() == before {
            // Nothing moved, so trying again at once would only spin.
            engine.pool.arrival().await;
        }
    }
}

async fn at_interval(engine: &Arc<Engine>, block_time_ms: u64) {
    let mut ticks = interval(Duration::from_millis(block_time_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        seal(engine).await;
    }
}

/// One block, off the async threads. `false` when it failed, which has been logged.
async fn seal(engine: &Arc<Engine>) -> bool {
    let engine = engine.clone();
    match tokio::task::spawn_blocking(move || engine.seal()).await {
        Ok(Ok(_)) => true,
        Ok(Err(AdvanceError::Stopping)) => false,
        Ok(Err(error)) => {
            tracing::error!(%error, "no block could be made");
            false
        }
        Err(error) => {
            tracing::error!(%error, "the task that makes blocks ended");
            false
        }
    }
}
