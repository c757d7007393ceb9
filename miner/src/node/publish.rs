//! The upload of a window: payload, and the manifest that binds it.

use bytes::Bytes;
use sn3_exchange::{Expected, fetch_submission, publish_submission};
use sn3_protocol::assignment::{assigned, receipt};
use sn3_protocol::score::sync::probe;
use sn3_protocol::{Digest, Manifest, PROTOCOL_VERSION, SampleReceipt, Uid, Window};

use super::{Checkpoint, Context, MinerNode};
use crate::adversary::Behaviour;
use crate::error::MinerError;
use crate::events::MinerEvent;
use crate::state::Outcome;

impl MinerNode {
    /// Signs and uploads what was made. A store that fails is an outcome, not an error.
    pub(super) async fn publish(&mut self, window: Window, uid: Uid) -> Result<Outcome, MinerError> {
        let block = self.context.head().await?.number;
        let payload = match self.context.behaviour {
            Behaviour::Copycat => self.context.steal(window, self.state.tip.state).await?,
            _ => self.payload.clone(),
        };
        let Some(payload) = payload else {
            return Ok(Outcome::NotPublished { reason: "there is no payload to upload".into() });
        };
        let bytes = payload.len() as u64;
        let manifest = self.manifest(window, uid, &payload)?.sign(self.context.signer.as_ref());
        if let Err(error) = publish_submission(&self.context.store, &manifest, &payload).await {
            return Ok(Outcome::NotPublished { reason: error.to_string() });
        }
        self.context.checkpoint(Checkpoint::Uploaded(window))?;
        self.context.emit(&MinerEvent::Uploaded { window, bytes, block });
        Ok(Outcome::Published)
    }

    fn manifest(&self, window: Window, uid: Uid, payload: &Bytes) -> Result<Manifest, MinerError> {
        let context = &self.context;
        Ok(Manifest {
            protocol_version: PROTOCOL_VERSION,
            run: context.config.run.clone(),
            window,
            uid,
            hotkey: context.signer.hotkey(),
            layout: context.layout.digest(),
            base_state: self.state.tip.state,
            payload: Digest::of(payload),
            payload_bytes: payload.len() as u64,
            inner_steps: context.config.inner_steps,
            samples: context.receipt(window, uid)?,
            sync_probe: probe(&context.layout, &self.theta),
        })
    }
}

impl Context {
    fn receipt(&self, window: Window, uid: Uid) -> Result<SampleReceipt, MinerError> {
        let indices = assigned(&self.config, uid, window, self.samples.train_len())?;
        let ids: Vec<u64> = indices.iter().map(|index| self.samples.sample_id(*index)).collect();
        Ok(receipt(&ids))
    }

    /// The copycat's work: the first submission of somebody else that is there.
    async fn steal(&self, window: Window, base_state: Digest) -> Result<Option<Bytes>, MinerError> {
        let (metagraph, addresses) = (self.metagraph().await?, self.addresses().await?);
        for neuron in metagraph.neurons.iter().filter(|neuron| neuron.hotkey != self.signer.hotkey()) {
            let Ok(store) = self.store_of(&neuron.hotkey, &addresses) else { continue };
            let expected = Expected {
                run: self.config.run.clone(),
                window,
                uid: neuron.uid,
                hotkey: neuron.hotkey,
                layout: self.layout.digest(),
                base_state,
                payload_bytes_max: self.payload_bytes_max(),
            };
            if let Ok(submission) = fetch_submission(&store, &expected).await {
                return Ok(Some(submission.payload));
            }
        }
        Ok(None)
    }
}
