//! The kernels' numbers and the whole step: on the CPU in every build (`kernels_on_the_host`), and the same tests on
//! a GPU where there is one (`gpu_kernels`).

use std::sync::Arc;

use super::device::{Buffer, Device};
use super::emulator::Emulator;
use super::source::{KernelShape, Storage};
use crate::random::Random;

/// A device that tests can open.
trait Testable: Device {
    /// Largest relative gap of f32 results: a GPU's exponential function is faster than the CPU's, and less exact.
    const F32_GAP: f64;

    /// Opens it for kernels of `shape`; none, with a message, where there is none.
    fn open(shape: KernelShape) -> Option<Arc<Self>>;

    /// Runs threads last to first from now on, or first to last, where that can be said.
    fn reverse(&self, _reversed: bool) {}

    /// Gives out no more than `bytes` from now on; says whether it can.
    fn limit(&self, _bytes: usize) -> bool {
        false
    }
}

impl Testable for Emulator {
    const F32_GAP: f64 = 1e-5;

    fn open(shape: KernelShape) -> Option<Arc<Self>> {
        Self::new(shape)
    }

    fn reverse(&self, reversed: bool) {
        Self::reverse(self, reversed);
    }

    fn limit(&self, bytes: usize) -> bool {
        Self::limit(self, bytes);
        true
    }
}

#[cfg(feature = "cuda")]
impl Testable for super::driver::CudaDevice {
    const F32_GAP: f64 = 1e-4;

    fn open(shape: KernelShape) -> Option<Arc<Self>> {
        use std::io::Write;
        if let Some(problem) = super::probe().problem {
            let _ = writeln!(std::io::stderr(), "skipped: {problem}");
            return None;
        }
        // The same algorithms every time, so that results can be compared to the bit.
        let options =
            super::CudaOptions { storage: shape.storage, measure: false, cudnn: false, ..Default::default() };
        Some(Self::new(Some(shape), &options).unwrap())
    }
}

/// Makes tests of functions that take a device: on the CPU, and on a GPU.
macro_rules! on_every_device {
    ($($name:ident),* $(,)?) => {
        mod kernels_on_the_host {
            $(#[test] fn $name() { super::$name::<crate::cuda::emulator::Emulator>(); })*
        }
        #[cfg(feature = "cuda")]
        mod gpu_kernels {
            $(#[test] fn $name() { super::$name::<crate::cuda::driver::CudaDevice>(); })*
        }
    };
}

mod ops;
mod reading;
mod whole;

/// ‖a − b‖ / ‖b‖.
fn gap(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let apart = square(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    (apart / square(&mut b.iter().map(|&b| f64::from(b)))).sqrt()
}

/// `count` values between −1 and 1.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed, 0);
    (0..count).map(|_| (random.uniform() * 2.0 - 1.0) as f32).collect()
}

/// Values as the device stores them, and as f32 again.
fn put<D: Device>(device: &Arc<D>, values: &[f32]) -> (Buffer<D>, Vec<f32>) {
    match device.storage() {
        Storage::F32 => (Buffer::of(device, values).unwrap(), values.to_vec()),
        Storage::Bf16 => {
            let stored: Vec<half::bf16> = values.iter().map(|&v| half::bf16::from_f32(v)).collect();
            let bits: Vec<u16> = stored.iter().map(|v| v.to_bits()).collect();
            (Buffer::of(device, &bits).unwrap(), stored.iter().map(|v| v.to_f32()).collect())
        }
    }
}

fn get<D: Device>(buffer: &Buffer<D>, storage: Storage, count: usize) -> Vec<f32> {
    match storage {
        Storage::F32 => buffer.read(count).unwrap(),
        Storage::Bf16 => buffer
            .read::<u16>(count)
            .unwrap()
            .into_iter()
            .map(|bits| half::bf16::from_bits(bits).to_f32())
            .collect(),
    }
}
