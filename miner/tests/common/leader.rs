//! A leader that aggregates everybody whom it can read, and makes the mistakes that it is told to.

use std::sync::Arc;

use bytes::Bytes;
use sn3_chain::ChainClock;
use sn3_exchange::{Expected, fetch_submission, publish_record};
use sn3_protocol::{
    ChunkRule, Digest, Layout, PROTOCOL_VERSION, PseudoGradient, RecordEntry, RoundRecord, Signer, Uid,
    Window, aggregate, wire,
};

use super::world::LEADER;
use super::{Clock, ToyTrainer, World, block, key};

/// A mistake in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// No record; the next one continues the one before.
    Silent(u64),
    /// The record comes eight blocks after the deadline, when nobody waits for it any more.
    Slow(u64),
    /// The record claims another state.
    Lies(u64),
    /// The record is signed by somebody else.
    Unsigned(u64),
    /// The record has another learning rate than the run.
    Rate(u64),
}

struct Ledger {
    theta: Vec<f32>,
    record: Digest,
}

/// Leads the run; the digests of all records in order.
pub async fn lead(world: &World, clock: Arc<Clock>, fault: Option<Fault>) -> Vec<RoundRecord> {
    let config = &world.config;
    let layout = config.model.layout(ChunkRule::default()).unwrap();
    let mut ledger = Ledger { theta: ToyTrainer::initial(&config.model), record: config.digest() };
    let mut records = Vec::new();
    for window in config.start_window.0..=config.end_window.unwrap().0 {
        let deadline = config.deadline_block(Window(window));
        clock.wait_until(deadline).await.unwrap();
        if fault == Some(Fault::Silent(window)) {
            continue;
        }
        let (record, payloads, theta) = round(world, &layout, &ledger, Window(window), fault).await;
        if fault == Some(Fault::Slow(window)) {
            clock.wait_until(deadline.saturating_add(8)).await.unwrap();
        }
        let signer = if fault == Some(Fault::Unsigned(window)) { key(9) } else { key(LEADER) };
        publish(world, &record, &payloads, signer.as_ref()).await;
        ledger = Ledger { theta, record: record.digest() };
        records.push(record);
    }
    clock.wait_until(config.deadline_block(config.end_window.unwrap()).saturating_add(9)).await.unwrap();
    records
}

async fn round(
    world: &World,
    layout: &Layout,
    ledger: &Ledger,
    window: Window,
    fault: Option<Fault>,
) -> (RoundRecord, Vec<Bytes>, Vec<f32>) {
    let config = &world.config;
    let (mut aggregated, mut payloads, mut gradients) = (Vec::new(), Vec::new(), Vec::new());
    for uid in 1..world.neurons as u8 {
        let Some((payload, gradient)) = submission(world, layout, &ledger.theta, window, uid).await else {
            continue;
        };
        aggregated.push(RecordEntry {
            uid: Uid(u16::from(uid)),
            hotkey: key(uid).hotkey(),
            payload: Digest::of(&payload),
            payload_bytes: payload.len() as u64,
        });
        payloads.push(payload);
        gradients.push(gradient);
    }
    let mut theta = ledger.theta.clone();
    let outer_lr = config.outer_lr(window) * if fault == Some(Fault::Rate(window.0)) { 2.0 } else { 1.0 };
    if !gradients.is_empty() {
        let peers: Vec<&PseudoGradient> = gradients.iter().collect();
        let update = aggregate::aggregate(layout, config.sparse.top_k, &peers).unwrap();
        aggregate::outer_step(&mut theta, layout, &update, outer_lr).unwrap();
    }
    let lies = fault == Some(Fault::Lies(window.0));
    let state_after = if lies { Digest::of(b"a lie") } else { layout.state_digest(&theta) };
    let deadline = block(config.deadline_block(window).0);
    let record = RoundRecord {
        protocol_version: PROTOCOL_VERSION,
        run: config.run.clone(),
        window,
        deadline_block: deadline.number,
        deadline_hash: deadline.hash,
        previous: ledger.record,
        aggregated,
        outer_lr,
        state_before: layout.state_digest(&ledger.theta),
        state_after,
        leader: key(LEADER).hotkey(),
    };
    (record, payloads, theta)
}

async fn submission(
    world: &World,
    layout: &Layout,
    theta: &[f32],
    window: Window,
    uid: u8,
) -> Option<(Bytes, PseudoGradient)> {
    let top_k = world.config.sparse.top_k;
    let expected = Expected {
        run: world.config.run.clone(),
        window,
        uid: Uid(u16::from(uid)),
        hotkey: key(uid).hotkey(),
        layout: layout.digest(),
        base_state: layout.state_digest(theta),
        payload_bytes_max: wire::bytes_max(layout, top_k),
    };
    let payload = fetch_submission(&world.store(uid), &expected).await.ok()?.payload;
    let gradient = wire::decode(&payload, layout, top_k).ok()?;
    Some((payload, gradient))
}

async fn publish(world: &World, record: &RoundRecord, payloads: &[Bytes], signer: &dyn Signer) {
    let signed = record.clone().sign(signer);
    if signer.hotkey() == record.leader {
        return publish_record(&world.store(LEADER), &signed, payloads).await.unwrap();
    }
    let key = sn3_exchange::Key::record(&record.run, record.window, &record.leader);
    world.store(LEADER).put(&key, codec::Encode::encode(&signed).into()).await.unwrap();
}
