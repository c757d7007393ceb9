//! A real GPU: memory, kernels and recordings through the driver.
#![allow(unsafe_code, reason = "the driver's calls take pointers; each block says why they are right")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUfunction_attribute_enum as Attribute, CUresult};
use cudarc::driver::{CudaContext, CudaFunction, CudaGraph, CudaStream};
use cudarc::nvrtc::Ptx;

use super::attention;
use super::cudnn::Attention;
use super::device::{Address, Arg, Device, GpuError, Launch, Product};
use super::matmul::Products;
use super::nvrtc::{compile, compile_cached, target};
use super::probe::{GpuDevice, probe};
use super::source::{KERNELS, KernelShape, Module, Storage};

/// Shared memory of a block that needs no permission.
const SHARED_BYTES_FREE: u32 = 48 << 10;

/// Which GPU, and how it is used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CudaOptions {
    /// The driver's number of the GPU.
    pub ordinal: usize,
    /// How weights and activations are stored.
    pub storage: Storage,
    /// Whether attention is cuDNN's where it is found; otherwise the crate's own kernels.
    pub cudnn: bool,
    /// Whether matrix products try several algorithms and keep the fastest.
    pub measure: bool,
    /// Where compiled kernels are kept; `$XDG_CACHE_HOME/sn3/kernels` or `~/.cache/sn3/kernels` by default.
    pub cache: Option<PathBuf>,
}

impl Default for CudaOptions {
    fn default() -> Self {
        Self { ordinal: 0, storage: Storage::Bf16, cudnn: true, measure: true, cache: default_cache() }
    }
}

fn default_cache() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = given("XDG_CACHE_HOME").or_else(|| given("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("sn3/kernels"))
}

/// One GPU with the kernels of one model on it.
pub(crate) struct CudaDevice {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    functions: HashMap<&'static str, CudaFunction>,
    storage: Storage,
    products: Products,
    attention: Option<Attention>,
    recording: AtomicBool,
}

impl CudaDevice {
    /// Opens the GPU and loads the compression's kernels, and those of a model's step for `shape`; compiles them
    /// where they are not on disk.
    pub(crate) fn new(shape: Option<KernelShape>, options: &CudaOptions) -> Result<Arc<Self>, GpuError> {
        let found = find(options.ordinal)?;
        let context = CudaContext::new(options.ordinal).map_err(|e| failed("opening the GPU", e))?;
        let stream = context.new_stream().map_err(|e| failed("making a stream", e))?;
        let mut functions = HashMap::new();
        for module in shape.map(Module::step).into_iter().chain([Module::codec()]) {
            load(&context, &module, found.capability, options, &mut functions)?;
        }
        if let Some(shape) = shape {
            allow_shared(&functions, attention::shared_bytes_max(shape.storage, shape.head_dim))?;
        }
        let products = Products::new(&context, options.measure)?;
        let attention = match options.cudnn && options.storage == Storage::Bf16 {
            true => Attention::open(&stream),
            false => None,
        };
        let storage = options.storage;
        let recording = AtomicBool::new(false);
        Ok(Arc::new(Self { context, stream, functions, storage, products, attention, recording }))
    }

    /// Whether attention is cuDNN's.
    pub(crate) fn has_cudnn(&self) -> bool {
        self.attention.is_some()
    }

    /// Waits for all work.
    pub(crate) fn wait(&self) -> Result<(), GpuError> {
        self.stream.synchronize().map_err(|e| failed("waiting", e))
    }

    /// Bytes of memory that are free, and all.
    pub(crate) fn memory(&self) -> Result<(usize, usize), GpuError> {
        self.bind()?;
        result::mem_get_info().map_err(|e| failed("asking for memory", e))
    }

    fn bind(&self) -> Result<(), GpuError> {
        self.context.bind_to_thread().map_err(|e| failed("taking the GPU for this thread", e))
    }
}

/// The GPU as the probe sees it; every reason why there is none comes from there.
fn find(ordinal: usize) -> Result<GpuDevice, GpuError> {
    let report = probe();
    if let Some(problem) = report.problem {
        return Err(GpuError::Unusable(problem));
    }
    let count = report.devices.len();
    let missing =
        || GpuError::Unusable(format!("there is no GPU number {ordinal}; the driver shows {count}"));
    report.devices.into_iter().nth(ordinal).ok_or_else(missing)
}

/// Compiles (or reads) a module and adds its kernels to `functions`.
fn load(
    context: &Arc<CudaContext>,
    module: &Module,
    capability: (u32, u32),
    options: &CudaOptions,
    functions: &mut HashMap<&'static str, CudaFunction>,
) -> Result<(), GpuError> {
    let target = target(capability);
    let compiled = match &options.cache {
        Some(folder) => compile_cached(module, &target, folder),
        None => compile(module, &target),
    };
    let compiled = compiled.map_err(|error| GpuError::Compile(error.to_string()))?;
    let loaded =
        context.load_module(Ptx::from_binary(compiled.cubin)).map_err(|e| failed("loading kernels", e))?;
    let defined = |name: &&&'static str| module.source.contains(&format!("{name}("));
    for name in KERNELS.iter().filter(defined) {
        functions.insert(name, loaded.load_function(name).map_err(|e| failed("finding a kernel", e))?);
    }
    Ok(())
}

/// Lets the attention's kernels have the shared memory they ask for.
fn allow_shared(functions: &HashMap<&'static str, CudaFunction>, bytes: u32) -> Result<(), GpuError> {
    if bytes <= SHARED_BYTES_FREE {
        return Ok(());
    }
    for name in ["attention_forward", "attention_backward_keys", "attention_backward_queries"] {
        let attribute = Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        functions[name]
            .set_attribute(attribute, bytes as i32)
            .map_err(|e| failed("asking for shared memory", e))?;
    }
    Ok(())
}

pub(super) fn failed(call: &'static str, error: DriverError) -> GpuError {
    GpuError::Call { call, reason: error.to_string() }
}

/// Work that the driver recorded as a graph.
pub(crate) struct Recording(CudaGraph);

// SAFETY: a graph may be used by one thread at a time, which owning it ensures; its stream and context are used
// from many threads by design of the driver.
unsafe impl Send for Recording {}

impl Device for CudaDevice {
    type Recording = Recording;

    fn storage(&self) -> Storage {
        self.storage
    }

    fn allocate(&self, bytes: usize) -> Result<Address, GpuError> {
        self.bind()?;
        // SAFETY: the context is this thread's; the size is at least 1.
        match unsafe { result::malloc_sync(bytes.max(1)) } {
            Ok(at) => Ok(Address(at)),
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Err(GpuError::OutOfMemory { bytes }),
            Err(error) => Err(failed("taking memory", error)),
        }
    }

    fn free(&self, at: Address) {
        // SAFETY: `at` came from `allocate`, and a buffer gives it back once; the driver waits for work on it.
        let done = self
            .bind()
            .and_then(|()| unsafe { result::free_sync(at.0) }.map_err(|e| failed("giving memory back", e)));
        if let Err(error) = done {
            tracing::warn!(%error, "GPU memory was not given back");
        }
    }

    fn write(&self, to: Address, bytes: &[u8]) -> Result<(), GpuError> {
        self.bind()?;
        // SAFETY: the buffer is as long as what is written (`Buffer::write` checks); memory that is not pinned is
        // read before the call returns.
        unsafe { result::memcpy_htod_async(to.0, bytes, self.stream.cu_stream()) }
            .map_err(|e| failed("writing", e))
    }

    fn read(&self, from: Address, bytes: &mut [u8]) -> Result<(), GpuError> {
        self.bind()?;
        // SAFETY: the buffer is as long as what is read (`Buffer::read` checks); the wait below ends before
        // `bytes` does.
        unsafe { result::memcpy_dtoh_async(bytes, from.0, self.stream.cu_stream()) }
            .map_err(|e| failed("reading", e))?;
        self.wait()
    }

    fn zero(&self, at: Address, bytes: usize) -> Result<(), GpuError> {
        self.bind()?;
        // SAFETY: a buffer's own address and length.
        unsafe { result::memset_d8_async(at.0, 0, bytes, self.stream.cu_stream()) }
            .map_err(|e| failed("zeroing", e))
    }

    fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Arg]) -> Result<(), GpuError> {
        self.bind()?;
        let mut values: Vec<[u64; 2]> = arguments.iter().map(argument).collect();
        let mut pointers: Vec<*mut c_void> =
            values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let function = &self.functions[kernel];
        let ([x, y, z], shared) = (launch.blocks, launch.shared_bytes);
        // SAFETY: the driver copies the arguments during the call, while `values` is alive. That they are what the
        // kernel takes, and that it stays inside the buffers they name, is held by the tests that run the same
        // calls against the same text on the CPU.
        unsafe {
            result::launch_kernel(
                function.cu_function(),
                (x, y, z),
                (launch.threads, 1, 1),
                shared,
                self.stream.cu_stream(),
                &mut pointers,
            )
        }
        .map_err(|e| failed(kernel, e))
    }

    fn multiply(&self, product: &Product) -> Result<(), GpuError> {
        self.bind()?;
        self.products.multiply(self, product)
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Recording, GpuError> {
        self.stream
            .begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(|e| failed("beginning a recording", e))?;
        self.recording.store(true, Ordering::Relaxed);
        let done = work();
        self.recording.store(false, Ordering::Relaxed);
        // Ended also when the work failed: the stream would stay in recording otherwise.
        let graph = self.stream.end_capture(sys::CUgraphInstantiate_flags(0));
        done?;
        let graph = graph.map_err(|e| failed("ending a recording", e))?;
        graph
            .map(Recording)
            .ok_or_else(|| GpuError::Call { call: "ending a recording", reason: "it is empty".to_owned() })
    }

    fn replay(&self, recording: &Recording) -> Result<(), GpuError> {
        recording.0.launch().map_err(|e| failed("replaying a recording", e))
    }

    fn prepare(&self, sizes: attention::Sizes) -> Result<(), GpuError> {
        self.bind()?;
        self.attention.as_ref().map_or(Ok(()), |library| library.prepare(self, sizes))
    }

    fn attention_forward(&self, work: &attention::Forward) -> Result<(), GpuError> {
        match &self.attention {
            Some(library) => library.forward(self, work),
            None => attention::forward(self, work),
        }
    }

    fn attention_backward(&self, work: &attention::Backward) -> Result<(), GpuError> {
        match &self.attention {
            Some(library) => library.backward(self, work),
            None => attention::backward(self, work),
        }
    }
}

impl CudaDevice {
    pub(super) fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    pub(super) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Whether work is being recorded: nothing may be measured or allocated then.
    pub(super) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }
}

/// An argument's bytes where every type is aligned.
fn argument(argument: &Arg) -> [u64; 2] {
    let mut bytes = [0; 16];
    let given = argument.bytes();
    bytes[..given.len()].copy_from_slice(&given);
    bytemuck::cast(bytes)
}
