//! The static step on NVIDIA GPUs, and what a machine has for it.
//!
//! ```text
//!  probe() ─► which libraries, which device, what is missing and how to get it       (every build)
//!  kernels/*.cu ─► nvrtc (cached on disk) ─► device ─┐
//!  cublasLt (measured, cached) ──────────────────────┼─► step: the CPU step's contract, bf16 or f32
//!  cuDNN's attention graphs, or the own kernel ──────┘   model: evaluation, generation   (feature `cuda`)
//! ```
//!
//! Without the feature `cuda` only [`probe`] and the kernels' text are there. With it the crate still builds
//! without a toolkit and starts without a driver: libraries are looked for when they are asked for. The kernels
//! are run on the CPU in tests (`kernels_on_the_host_*`), compiled as C++, so that their numbers are checked where
//! there is no GPU; what only a GPU can tell is listed in `docs/cuda.md`.

#[cfg(any(test, feature = "cuda"))]
mod arena;
#[cfg(any(test, feature = "cuda"))]
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "a real GPU uses what tests do not"))]
mod attention;
#[cfg(any(test, feature = "cuda"))]
mod batch;
#[cfg(any(test, feature = "cuda"))]
mod codec;
#[cfg(feature = "cuda")]
mod cudnn;
#[cfg(any(test, feature = "cuda"))]
mod device;
#[cfg(feature = "cuda")]
mod driver;
#[cfg(test)]
mod emulator;
#[cfg(any(test, feature = "cuda"))]
mod forward;
#[cfg(feature = "cuda")]
mod library;
#[cfg(feature = "cuda")]
mod matmul;
#[cfg(any(test, feature = "cuda"))]
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "a real GPU uses what tests do not"))]
mod model;
#[cfg(feature = "cuda")]
pub mod nvrtc;
#[cfg(any(test, feature = "cuda"))]
mod pass;
mod probe;
#[cfg(feature = "cuda")]
mod reader;
#[cfg(any(test, feature = "cuda"))]
mod rows;
mod source;
#[cfg(any(test, feature = "cuda"))]
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "a real GPU uses what tests do not"))]
mod step;
#[cfg(test)]
mod tests;
#[cfg(feature = "cuda")]
mod trainer;

#[cfg(feature = "cuda")]
pub use codec::CodecError;
#[cfg(feature = "cuda")]
pub use device::GpuError;
#[cfg(feature = "cuda")]
pub use driver::CudaOptions;
#[cfg(feature = "cuda")]
pub use model::CudaModelError;
pub use probe::{GpuDevice, GpuReport, LibraryReport, probe};
#[cfg(feature = "cuda")]
pub use reader::CudaModel;
pub use source::{KERNELS, KernelShape, Module, Storage};
#[cfg(feature = "cuda")]
pub use trainer::{CudaCodec, CudaTrainer};
