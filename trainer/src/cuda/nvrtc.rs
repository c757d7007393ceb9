//! Kernels' text to machine code, by NVIDIA's run-time compiler, kept on disk.
//!
//! The compiler needs no GPU and no driver, so that every kernel is compiled for every supported target in tests.
#![allow(unsafe_code, reason = "the compiler's own calls; each block says why it is sound")]

use std::ffi::{CStr, CString, c_char};
use std::path::{Path, PathBuf};

use cudarc::nvrtc::{result, sys};
use sn3_protocol::digest::Hasher;

use super::library;
use super::source::Module;
use crate::files::{read_bounded, write_atomic};

/// Largest cubin that is read back; the largest made so far has 0.2 MB.
const CUBIN_BYTES_MAX: u64 = 64 << 20;
/// Bytes of the digest in front of a cubin on disk.
const DIGEST_BYTES: usize = 32;

/// Why a module was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No compiler.
    #[error(
        "libnvrtc was not found; `pip install nvidia-cuda-nvrtc` and put its folder nvidia/cu13/lib on LD_LIBRARY_PATH"
    )]
    Missing,
    /// The compiler refuses the text or the options.
    #[error("the {module} kernels do not compile for {target} ({status}): {log}")]
    Refused {
        /// Which text.
        module: &'static str,
        /// The target, such as `sm_90a`.
        target: String,
        /// The compiler's status.
        status: String,
        /// What it printed.
        log: String,
    },
}

/// Machine code and what the compiler said about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the driver loads.
    pub cubin: Vec<u8>,
    /// The compiler's messages; empty when the code came from disk.
    pub log: String,
}

/// What one kernel takes of a multiprocessor, from the compiler's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelUse {
    /// The kernel.
    pub name: String,
    /// Registers a thread.
    pub registers: u32,
    /// Bytes a thread written to memory for want of registers.
    pub spilled_bytes: u32,
}

/// The compiler's version; none where it is not found.
#[must_use]
pub fn version() -> Option<(i32, i32)> {
    if !library::nvrtc() {
        return None;
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is there, and both pointers are to live integers.
    let status = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    (status == sys::nvrtcResult::NVRTC_SUCCESS).then_some((major, minor))
}

/// The compiler's name for a compute capability.
///
/// ```
/// # use sn3_trainer::cuda::nvrtc::target;
/// assert_eq!([target((8, 0)), target((9, 0)), target((10, 0))], ["sm_80", "sm_90a", "sm_100a"]);
/// ```
#[must_use]
pub fn target((major, minor): (u32, u32)) -> String {
    let specific = if major >= 9 { "a" } else { "" };
    format!("sm_{major}{minor}{specific}")
}

/// Compiles `module` for `target`; needs neither GPU nor driver.
///
/// # Errors
/// If there is no compiler, or it refuses.
pub fn compile(module: &Module, target: &str) -> Result<Compiled, CompileError> {
    if version().is_none() {
        return Err(CompileError::Missing);
    }
    let refused = |status: String, log: String| CompileError::Refused {
        module: module.name,
        target: target.to_owned(),
        status,
        log,
    };
    let source = CString::new(module.source.as_str()).map_err(|e| refused(e.to_string(), String::new()))?;
    let name =
        CString::new(format!("{}.cu", module.name)).map_err(|e| refused(e.to_string(), String::new()))?;
    let program = Program::new(&source, &name).map_err(|e| refused(e.to_string(), String::new()))?;
    let mut options = module.definitions.clone();
    options.extend([format!("--gpu-architecture={target}"), "--ptxas-options=-v".to_owned()]);
    // SAFETY: the program lives until the end of this function.
    let status = unsafe { result::compile_program(program.0, &options) };
    let log = program.log();
    status.map_err(|e| refused(e.to_string(), log.clone()))?;
    let cubin = program.cubin().map_err(|e| refused(e.to_string(), log.clone()))?;
    Ok(Compiled { cubin, log })
}

/// As [`compile`], with the machine code kept in `folder` under a digest of the text, the options, the target and
/// the compiler's version. A file that does not hold what was written is compiled again.
///
/// # Errors
/// If the code is not on disk and [`compile`] fails; a folder that cannot be written costs only time.
pub fn compile_cached(module: &Module, target: &str, folder: &Path) -> Result<Compiled, CompileError> {
    let path = cached_path(module, target, version().ok_or(CompileError::Missing)?, folder);
    if let Some(cubin) = read_cubin(&path) {
        return Ok(Compiled { cubin, log: String::new() });
    }
    let compiled = compile(module, target)?;
    if let Err(error) = write_atomic(&path, &[&digest(&compiled.cubin)[..], &compiled.cubin].concat()) {
        tracing::warn!(%error, path = %path.display(), "compiled kernels were not kept; they are compiled again next time");
    }
    Ok(compiled)
}

fn cached_path(module: &Module, target: &str, version: (i32, i32), folder: &Path) -> PathBuf {
    let mut text = format!("{}.{} {target} {}", version.0, version.1, module.definitions.join(" "));
    text.push('\n');
    text.push_str(&module.source);
    let name: String = digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join(format!("{}-{target}-{name}.cubin", module.name))
}

fn digest(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish().0
}

fn read_cubin(path: &Path) -> Option<Vec<u8>> {
    let bytes = read_bounded(path, CUBIN_BYTES_MAX).ok()?;
    let (written, cubin) = bytes.split_at_checked(DIGEST_BYTES)?;
    (digest(cubin) == written).then(|| cubin.to_vec())
}

/// Reads the registers and spills of every kernel out of the compiler's messages.
#[must_use]
pub fn kernel_uses(log: &str) -> Vec<KernelUse> {
    let mut uses: Vec<KernelUse> = Vec::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            let name = rest.split('\'').next().unwrap_or_default().to_owned();
            uses.push(KernelUse { name, registers: 0, spilled_bytes: 0 });
        }
        let Some(last) = uses.last_mut() else { continue };
        last.spilled_bytes += number_before(line, " bytes spill stores").unwrap_or(0);
        last.registers = last.registers.max(number_before(line, " registers").unwrap_or(0));
    }
    uses
}

fn number_before(line: &str, unit: &str) -> Option<u32> {
    line.split_once(unit)?.0.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A program of the compiler, given back at the end.
struct Program<'a>(sys::nvrtcProgram, std::marker::PhantomData<&'a CStr>);

impl<'a> Program<'a> {
    fn new(source: &'a CStr, name: &'a CStr) -> Result<Self, result::NvrtcError> {
        // The program may point into both texts; its lifetime keeps them.
        Ok(Self(result::create_program(source, Some(name))?, std::marker::PhantomData))
    }

    fn log(&self) -> String {
        // SAFETY: the program is alive.
        let bytes = unsafe { result::get_program_log(self.0) }.unwrap_or_default();
        let bytes: Vec<u8> = bytes.iter().map(|&c: &c_char| c as u8).take_while(|&c| c != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn cubin(&self) -> Result<Vec<u8>, result::NvrtcError> {
        let mut size = 0;
        // SAFETY: the program is alive, and the pointer is to a live integer.
        unsafe { sys::nvrtcGetCUBINSize(self.0, &mut size) }.result()?;
        let mut cubin = vec![0u8; size];
        // SAFETY: the buffer has the size that the compiler just asked for.
        unsafe { sys::nvrtcGetCUBIN(self.0, cubin.as_mut_ptr().cast()) }.result()?;
        Ok(cubin)
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `create_program` and not given back before. There is nothing to do about a failure.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_read() {
        let log = "ptxas info    : Compiling entry function 'adamw' for 'sm_80'\n\
                   ptxas info    : Function properties for adamw\n\
                   ptxas         .     8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads\n\
                   ptxas info    : Used 43 registers, used 0 barriers, 416 bytes cmem[0]\n";
        let expected = KernelUse { name: "adamw".into(), registers: 43, spilled_bytes: 4 };
        assert_eq!(kernel_uses(log), [expected]);
        assert_eq!(kernel_uses("nothing"), []);
    }

    #[test]
    fn a_damaged_file_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.cubin");
        let cubin = b"code".to_vec();
        write_atomic(&path, &[&digest(&cubin)[..], &cubin].concat()).unwrap();
        assert_eq!(read_cubin(&path), Some(cubin.clone()));
        write_atomic(&path, &[&digest(&cubin)[..], b"c0de"].concat()).unwrap();
        assert_eq!(read_cubin(&path), None);
        write_atomic(&path, b"short").unwrap();
        assert_eq!(read_cubin(&path), None);
    }
}
