//! Whether NVIDIA's libraries are there: asked before the first call into each, which would panic where they are not.
#![allow(unsafe_code, reason = "the loader's own question")]

macro_rules! present {
    ($($(#[$doc:meta])* $name:ident: $library:ident,)*) => {$(
        $(#[$doc])*
        pub(super) fn $name() -> bool {
            // Candle's own CUDA code links the libraries: a program that started has them.
            #[cfg(feature = "candle-cuda")]
            return true;
            // SAFETY: asks the loader only; no symbol is called.
            #[cfg(not(feature = "candle-cuda"))]
            unsafe {
                cudarc::$library::sys::is_culib_present()
            }
        }
    )*};
}

present! {
    /// The driver, libcuda.
    driver: driver,
    /// The kernels' compiler, libnvrtc.
    nvrtc: nvrtc,
    /// Matrix products, libcublasLt.
    cublaslt: cublaslt,
    /// Attention, libcudnn.
    cudnn: cudnn,
}
