//! What this machine has for training on a GPU, and how to get what it lacks.

use serde::{Deserialize, Serialize};

/// One library that is looked for when the program runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryReport {
    /// Its usual name.
    pub name: String,
    /// What it is needed for.
    pub purpose: String,
    /// Whether the loader finds it.
    pub found: bool,
    /// Its version, where it was found and says one.
    pub version: Option<String>,
    /// How to get it, where it was not found or is too old.
    pub remedy: Option<String>,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuDevice {
    /// Its number for the driver.
    pub ordinal: u32,
    /// The driver's name for it.
    pub name: String,
    /// Its memory in bytes.
    pub memory_bytes: u64,
    /// Compute capability: (9, 0) for an H200.
    pub capability: (u32, u32),
}

/// What [`probe`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuReport {
    /// Whether this program was built with the feature `cuda`.
    pub built: bool,
    /// The libraries, the driver first; empty where the program was built without the feature.
    pub libraries: Vec<LibraryReport>,
    /// The GPUs that the driver shows.
    pub devices: Vec<GpuDevice>,
    /// Why the GPU cannot be used, in one line with what to do; none where it can.
    pub problem: Option<String>,
}

impl GpuReport {
    /// Whether a step can run on a GPU here.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.problem.is_none()
    }

    /// Whether the driver's library is there and new enough.
    #[must_use]
    pub fn driver(&self) -> bool {
        self.libraries.first().is_some_and(|driver| driver.remedy.is_none())
    }

    /// The report for people, one line a fact.
    ///
    /// ```
    /// let report = sn3_trainer::cuda::probe();
    /// assert_eq!(report.lines().len(), 1 + report.libraries.len() + report.devices.len());
    /// ```
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let status = match &self.problem {
            None => "GPU: usable".to_owned(),
            Some(problem) => format!("GPU: not usable: {problem}"),
        };
        let libraries = self.libraries.iter().map(LibraryReport::line);
        let devices = self.devices.iter().map(GpuDevice::line);
        std::iter::once(status).chain(libraries).chain(devices).collect()
    }
}

impl LibraryReport {
    fn line(&self) -> String {
        let version = self.version.as_deref().unwrap_or(if self.found { "found" } else { "not found" });
        let remedy = self.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        format!("{} ({}): {version}{remedy}", self.name, self.purpose)
    }
}

impl GpuDevice {
    fn line(&self) -> String {
        let (major, minor) = self.capability;
        let gib = self.memory_bytes as f64 / f64::from(1 << 30);
        format!("device {}: {}, {gib:.1} GiB, compute capability {major}.{minor}", self.ordinal, self.name)
    }
}

/// Looks for the driver, the libraries and the GPUs. Never fails: what is missing is in the report.
#[cfg(not(feature = "cuda"))]
#[must_use]
pub fn probe() -> GpuReport {
    let problem = "built without cuda; build with `--features cuda` (no CUDA toolkit is needed)";
    GpuReport { built: false, libraries: Vec::new(), devices: Vec::new(), problem: Some(problem.to_owned()) }
}

#[cfg(feature = "cuda")]
pub use found::probe;

#[cfg(feature = "cuda")]
mod found {
    #![allow(unsafe_code, reason = "the libraries' own calls")]

    use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
    use cudarc::{cublaslt, cudnn, driver};

    use super::super::library as present;
    use super::{GpuDevice, GpuReport, LibraryReport};

    /// The oldest driver interface that the kernels' compiler and the bindings fit: CUDA 13.0.
    const DRIVER_MIN: i32 = 13_000;
    /// The oldest compute capability with bf16 tensor cores: Ampere.
    const CAPABILITY_MIN: (u32, u32) = (8, 0);
    /// Looks for the driver, the libraries and the GPUs. Never fails: what is missing is in the report.
    #[must_use]
    pub fn probe() -> GpuReport {
        let mut libraries = vec![driver_library(), nvrtc_library(), cublas_library(), cudnn_library()];
        let (devices, device_problem) = match libraries[0].found {
            true => devices(),
            false => (Vec::new(), None),
        };
        let old = devices.first().is_some_and(|device| device.capability < CAPABILITY_MIN);
        let missing = libraries[..3].iter_mut().find(|library| library.remedy.is_some());
        let problem = match missing {
            Some(library) => Some(library.line()),
            None if old => Some(
                "the first GPU is older than compute capability 8.0; bf16 needs Ampere or later".to_owned(),
            ),
            None => device_problem,
        };
        GpuReport { built: true, libraries, devices, problem }
    }

    fn library(name: &str, purpose: &str, version: Option<String>, remedy: Option<&str>) -> LibraryReport {
        let remedy = remedy.map(str::to_owned);
        let found = version.is_some();
        LibraryReport { name: name.to_owned(), purpose: purpose.to_owned(), found, version, remedy }
    }

    fn driver_library() -> LibraryReport {
        const ABSENT: &str = "install the NVIDIA driver, release 580 or later";
        let purpose = "the driver";
        if !present::driver() {
            return library("libcuda", purpose, None, Some(ABSENT));
        }
        let mut version = 0;
        // SAFETY: the library is there, and the pointer is to a live integer.
        let status = unsafe { driver::sys::cuDriverGetVersion(&mut version) };
        let text = format!("CUDA {}.{}", version / 1000, version % 1000 / 10);
        let good = status == driver::sys::CUresult::CUDA_SUCCESS && version >= DRIVER_MIN;
        let remedy = (!good).then_some("too old: CUDA 13.0 is needed; install driver release 580 or later");
        library("libcuda", purpose, Some(text), remedy)
    }

    fn nvrtc_library() -> LibraryReport {
        let remedy = "`pip install nvidia-cuda-nvrtc` and put its folder nvidia/cu13/lib on LD_LIBRARY_PATH";
        let version = super::super::nvrtc::version().map(|(major, minor)| format!("{major}.{minor}"));
        library("libnvrtc", "compiles the kernels", version.clone(), version.is_none().then_some(remedy))
    }

    fn cublas_library() -> LibraryReport {
        let remedy = "`pip install nvidia-cublas` and put its folder nvidia/cu13/lib on LD_LIBRARY_PATH";
        let found = present::cublaslt();
        // SAFETY: the library is there; the call takes nothing.
        let version = found.then(|| unsafe { cublaslt::sys::cublasLtGetVersion() }.to_string());
        library("libcublasLt", "matrix products", version, (!found).then_some(remedy))
    }

    fn cudnn_library() -> LibraryReport {
        let absent = "optional, attention is slower without: `pip install nvidia-cudnn-cu13` and put its folder nvidia/cudnn/lib on LD_LIBRARY_PATH";
        let found = present::cudnn();
        let version = found.then(cudnn::result::get_version);
        let remedy = match version {
            None => Some(absent),
            Some(version) if super::super::cudnn::REFUSED.contains(&version) => {
                Some("this release's attention backward is wrong and is not used; install 9.19 or later")
            }
            Some(_) => None,
        };
        library("libcudnn", "fast attention", version.map(|version| version.to_string()), remedy)
    }

    fn devices() -> (Vec<GpuDevice>, Option<String>) {
        let listed = driver::result::init().and_then(|()| driver::result::device::get_count());
        let count = match listed {
            Ok(0) => return (Vec::new(), Some("the driver shows no GPU; check `nvidia-smi`".to_owned())),
            Ok(count) => count,
            Err(error) => {
                let problem = format!("the driver does not start ({error}); check `nvidia-smi`");
                return (Vec::new(), Some(problem));
            }
        };
        match (0..count).map(device).collect() {
            Ok(devices) => (devices, None),
            Err(error) => (Vec::new(), Some(format!("a GPU does not answer ({error}); check `nvidia-smi`"))),
        }
    }

    fn device(ordinal: i32) -> Result<GpuDevice, driver::DriverError> {
        let device = driver::result::device::get(ordinal)?;
        // SAFETY: the driver just gave this device, here and below.
        let attribute = |name| unsafe { driver::result::device::get_attribute(device, name) };
        let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        Ok(GpuDevice {
            ordinal: ordinal as u32,
            name: driver::result::device::get_name(device)?,
            // SAFETY: as above.
            memory_bytes: unsafe { driver::result::device::total_mem(device) }? as u64,
            capability: (major as u32, minor as u32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_machine_gets_an_answer_that_survives_json() {
        let report = probe();
        assert_eq!(report.built, cfg!(feature = "cuda"));
        assert_eq!(report.usable(), report.problem.is_none());
        assert!(report.usable() <= !report.devices.is_empty());
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<GpuReport>(&text).unwrap(), report);
        for library in report.libraries.iter().filter(|library| !library.found) {
            assert!(library.remedy.is_some(), "{library:?} is missing without a word on how to get it");
        }
    }

    #[test]
    fn lines_say_what_to_do() {
        let library = LibraryReport {
            name: "libx".into(),
            purpose: "things".into(),
            found: false,
            version: None,
            remedy: Some("install x".into()),
        };
        let device = GpuDevice { ordinal: 0, name: "H".into(), memory_bytes: 3 << 29, capability: (9, 0) };
        let problem = Some("no x".to_owned());
        let report = GpuReport { built: true, libraries: vec![library], devices: vec![device], problem };
        let expected = [
            "GPU: not usable: no x",
            "libx (things): not found; install x",
            "device 0: H, 1.5 GiB, compute capability 9.0",
        ];
        assert_eq!(report.lines(), expected);
    }
}
