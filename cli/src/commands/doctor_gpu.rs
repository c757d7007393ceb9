//! The GPU's lines of `sn3 doctor`: which libraries are there, what is missing and how to get it.

use async_trait::async_trait;
use sn3_chain::doctor::{Line, Probe, Status};
use sn3_trainer::cuda::{GpuDevice, GpuReport, LibraryReport, probe};

/// One line for the whole, one for each library and each GPU.
///
/// A GPU is needed by nobody: without one nothing fails, and what a missing library costs is a warning only where
/// the rest is there.
#[must_use]
pub fn gpu_checks() -> Vec<Line> {
    lines(&probe())
}

/// [`gpu_checks`] as a probe of the doctor.
pub struct GpuProbe;

#[async_trait]
impl Probe for GpuProbe {
    async fn lines(&self) -> Vec<Line> {
        // Libraries are opened from disk, and the driver may take its time.
        tokio::task::spawn_blocking(gpu_checks).await.unwrap_or_default()
    }
}

fn lines(report: &GpuReport) -> Vec<Line> {
    let whole = match &report.problem {
        None => line("gpu", Status::Pass, "usable", "".to_owned()),
        Some(problem) => {
            let (value, remedy) = split(problem);
            let remedy = if remedy.is_empty() { "train on the CPU" } else { remedy };
            line("gpu", Status::Skip, &format!("not used: {value}"), remedy.to_owned())
        }
    };
    let libraries = report.libraries.iter().map(|library| of_library(library, report.driver()));
    let devices = report.devices.iter().map(of_device);
    std::iter::once(whole).chain(libraries).chain(devices).collect()
}

/// A problem's fact, and what it says is to be done.
fn split(problem: &str) -> (&str, &str) {
    problem.split_once("; ").unwrap_or((problem, ""))
}

/// What a library's absence means depends on the driver: without one it is missed by nobody.
fn of_library(library: &LibraryReport, driver: bool) -> Line {
    let status = match (library.remedy.is_some(), driver) {
        (false, _) => Status::Pass,
        (true, true) => Status::Warn,
        (true, false) => Status::Skip,
    };
    let found = library.version.as_deref().unwrap_or(if library.found { "found" } else { "not found" });
    let value = format!("{found} ({})", library.purpose);
    line(&format!("gpu {}", library.name), status, &value, library.remedy.clone().unwrap_or_default())
}

fn of_device(device: &GpuDevice) -> Line {
    let (major, minor) = device.capability;
    let gib = device.memory_bytes as f64 / f64::from(1 << 30);
    let value = format!("{}, {gib:.1} GiB, compute capability {major}.{minor}", device.name);
    line(&format!("gpu {}", device.ordinal), Status::Pass, &value, String::new())
}

fn line(check: &str, status: Status, value: &str, remedy: String) -> Line {
    Line { check: check.to_owned(), status, value: value.to_owned(), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, remedy: Option<&str>) -> LibraryReport {
        LibraryReport {
            name: name.into(),
            purpose: "things".into(),
            found: remedy.is_none(),
            version: None,
            remedy: remedy.map(str::to_owned),
        }
    }

    #[test]
    fn a_missing_library_is_a_warning_only_beside_a_driver() {
        let with = |driver: Option<&str>| {
            let libraries = vec![library("libcuda", driver), library("libcudnn", Some("install it"))];
            let problem = driver.map(|_| "no driver; install one".to_owned());
            lines(&GpuReport { built: true, libraries, devices: Vec::new(), problem })
        };
        let here = with(None);
        assert_eq!(
            here.iter().map(|line| line.status).collect::<Vec<_>>(),
            [Status::Pass, Status::Pass, Status::Warn]
        );
        let absent = with(Some("install a driver"));
        assert!(absent.iter().all(|line| line.status == Status::Skip));
        assert_eq!(
            (absent[0].value.as_str(), absent[0].remedy.as_str()),
            ("not used: no driver", "install one")
        );
    }

    #[test]
    fn this_machine_gets_at_least_one_line_and_nothing_fails() {
        let lines = gpu_checks();
        assert_eq!(lines[0].check, "gpu");
        assert!(lines.iter().all(|line| line.status != Status::Fail && !line.value.is_empty()));
        if !cfg!(feature = "cuda") {
            assert!(lines.len() == 1 && lines[0].remedy.contains("--features cuda"), "{lines:?}");
        }
    }
}
