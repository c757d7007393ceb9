//! The inner loop of a window, and the payload that comes out of it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sn3_protocol::assignment::assigned;
use sn3_protocol::{Digest, Uid, Window, sparse, wire};
use sn3_trainer::train::Train;

use super::{Checkpoint, Context, MinerNode};
use crate::disk::Worker;
use crate::error::MinerError;
use crate::events::MinerEvent;
use crate::state::Outcome;

/// One window's work, on its way to a blocking thread.
struct Job {
    context: Arc<Context>,
    trainer: Box<dyn Train>,
    theta: Arc<Vec<f32>>,
    error: Vec<f32>,
    uid: Uid,
    window: Window,
}

/// What came out.
struct Made {
    trainer: Box<dyn Train>,
    error: Vec<f32>,
    payload: Bytes,
}

impl MinerNode {
    /// Trains a window from the current state and makes its payload. The parameters are not changed: only the
    /// round record changes them.
    pub(super) async fn train(&mut self, window: Window) -> Result<Outcome, MinerError> {
        self.uid = self.context.own_uid().await?;
        let job = Job {
            context: self.context.clone(),
            trainer: self.trainer.take().ok_or(MinerError::Panicked("the trainer"))?,
            theta: self.theta.clone(),
            error: std::mem::take(&mut self.error),
            uid: self.uid,
            window,
        };
        let made = tokio::task::spawn_blocking(move || job.run());
        let made = made.await.map_err(|_| MinerError::Panicked("the trainer"))??;
        self.context.checkpoint(Checkpoint::Compressed(window))?;
        self.keep(made).await?;
        Ok(Outcome::Trained { uid: self.uid })
    }

    async fn keep(&mut self, made: Made) -> Result<(), MinerError> {
        let Made { trainer, error, payload } = made;
        if self.disk.is_some() {
            let worker = Worker { optimizer: trainer.optimizer(), error: error.clone() };
            let payload = payload.clone();
            self.on_disk(move |disk| disk.keep_work(worker, &payload)).await?;
        }
        self.trainer = Some(trainer);
        self.error = error;
        self.payload = Some(payload);
        Ok(())
    }
}

impl Job {
    fn run(mut self) -> Result<Made, MinerError> {
        let behaviour = self.context.behaviour;
        self.announce();
        let mut delta = if behaviour.trains() { self.inner_loop()? } else { vec![0.0; self.theta.len()] };
        behaviour.change_delta(&mut delta, self.uid, self.window, self.step_size());
        let payload = self.compress(&delta)?;
        let Self { trainer, error, .. } = self;
        Ok(Made { trainer, error, payload })
    }

    fn announce(&self) {
        let (config, window) = (&self.context.config, self.window);
        self.context.emit(&MinerEvent::WindowStarted {
            window,
            round: config.round(window),
            uid: self.uid,
            steps: config.inner_steps,
            deadline: config.deadline_block(window),
        });
    }

    /// H inner steps on the assigned samples; the pseudo-gradient `theta_start − theta_after`.
    fn inner_loop(&mut self) -> Result<Vec<f32>, MinerError> {
        let context = self.context.clone();
        let (config, samples) = (&context.config, context.samples.as_ref());
        let indices = assigned(config, self.uid, self.window, samples.train_len())?;
        self.trainer.set_params(&self.theta)?;
        let first_step = config.first_inner_step(self.window);
        let (begin, mut tokens) = (Instant::now(), 0u64);
        for (step, batch) in (1u32..).zip(indices.chunks(config.batch_samples as usize)) {
            let batch: Vec<&[u32]> = batch.iter().map(|index| samples.train(*index)).collect();
            let lr = config.inner.lr(first_step + u64::from(step) - 1);
            let window = self.window;
            let failed = |source| MinerError::Step { window, step, source };
            let stats = self.trainer.step(&batch, lr as f32).map_err(failed)?;
            tokens += u64::from(stats.tokens);
            context.emit(&MinerEvent::InnerStep {
                window,
                step,
                steps: config.inner_steps,
                loss: stats.loss,
                grad_norm: stats.grad_norm,
                lr,
                tokens_per_s: tokens as f64 / begin.elapsed().as_secs_f64().max(f64::EPSILON),
            });
            context.checkpoint(Checkpoint::InnerStep(window, step))?;
        }
        let after = self.trainer.params();
        Ok(self.theta.iter().zip(&after).map(|(start, after)| start - after).collect())
    }

    fn compress(&mut self, delta: &[f32]) -> Result<Bytes, MinerError> {
        let (context, window) = (self.context.clone(), self.window);
        let layout = &context.layout;
        let gradient = sparse::compress(layout, &context.config.sparse, &mut self.error, delta)
            .map_err(|source| MinerError::Compress { window, source })?;
        let mut payload = wire::encode(&gradient, layout, context.top_k());
        context.behaviour.change_payload(&mut payload, window);
        let bytes = payload.len() as u64;
        context.emit(&MinerEvent::Compressed {
            window,
            bytes,
            ratio: 4.0 * layout.parameters() as f64 / bytes as f64,
            payload: Digest::of(&payload),
        });
        Ok(payload.into())
    }

    /// How far a parameter can move in a window: AdamW moves about one learning rate a step.
    fn step_size(&self) -> f32 {
        let config = &self.context.config;
        let lr = config.inner.lr(config.first_inner_step(self.window));
        lr as f32 * config.inner_steps as f32
    }
}
