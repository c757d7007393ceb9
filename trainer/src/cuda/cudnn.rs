//! Attention by cuDNN's graph interface: plans made once for a size, run on the device's stream.
#![allow(unsafe_code, reason = "the library's calls take pointers; each block says why they are right")]

mod descriptor;
mod graph;
mod plan;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cudnn::{result, sys};
use cudarc::driver::CudaStream;

use super::attention::{self, Sizes};
use super::device::{Address, Device, GpuError};
use super::driver::CudaDevice;
use super::library;
use graph::uid;
use plan::{For, Plan};

/// Releases whose attention backward is known to be wrong.
pub(super) const REFUSED: [usize; 2] = [91_000, 91_001];

/// Both plans of a size, or that the library has none.
struct Plans {
    forward: Plan,
    backward: Plan,
    workspace: Address,
}

/// The library, opened.
pub(super) struct Attention {
    handle: sys::cudnnHandle_t,
    plans: Mutex<HashMap<Sizes, Option<Plans>>>,
}

// SAFETY: the handle is used by one thread at a time: every use is under the lock of the plans.
unsafe impl Send for Attention {}
// SAFETY: as above.
unsafe impl Sync for Attention {}

impl Attention {
    /// Opens the library for work on `stream`; none, with a message, where it is missing, refused or fails.
    pub(super) fn open(stream: &Arc<CudaStream>) -> Option<Self> {
        if !library::cudnn() {
            tracing::info!(
                "cuDNN was not found: attention runs on the crate's own kernels, which are slower"
            );
            return None;
        }
        let version = result::get_version();
        if REFUSED.contains(&version) {
            tracing::warn!(
                version,
                "this cuDNN's attention backward is wrong: the crate's own kernels are used"
            );
            return None;
        }
        let handle = result::create_handle().ok()?;
        // SAFETY: both are alive; the stream outlives the device that owns this.
        if unsafe { result::set_stream(handle, stream.cu_stream().cast()) }.is_err() {
            return None;
        }
        Some(Self { handle, plans: Mutex::default() })
    }

    /// Makes the plans of a size and takes the memory they work in.
    pub(super) fn prepare(&self, device: &CudaDevice, sizes: Sizes) -> Result<(), GpuError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        self.plans_for(device, &mut plans, sizes).map(|_| ())
    }

    pub(super) fn forward(&self, device: &CudaDevice, work: &attention::Forward) -> Result<(), GpuError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = self.plans_for(device, &mut plans, work.sizes)? else {
            return attention::forward(device, work);
        };
        let parts = Parts::of(work.qkv, &work.sizes);
        let memory = [
            (uid::QUERIES, parts.queries),
            (uid::KEYS_TRANSPOSED, parts.keys),
            (uid::VALUES, parts.values),
            (uid::OUT, work.out),
            (uid::LOG_SUMS, work.log_sums),
        ];
        found.forward.run(self.handle, &memory, &numbers(&work.sizes)[..2], found.workspace)
    }

    pub(super) fn backward(&self, device: &CudaDevice, work: &attention::Backward) -> Result<(), GpuError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = self.plans_for(device, &mut plans, work.forward.sizes)? else {
            return attention::backward(device, work);
        };
        let forward = &work.forward;
        let (parts, gradients) =
            (Parts::of(forward.qkv, &forward.sizes), Parts::of(work.dqkv, &forward.sizes));
        // The library adds into it.
        let sums_bytes = forward.sizes.rows() * forward.sizes.heads * forward.sizes.head_dim * 4;
        device.zero(work.query_sums, sums_bytes)?;
        let memory = [
            (uid::QUERIES, parts.queries),
            (uid::KEYS_TRANSPOSED, parts.keys),
            (uid::VALUES_TRANSPOSED, parts.values),
            (uid::OUT, forward.out),
            (uid::LOG_SUMS, forward.log_sums),
            (uid::DOUT, work.dout),
            (uid::DQUERIES, gradients.queries),
            (uid::DKEYS, gradients.keys),
            (uid::DVALUES, gradients.values),
            (uid::ROW_SUMS, work.row_sums),
            (uid::QUERY_SUMS, work.query_sums),
        ];
        found.backward.run(self.handle, &memory, &numbers(&forward.sizes), found.workspace)
    }

    /// The plans of a size, made when first asked for; none where the library cannot, with one message.
    fn plans_for<'a>(
        &self,
        device: &CudaDevice,
        plans: &'a mut HashMap<Sizes, Option<Plans>>,
        sizes: Sizes,
    ) -> Result<Option<&'a Plans>, GpuError> {
        let place = match plans.entry(sizes) {
            Entry::Occupied(found) => return Ok(found.into_mut().as_ref()),
            Entry::Vacant(place) => place,
        };
        let made = match self.make(device, sizes) {
            Ok(made) => Some(made),
            Err(GpuError::OutOfMemory { bytes }) => return Err(GpuError::OutOfMemory { bytes }),
            Err(error) => {
                tracing::warn!(%error, "cuDNN has no attention for this size: the crate's own kernels are used");
                None
            }
        };
        Ok(place.insert(made).as_ref())
    }

    fn make(&self, device: &CudaDevice, sizes: Sizes) -> Result<Plans, GpuError> {
        let forward = Plan::new(graph::forward(sizes)?, &For::Handle(self.handle))?;
        let backward = Plan::new(graph::backward(sizes)?, &For::Handle(self.handle))?;
        // Kept until the process ends: sizes are few, and a recording may hold the address.
        let workspace = device.allocate(forward.workspace_bytes.max(backward.workspace_bytes))?;
        Ok(Plans { forward, backward, workspace })
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        // SAFETY: made by the library, and not used after this. There is nothing to do about a failure.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// Where queries, keys and values begin in rows of all three.
struct Parts {
    queries: Address,
    keys: Address,
    values: Address,
}

impl Parts {
    fn of(rows: Address, sizes: &Sizes) -> Self {
        // Two bytes a value: the library is used for bf16 only.
        let (query, key) = (2 * sizes.heads * sizes.head_dim, 2 * sizes.kv_heads * sizes.head_dim);
        Self { queries: rows, keys: rows.after(query), values: rows.after(query + key) }
    }
}

/// What the graphs take by value.
fn numbers(sizes: &Sizes) -> [(i64, f32); 3] {
    [(uid::SCALE, sizes.scale()), (uid::MASKED, f32::NEG_INFINITY), (uid::ONE, 1.0)]
}

#[cfg(test)]
mod tests;
