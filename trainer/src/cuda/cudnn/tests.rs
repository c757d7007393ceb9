//! Plans are made and finished for a described H200 where cuDNN is found, without a GPU or a driver.
//!
//! cuDNN wants a driver to be there even to plan. In this test, and nowhere else, a stand-in that answers "done" to
//! everything takes its place, in a process of its own.

use std::io::Write;
use std::process::Command;

use cudarc::cudnn::sys::{
    cudnnBackendAttributeName_t as Name, cudnnBackendAttributeType_t as Type,
    cudnnBackendDescriptorType_t as Kind,
};

use super::descriptor::Descriptor;
use super::*;

/// An H200 as its data sheet describes it.
const H200: &str = r#"{"deviceVer":900,"driverVer":13000,"cudaDeviceId":0,"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,"smClockRateKHz":1980000,"memClockRateKHz":3201000,"l2CacheSize":62914560,"warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"pciDeviceId":0,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":150754820096,"deviceName":"NVIDIA H200"}"#;

/// Set in the process that has the stand-in.
const INNER: &str = "SN3_CUDNN_PLAN_TEST";

/// A driver whose every function does nothing, well.
const STAND_IN: &str = r#"
#include <string.h>
static int done(void *a) { return 0; }
int cuInit(unsigned f) { return 0; }
int cuDriverGetVersion(int *v) { *v = 13000; return 0; }
int cuGetProcAddress_v2(const char *n, void **f, int v, unsigned long long g, int *s);
static int load(void **m) { static long dummy[64]; *m = dummy; return 0; }
static void *find(const char *n) {
    if (!strcmp(n, "cuInit")) return cuInit;
    if (!strcmp(n, "cuDriverGetVersion")) return cuDriverGetVersion;
    if (!strncmp(n, "cuGetProcAddress", 16)) return cuGetProcAddress_v2;
    if (!strcmp(n, "cuGetExportTable")) return load;
    if (strstr(n, "Load") || !strncmp(n, "cuModuleGet", 11) || !strncmp(n, "cuLibraryGet", 12) ||
        !strncmp(n, "cuKernelGet", 11) || !strcmp(n, "cuCtxGetCurrent")) return load;
    return done;
}
int cuGetProcAddress_v2(const char *n, void **f, int v, unsigned long long g, int *s) {
    *f = find(n);
    if (s) *s = 0;
    return 0;
}
int cuGetProcAddress(const char *n, void **f, int v, unsigned long long g) { return cuGetProcAddress_v2(n, f, v, g, 0); }
#define LOAD(name) int name(void **m) { return load(m); }
LOAD(cuModuleLoadData) LOAD(cuModuleLoadDataEx) LOAD(cuModuleLoadFatBinary) LOAD(cuModuleGetFunction)
LOAD(cuLibraryLoadData) LOAD(cuLibraryGetKernel) LOAD(cuLibraryGetModule) LOAD(cuKernelGetFunction) LOAD(cuCtxGetCurrent)
LOAD(cuGetExportTable) LOAD(cuLibraryLoadFromFile)
#define DONE(name) int name(void) { return 0; }
DONE(cuModuleUnload) DONE(cuLibraryUnload) DONE(cuFuncSetAttribute) DONE(cuKernelSetAttribute) DONE(cuDeviceGetCount)
DONE(cuDeviceGet) DONE(cuDeviceGetAttribute) DONE(cuFuncGetAttribute) DONE(cuGetErrorString) DONE(cuGetErrorName)
DONE(cuLaunchKernel) DONE(cuLaunchKernelEx) DONE(cuCtxGetDevice) DONE(cuTensorMapEncodeTiled) DONE(cuTensorMapEncodeIm2col)
DONE(cuCtxGetLimit) DONE(cuCtxPopCurrent) DONE(cuCtxPushCurrent) DONE(cuKernelGetAttribute) DONE(cuLaunchCooperativeKernel)
DONE(cuLinkAddData) DONE(cuLinkComplete) DONE(cuLinkCreate) DONE(cuLinkDestroy) DONE(cuOccupancyMaxPotentialClusterSize)
DONE(cuOccupancyMaxActiveBlocksPerMultiprocessor) DONE(cuFuncLoad) DONE(cuLinkCreate_v2) DONE(cuStreamGetCtx)
"#;

fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

#[test]
fn plans_are_finished_for_a_described_gpu() {
    if !library::cudnn() {
        return skip("cuDNN was not found; `pip install nvidia-cudnn-cu13` and set LD_LIBRARY_PATH");
    }
    if std::env::var_os(INNER).is_some() {
        return plan_every_size();
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, stand_in) = (folder.path().join("cuda.c"), folder.path().join("libcuda.so.1"));
    std::fs::write(&source, STAND_IN).unwrap();
    let built = Command::new("cc")
        .args(["-w", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o"])
        .args([&stand_in, &source])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        return skip("no C compiler for the stand-in of the driver");
    }
    let found = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let paths = format!("{}:{found}", folder.path().display());
    let name = "cuda::cudnn::tests::plans_are_finished_for_a_described_gpu";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .envs([("LD_LIBRARY_PATH", paths.as_str()), (INNER, "1")])
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn plan_every_size() {
    let sizes = [(8, 16, 8, 2048, 128), (16, 16, 16, 2048, 64), (1, 32, 8, 4096, 128), (4, 4, 2, 256, 64)];
    let device = Descriptor::new(Kind::CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR).unwrap();
    let (name, text) = (Name::CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, H200.as_bytes());
    device.set(name, Type::CUDNN_TYPE_CHAR, text).unwrap();
    let device = device.finish().unwrap();
    for (samples, heads, kv_heads, tokens, head_dim) in sizes {
        let sizes = Sizes { samples, tokens, heads, kv_heads, head_dim };
        let forward = Plan::new(graph::forward(sizes).unwrap(), &For::Description(&device));
        assert!(forward.is_ok(), "forward {sizes:?}: {:?}", forward.err());
        let backward = Plan::new(graph::backward(sizes).unwrap(), &For::Description(&device));
        assert!(backward.is_ok(), "backward {sizes:?}: {:?}", backward.err());
        let bytes = (forward.unwrap().workspace_bytes, backward.unwrap().workspace_bytes);
        assert!(bytes.0 < 1 << 20 && bytes.1 < 1 << 30, "{sizes:?} wants {bytes:?} bytes to work");
    }
}
