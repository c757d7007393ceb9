//! A device for tests: the kernels compiled as C++ (`kernels/host.h`) in a process of their own, which keeps the
//! memory, runs kernels thread by thread and multiplies matrices plainly. No GPU, no `unsafe`.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::device::{Address, Arg, Device, GpuError, Launch, Operand, Product};
use super::source::{KERNELS, KernelShape, Module, Storage};

const HOST: &str = include_str!("../../kernels/host.h");
const HOST_MAIN: &str = include_str!("../../kernels/host_main.h");

/// A process that stands for a GPU.
pub(crate) struct Emulator {
    storage: Storage,
    inner: Mutex<Inner>,
}

struct Inner {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// What is recorded instead of done, while something is.
    recording: Option<Vec<u8>>,
    /// Bytes that may still be given out.
    room: usize,
    taken: Vec<(Address, usize)>,
}

impl Emulator {
    /// Compiles the kernels for `shape` and starts them; none, with a message, where there is no C++ compiler.
    pub(crate) fn new(shape: KernelShape) -> Option<Arc<Self>> {
        let program = build(shape)?;
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what was just compiled starts");
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (to, from) = (BufWriter::new(to), BufReader::new(from));
        let inner = Inner { child, to, from, recording: None, room: usize::MAX, taken: Vec::new() };
        Some(Arc::new(Self { storage: shape.storage, inner: Mutex::new(inner) }))
    }

    /// Runs threads last to first from now on, or first to last again.
    pub(crate) fn reverse(&self, reversed: bool) {
        self.inner.lock().unwrap().send(&[b'O', u8::from(reversed)]);
    }

    /// Gives out no more than `bytes` from now on.
    pub(crate) fn limit(&self, bytes: usize) {
        self.inner.lock().unwrap().room = bytes;
    }

    fn order(&self, command: &[u8]) -> Result<(), GpuError> {
        let mut inner = self.inner.lock().unwrap();
        match &mut inner.recording {
            Some(recording) => recording.extend_from_slice(command),
            None => inner.send(command),
        }
        Ok(())
    }
}

impl Inner {
    fn send(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).expect("the kernels' process stopped; its message is above");
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        self.to.flush().expect("the kernels' process stopped; its message is above");
        self.from.read_exact(bytes).expect("the kernels' process stopped; its message is above");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Device for Emulator {
    type Recording = Vec<u8>;

    fn storage(&self) -> Storage {
        self.storage
    }

    fn allocate(&self, bytes: usize) -> Result<Address, GpuError> {
        let mut inner = self.inner.lock().unwrap();
        inner.room = inner.room.checked_sub(bytes).ok_or(GpuError::OutOfMemory { bytes })?;
        inner.send(&[&b"A"[..], &(bytes as u64).to_le_bytes()].concat());
        let mut address = [0; 8];
        inner.receive(&mut address);
        let address = Address(u64::from_le_bytes(address));
        inner.taken.push((address, bytes));
        Ok(address)
    }

    fn free(&self, at: Address) {
        let mut inner = self.inner.lock().unwrap();
        let index = inner.taken.iter().position(|(address, _)| *address == at).expect("given out once");
        let (_, bytes) = inner.taken.swap_remove(index);
        inner.room = inner.room.saturating_add(bytes);
    }

    fn write(&self, to: Address, bytes: &[u8]) -> Result<(), GpuError> {
        let mut inner = self.inner.lock().unwrap();
        assert!(inner.recording.is_none(), "a recording holds no host memory");
        inner.send(&[&b"W"[..], &to.0.to_le_bytes(), &(bytes.len() as u64).to_le_bytes(), bytes].concat());
        Ok(())
    }

    fn read(&self, from: Address, bytes: &mut [u8]) -> Result<(), GpuError> {
        let mut inner = self.inner.lock().unwrap();
        assert!(inner.recording.is_none(), "a recording holds no host memory");
        inner.send(&[&b"R"[..], &from.0.to_le_bytes(), &(bytes.len() as u64).to_le_bytes()].concat());
        inner.receive(bytes);
        Ok(())
    }

    fn zero(&self, at: Address, bytes: usize) -> Result<(), GpuError> {
        self.order(&[&b"Z"[..], &at.0.to_le_bytes(), &(bytes as u64).to_le_bytes()].concat())
    }

    fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Arg]) -> Result<(), GpuError> {
        let mut command = vec![b'L'];
        command.extend((kernel.len() as u32).to_le_bytes());
        command.extend(kernel.as_bytes());
        let [x, y, z] = launch.blocks;
        for value in [x, y, z, launch.threads, launch.shared_bytes, arguments.len() as u32] {
            command.extend(value.to_le_bytes());
        }
        for bytes in arguments.iter().map(Arg::bytes) {
            command.extend((bytes.len() as u32).to_le_bytes());
            command.extend(bytes);
        }
        self.order(&command)
    }

    fn multiply(&self, product: &Product) -> Result<(), GpuError> {
        let Product { m, n, k, a, b, added, out, line, floats } = *product;
        let operand = |o: Operand| [o.at.0, o.line as u64, u64::from(o.transposed)];
        let values = [m as u64, n as u64, k as u64].into_iter().chain(operand(a)).chain(operand(b));
        let last = [added.map_or(0, |at| at.0), out.0, line as u64, u64::from(floats)];
        let mut command = vec![b'G'];
        values.chain(last).for_each(|value| command.extend(value.to_le_bytes()));
        self.order(&command)
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Vec<u8>, GpuError> {
        self.inner.lock().unwrap().recording = Some(Vec::new());
        let done = work();
        let recording = self.inner.lock().unwrap().recording.take().expect("set above");
        done.map(|()| recording)
    }

    fn replay(&self, recording: &Vec<u8>) -> Result<(), GpuError> {
        self.order(recording)
    }
}

/// The program for `shape`; compiled once for a text. None, with a message, where there is no C++ compiler.
fn build(shape: KernelShape) -> Option<PathBuf> {
    let (module, codec) = (Module::step(shape), Module::codec_alone());
    let adds: String = KERNELS.iter().map(|name| format!("    add(\"{name}\", {name});\n")).collect();
    let adds = format!("static void add_kernels() {{\n{adds}}}\n");
    let text = [HOST, &module.source, &codec.source, HOST_MAIN, &adds].join("\n");
    let key = sn3_protocol::Digest::of(format!("{:?}{text}", module.definitions).as_bytes());
    let folder = std::env::temp_dir().join("sn3-host-kernels");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join(key.short());
    if program.exists() {
        return Some(program);
    }
    let own = tempfile::Builder::new().tempdir_in(&folder).unwrap();
    let (source, built) = (own.path().join("kernels.cpp"), own.path().join("kernels"));
    std::fs::write(&source, text).unwrap();
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let options =
        ["-std=c++17", "-O2", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-w", "-fno-strict-aliasing"];
    let output = Command::new(&compiler)
        .args(options)
        .args(&module.definitions)
        .arg("-o")
        .arg(&built)
        .arg(&source)
        .output();
    let Ok(output) = output else {
        use std::io::stderr;
        let _ = writeln!(
            stderr(),
            "skipped: no C++ compiler {compiler:?} was found; the kernels are not run here"
        );
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Two tests may do this at once; either file is right.
    std::fs::rename(&built, &program).unwrap();
    Some(program)
}
