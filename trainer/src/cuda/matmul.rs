//! Matrix products by cublasLt: one description and one algorithm for each shape, chosen by measuring.
#![allow(unsafe_code, reason = "the library's calls take pointers; each block says why they are right")]

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::sys::CUevent_flags;
use cudarc::driver::{CudaContext, result as driver};

use super::device::{Address, Device, GpuError, Operand, Product};
use super::driver::{CudaDevice, failed as driver_failed};
use super::source::Storage;

/// Room that algorithms may use.
const WORKSPACE_BYTES: usize = 64 << 20;
/// Most algorithms that are measured for a shape.
const CANDIDATES_MAX: usize = 16;
/// Runs of each measured algorithm, after one that is not counted.
const MEASURED_RUNS: u32 = 3;
/// Alignments above this make no difference.
const ALIGNMENT_MAX: u64 = 256;

/// What decides how a product is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    sizes: [usize; 3],
    lines: [usize; 3],
    transposed: [bool; 2],
    adds: bool,
    floats: bool,
    alignments: [u64; 4],
}

impl Key {
    fn new(product: &Product) -> Self {
        let Product { m, n, k, a, b, added, out, line, floats } = *product;
        let alignment = |at: Address| 1 << (at.0 | ALIGNMENT_MAX).trailing_zeros();
        Self {
            sizes: [m, n, k],
            lines: [a.line, b.line, line],
            transposed: [a.transposed, b.transposed],
            adds: added.is_some(),
            floats,
            alignments: [alignment(a.at), alignment(b.at), alignment(added.unwrap_or(out)), alignment(out)],
        }
    }
}

/// The descriptions of one shape, and its algorithm.
struct Plan {
    description: sys::cublasLtMatmulDesc_t,
    // In the library's order, which is column-major: our right side is its left.
    left: sys::cublasLtMatrixLayout_t,
    right: sys::cublasLtMatrixLayout_t,
    out: sys::cublasLtMatrixLayout_t,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

/// All products of a device.
pub(super) struct Products {
    handle: sys::cublasLtHandle_t,
    context: Arc<CudaContext>,
    workspace: Address,
    measure: bool,
    plans: Mutex<HashMap<Key, Plan>>,
}

// SAFETY: the handle may be used from any thread; the plans are only touched under their lock.
unsafe impl Send for Products {}
// SAFETY: as above.
unsafe impl Sync for Products {}

impl Products {
    pub(super) fn new(context: &Arc<CudaContext>, measure: bool) -> Result<Self, GpuError> {
        let handle = result::create_handle().map_err(|e| failed("opening cublasLt", e))?;
        context.bind_to_thread().map_err(|e| driver_failed("taking the GPU for this thread", e))?;
        // SAFETY: the context is this thread's.
        let workspace = unsafe { driver::malloc_sync(WORKSPACE_BYTES) };
        let workspace = Address(workspace.map_err(|_| GpuError::OutOfMemory { bytes: WORKSPACE_BYTES })?);
        let context = context.clone();
        Ok(Self { handle, context, workspace, measure, plans: Mutex::default() })
    }

    /// Asks for the product on the device's stream.
    pub(super) fn multiply(&self, device: &CudaDevice, product: &Product) -> Result<(), GpuError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::new(product);
        let plan = match plans.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(self.plan(device, product, &key)?),
        };
        self.run(device, product, plan, product.out)
    }

    /// Runs a plan, with the result at `out`.
    fn run(&self, device: &CudaDevice, product: &Product, plan: &Plan, out: Address) -> Result<(), GpuError> {
        let (one, beta) = (1.0f32, if product.added.is_some() { 1.0f32 } else { 0.0 });
        let pointer = |at: Address| at.0 as *const c_void;
        // SAFETY: descriptions and algorithm live in `plans`; the addresses are those of buffers that hold the
        // matrices which the descriptions name (the tests run the same products on the CPU between guard pages);
        // the factors are read during the call.
        unsafe {
            result::matmul(
                self.handle,
                plan.description,
                (&raw const one).cast(),
                (&raw const beta).cast(),
                pointer(product.b.at),
                plan.left,
                pointer(product.a.at),
                plan.right,
                pointer(product.added.unwrap_or(out)),
                plan.out,
                out.0 as *mut c_void,
                plan.out,
                &plan.algorithm,
                self.workspace.0 as *mut c_void,
                WORKSPACE_BYTES,
                device.stream().cu_stream().cast(),
            )
        }
        .map_err(|e| failed("a matrix product", e))
    }

    fn plan(&self, device: &CudaDevice, product: &Product, key: &Key) -> Result<Plan, GpuError> {
        let storage = data_type(device.storage());
        let out_type = if product.floats { sys::cudaDataType::CUDA_R_32F } else { storage };
        let Product { m, n, k, a, b, line, .. } = *product;
        let mut plan = Plan {
            description: describe(a.transposed, b.transposed)?,
            left: layout(storage, b, k, n)?,
            right: layout(storage, a, m, k)?,
            out: layout(out_type, Operand::new(Address(0), line), m, n)?,
            // SAFETY: plain numbers, and replaced below before any use.
            algorithm: unsafe { std::mem::zeroed() },
        };
        let candidates = self.candidates(&plan, key)?;
        plan.algorithm = candidates[0];
        if self.measure && candidates.len() > 1 && !device.is_recording() {
            self.fastest(device, product, &mut plan, &candidates)?;
        }
        Ok(plan)
    }

    /// The algorithms that the library suggests, its first choice first.
    fn candidates(&self, plan: &Plan, key: &Key) -> Result<Vec<sys::cublasLtMatmulAlgo_t>, GpuError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let [left, right] = [key.alignments[1] as u32, key.alignments[0] as u32];
        let attributes = [
            (Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, left),
            (Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, right),
            (Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.alignments[2] as u32),
            (Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.alignments[3] as u32),
        ];
        let preference = result::create_matmul_pref().map_err(|e| failed("asking for algorithms", e))?;
        // SAFETY: the results are plain data for which zeros are valid.
        let mut found =
            [unsafe { std::mem::zeroed::<sys::cublasLtMatmulHeuristicResult_t>() }; CANDIDATES_MAX];
        let (mut count, workspace_bytes) = (0, WORKSPACE_BYTES);
        // SAFETY: the preference and all descriptions are alive, attributes are read during the calls with their
        // own sizes, and `found` has room for as many results as are asked for.
        let status = unsafe {
            let room = Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
            let mut status =
                result::set_matmul_pref_attribute(preference, room, (&raw const workspace_bytes).cast(), 8);
            for (attribute, value) in attributes {
                let set =
                    || result::set_matmul_pref_attribute(preference, attribute, (&raw const value).cast(), 4);
                status = status.and_then(|()| set());
            }
            let status = status.and_then(|()| {
                sys::cublasLtMatmulAlgoGetHeuristic(
                    self.handle,
                    plan.description,
                    plan.left,
                    plan.right,
                    plan.out,
                    plan.out,
                    preference,
                    CANDIDATES_MAX as i32,
                    found.as_mut_ptr(),
                    &mut count,
                )
                .result()
            });
            status.and(result::destroy_matmul_pref(preference))
        };
        status.map_err(|e| failed("asking for algorithms", e))?;
        let usable = found[..count as usize]
            .iter()
            .filter(|one| one.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS);
        let usable: Vec<_> = usable.map(|one| one.algo).collect();
        match usable.is_empty() {
            true => Err(GpuError::Call {
                call: "asking for algorithms",
                reason: format!("cublasLt has none for {key:?}"),
            }),
            false => Ok(usable),
        }
    }

    /// Sets the plan's algorithm to the one that is done first. Works into memory of its own, since the result's
    /// may be what is added.
    fn fastest(
        &self,
        device: &CudaDevice,
        product: &Product,
        plan: &mut Plan,
        candidates: &[sys::cublasLtMatmulAlgo_t],
    ) -> Result<(), GpuError> {
        let bytes = product.m * product.line * if product.floats { 4 } else { device.storage().bytes() };
        let Ok(room) = device.allocate(bytes) else {
            return Ok(());
        };
        let mut best = f32::INFINITY;
        let mut chosen = plan.algorithm;
        for candidate in candidates {
            plan.algorithm = *candidate;
            // One that fails or is slow is not chosen.
            if let Ok(milliseconds) = self.time(device, product, plan, room)
                && milliseconds < best
            {
                (best, chosen) = (milliseconds, *candidate);
            }
        }
        plan.algorithm = chosen;
        device.free(room);
        tracing::debug!(
            m = product.m,
            n = product.n,
            k = product.k,
            milliseconds = best,
            "matrix product chosen"
        );
        Ok(())
    }

    fn time(
        &self,
        device: &CudaDevice,
        product: &Product,
        plan: &Plan,
        room: Address,
    ) -> Result<f32, GpuError> {
        let event = || {
            let event = device.context().new_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
            event.map_err(|e| driver_failed("making an event", e))
        };
        let (begin, end) = (event()?, event()?);
        self.run(device, product, plan, room)?;
        begin.record(device.stream()).map_err(|e| driver_failed("timing", e))?;
        for _ in 0..MEASURED_RUNS {
            self.run(device, product, plan, room)?;
        }
        end.record(device.stream()).map_err(|e| driver_failed("timing", e))?;
        begin.elapsed_ms(&end).map_err(|e| driver_failed("timing", e))
    }
}

impl Drop for Products {
    fn drop(&mut self) {
        let plans = self.plans.get_mut().unwrap_or_else(PoisonError::into_inner);
        for plan in plans.values() {
            // SAFETY: made by the library, and not used after this. There is nothing to do about a failure.
            unsafe {
                let _ = result::destroy_matmul_desc(plan.description);
                for layout in [plan.left, plan.right, plan.out] {
                    let _ = result::destroy_matrix_layout(layout);
                }
            }
        }
        let _ = self.context.bind_to_thread();
        // SAFETY: as above; the driver waits for work on the memory.
        unsafe {
            let _ = driver::free_sync(self.workspace.0);
            let _ = result::destroy_handle(self.handle);
        }
    }
}

fn data_type(storage: Storage) -> sys::cudaDataType {
    match storage {
        Storage::Bf16 => sys::cudaDataType::CUDA_R_16BF,
        Storage::F32 => sys::cudaDataType::CUDA_R_32F,
    }
}

/// Products with f32 sums; the library's left side is our right one.
fn describe(a_transposed: bool, b_transposed: bool) -> Result<sys::cublasLtMatmulDesc_t, GpuError> {
    use sys::cublasLtMatmulDescAttributes_t as Attribute;
    let compute = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
    let description = result::create_matmul_desc(compute, sys::cudaDataType::CUDA_R_32F)
        .map_err(|e| failed("describing a product", e))?;
    let sides = [
        (Attribute::CUBLASLT_MATMUL_DESC_TRANSA, b_transposed),
        (Attribute::CUBLASLT_MATMUL_DESC_TRANSB, a_transposed),
    ];
    for (attribute, transposed) in sides {
        // CUBLAS_OP_N and CUBLAS_OP_T.
        let operation = i32::from(transposed);
        // SAFETY: the description is alive, and the value is read during the call with its own size.
        unsafe {
            result::set_matmul_desc_attribute(description, attribute, (&raw const operation).cast(), 4)
        }
        .map_err(|e| failed("describing a product", e))?;
    }
    Ok(description)
}

/// A rows × columns operand (after its transposition) as it lies in memory, which column-major is its transpose.
fn layout(
    data_type: sys::cudaDataType,
    operand: Operand,
    rows: usize,
    columns: usize,
) -> Result<sys::cublasLtMatrixLayout_t, GpuError> {
    let (rows, columns) = if operand.transposed { (columns, rows) } else { (rows, columns) };
    result::create_matrix_layout(data_type, columns as u64, rows as u64, operand.line as i64)
        .map_err(|e| failed("describing a matrix", e))
}

fn failed(call: &'static str, error: CublasError) -> GpuError {
    GpuError::Call { call, reason: format!("cublasLt {error:?}") }
}
