//! Every kernel compiles for every supported target without a GPU, and fits its registers.
//!
//! Needs NVIDIA's run-time compiler (the Python package `nvidia-cuda-nvrtc`, its `lib` folder on
//! `LD_LIBRARY_PATH`) and no driver; passed over with a message where it is not found.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers may fail the test")]

use sn3_trainer::cuda::nvrtc::{compile, compile_cached, kernel_uses, target, version};
use sn3_trainer::cuda::{KERNELS, KernelShape, Module, Storage};

/// hidden and head_dim of the smallest and the largest preset; both decide about registers.
const SIZES: [(usize, usize); 2] = [(1024, 64), (8192, 128)];

fn found() -> bool {
    let found = version().is_some();
    if !found {
        eprintln!("skipped: libnvrtc was not found; `pip install nvidia-cuda-nvrtc` and set LD_LIBRARY_PATH");
    }
    found
}

fn modules() -> Vec<Module> {
    let shape =
        |&(hidden, head_dim): &(usize, usize)| KernelShape { hidden, head_dim, storage: Storage::Bf16 };
    SIZES.iter().map(|sizes| Module::step(shape(sizes))).chain([Module::codec()]).collect()
}

#[test]
fn every_kernel_compiles_for_ampere_without_spills() {
    compiles_for((8, 0));
}

#[test]
fn every_kernel_compiles_for_hopper_without_spills() {
    compiles_for((9, 0));
}

#[test]
fn every_kernel_compiles_for_blackwell_without_spills() {
    compiles_for((10, 0));
}

fn compiles_for(capability: (u32, u32)) {
    if !found() {
        return;
    }
    let mut seen = Vec::new();
    for module in modules() {
        let compiled = compile(&module, &target(capability)).unwrap();
        assert!(!compiled.cubin.is_empty());
        for kernel in kernel_uses(&compiled.log) {
            let name = format!("{} {:?} for {}", kernel.name, module.definitions, target(capability));
            assert_eq!(kernel.spilled_bytes, 0, "{name} spills");
            assert!((1..=255).contains(&kernel.registers), "{name}: {} registers", kernel.registers);
            seen.push(kernel.name);
        }
    }
    let missing: Vec<_> = KERNELS.iter().filter(|name| !seen.iter().any(|s| s == *name)).collect();
    assert!(missing.is_empty(), "{missing:?} were not compiled for {capability:?}");
}

#[test]
fn kernels_with_float_storage_compile() {
    if !found() {
        return;
    }
    // For comparing only, so that spills are no fault.
    let module = Module::step(KernelShape { hidden: 1024, head_dim: 64, storage: Storage::F32 });
    compile(&module, "sm_90a").unwrap();
}

#[test]
fn compiled_kernels_are_kept_and_a_broken_text_is_refused_with_its_line() {
    if !found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let module = Module::codec();
    let first = compile_cached(&module, "sm_90a", folder.path()).unwrap();
    let second = compile_cached(&module, "sm_90a", folder.path()).unwrap();
    assert!(!first.log.is_empty() && second.log.is_empty(), "the second came from disk");
    assert_eq!(first.cubin, second.cubin);
    let broken = Module { source: "KERNEL".to_owned(), ..module };
    let error = compile(&broken, "sm_90a").unwrap_err().to_string();
    assert!(error.contains("codec.cu(1)"), "{error}");
}
