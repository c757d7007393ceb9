//! The methods themselves. All peers of a run take turns on one trainer, so that memory does not grow with them
//! by more than their states.

use std::ops::ControlFlow;

use sn3_protocol::aggregate::{aggregate_payloads, outer_step};
use sn3_protocol::schedule::InnerSchedule;
use sn3_protocol::sparse::compress;
use sn3_protocol::wire;

use super::{Arm, ConvergenceError, ConvergenceOptions, Method};
use crate::data::Samples;
use crate::order::Order;
use crate::train::{OptimizerState, Train};

/// What a peer carries from window to window.
#[derive(Default)]
struct Peer {
    optimizer: OptimizerState,
    error: Vec<f32>,
}

/// A run under way.
pub(super) struct Runner<'a> {
    trainer: &'a mut dyn Train,
    data: &'a dyn Samples,
    options: &'a ConvergenceOptions,
    arm: Arm,
    schedule: InnerSchedule,
    order: Order,
    /// The state that all peers share, as of the last exchange.
    theta: Vec<f32>,
    /// Momentum of DiLoCo's outer step.
    velocity: Vec<f32>,
    peers: Vec<Peer>,
    step: u64,
    /// Samples of all peers so far.
    trained: u64,
    sent_bytes: u64,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        trainer: &'a mut dyn Train,
        data: &'a dyn Samples,
        options: &'a ConvergenceOptions,
        arm: Arm,
        seed: u64,
        theta: Vec<f32>,
    ) -> Self {
        let workers = if arm.method == Method::AdamW { 1 } else { arm.peers };
        Self {
            order: Order::new(data.count(), seed),
            schedule: options.schedule(&arm),
            velocity: vec![0.0; if arm.method == Method::DiLoCo { theta.len() } else { 0 }],
            peers: (0..workers).map(|_| Peer::default()).collect(),
            trainer,
            data,
            options,
            arm,
            theta,
            step: 0,
            trained: 0,
            sent_bytes: 0,
        }
    }

    pub(super) fn step(&self) -> u64 {
        self.step
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The trainer with the shared state, for an evaluation.
    pub(super) fn judge(&mut self) -> Result<&mut dyn Train, ConvergenceError> {
        self.trainer.set_params(&self.theta)?;
        Ok(&mut *self.trainer)
    }

    /// Tokens so far, in all peers together.
    pub(super) fn tokens(&self) -> u64 {
        self.trained * self.data.seq_len() as u64
    }

    /// Trains whole windows until at least `step` steps are done, but no more than the run has. `tell` gets the
    /// tokens so far after every step of a peer, and ends the run with a break.
    pub(super) fn run_to(
        &mut self,
        step: u64,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ConvergenceError> {
        while self.step < step {
            let last = match self.arm.method {
                // Nothing is exchanged that would need another state: one window up to the evaluation.
                Method::AdamW => step,
                _ => self.options.steps().min(self.step + u64::from(self.arm.inner_steps)),
            };
            if self.window(last, tell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.step = last;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// One window: every peer trains from the shared state, then they exchange.
    fn window(
        &mut self,
        last: u64,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ConvergenceError> {
        let mut after = Vec::with_capacity(self.peers.len());
        for peer in 0..self.peers.len() {
            self.trainer.set_params(&self.theta)?;
            self.trainer.set_optimizer(std::mem::take(&mut self.peers[peer].optimizer))?;
            for step in self.step..last {
                self.one_step(step, peer as u64)?;
                if tell(self.tokens()).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.peers[peer].optimizer = self.trainer.optimizer();
            after.push(self.trainer.params());
        }
        match self.arm.method {
            Method::AdamW => self.take_over(after, last - self.step),
            Method::DiLoCo => self.exchange_dense(&after),
            Method::SparseLoCo => self.exchange_sparse(&after)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The peers share the batch: peer `p` of `n` has the `p`-th of `n` equal parts of it.
    fn one_step(&mut self, step: u64, peer: u64) -> Result<(), ConvergenceError> {
        let batch = u64::from(self.options.batch_samples);
        let share = batch / self.peers.len() as u64;
        let first = step * batch + peer * share;
        let samples = (first..first + share).map(|position| self.data.sample(self.order.at(position)));
        let samples = samples.collect::<Result<Vec<_>, _>>()?;
        let refs: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
        self.trainer.step(&refs, self.schedule.lr(step) as f32)?;
        self.trained += share;
        Ok(())
    }

    /// Each data-parallel worker would have sent one f32 gradient a step.
    fn take_over(&mut self, mut after: Vec<Vec<f32>>, steps: u64) {
        self.theta = after.pop().expect("AdamW has one model");
        self.sent_bytes += steps * 4 * self.theta.len() as u64;
    }

    /// With d the mean of the deltas: v ← μ·v + d; θ ← θ − lr·(d + μ·v).
    fn exchange_dense(&mut self, after: &[Vec<f32>]) {
        let (momentum, lr, count) = (self.options.momentum, self.arm.outer_lr, after.len() as f32);
        for (at, (theta, velocity)) in self.theta.iter_mut().zip(&mut self.velocity).enumerate() {
            let delta = after.iter().map(|after| *theta - after[at]).sum::<f32>() / count;
            *velocity = momentum * *velocity + delta;
            *theta -= lr * (delta + momentum * *velocity);
        }
        self.sent_bytes += 4 * self.theta.len() as u64;
    }

    /// As in the network: compressed with error feedback, encoded, decoded, clipped, averaged.
    fn exchange_sparse(&mut self, after: &[Vec<f32>]) -> Result<(), ConvergenceError> {
        let (layout, config) = (self.trainer.layout(), &self.arm.sparse(&self.options.sparse));
        let mut payloads = Vec::with_capacity(after.len());
        for (peer, after) in self.peers.iter_mut().zip(after) {
            let delta: Vec<f32> =
                self.theta.iter().zip(after).map(|(before, after)| before - after).collect();
            peer.error.resize(delta.len(), 0.0);
            let sent = compress(layout, config, &mut peer.error, &delta)?;
            payloads.push(wire::encode(&sent, layout, config.top_k));
        }
        let bytes: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let update = aggregate_payloads(layout, config.top_k, &bytes)?;
        outer_step(&mut self.theta, layout, &update, self.arm.outer_lr)?;
        let total: u64 = payloads.iter().map(|payload| payload.len() as u64).sum();
        self.sent_bytes += total / payloads.len() as u64;
        Ok(())
    }
}
