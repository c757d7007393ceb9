//! What the step needs of a GPU: memory, kernels, matrix products, recordings.
//!
//! The step is written against [`Device`], so that tests can run all of it on the CPU.

use std::sync::Arc;

use super::attention;
use super::source::Storage;

/// Where something lies in the device's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    pub(crate) fn after(self, bytes: usize) -> Self {
        Self(self.0 + bytes as u64)
    }
}

/// Why the GPU did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No room.
    #[error("the GPU has no room for {bytes} bytes more; use a smaller micro-batch or a smaller model")]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
    /// No usable GPU.
    #[error("no usable GPU: {0}")]
    Unusable(String),
    /// A model that the kernels cannot hold.
    #[error("the GPU step needs {field} to be {rule}, not {value}; use the step on the CPU for this model")]
    Shape {
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
        /// What it is.
        value: usize,
    },
    /// Kernels that do not compile.
    #[error("{0}")]
    Compile(String),
    /// A call that failed.
    #[error("{call} failed on the GPU: {reason}; `sn3 doctor` shows the driver's state")]
    Call {
        /// Which call.
        call: &'static str,
        /// What the library said.
        reason: String,
    },
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg {
    Memory(Address),
    U32(u32),
    U64(u64),
    F32(f32),
    /// rows, columns, height, width of a tensor's chunks.
    Grid([u32; 4]),
}

impl Arg {
    /// The bytes as a kernel reads them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match *self {
            Self::Memory(Address(at)) => at.to_le_bytes().to_vec(),
            Self::U32(value) => value.to_le_bytes().to_vec(),
            Self::U64(value) => value.to_le_bytes().to_vec(),
            Self::F32(value) => value.to_le_bytes().to_vec(),
            Self::Grid(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

impl From<Address> for Arg {
    fn from(at: Address) -> Self {
        Self::Memory(at)
    }
}

/// How many blocks of how many threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Launch {
    pub(crate) blocks: [u32; 3],
    pub(crate) threads: u32,
    pub(crate) shared_bytes: u32,
}

impl Launch {
    /// Threads of a block where a kernel does not say.
    const THREADS: u32 = 256;
    /// Most blocks of a kernel that goes on in strides.
    const STRIDED_BLOCKS_MAX: u64 = 4096;

    /// Blocks of 256 threads.
    pub(crate) fn blocks(count: u64) -> Self {
        Self { blocks: [count as u32, 1, 1], threads: Self::THREADS, shared_bytes: 0 }
    }

    /// `count` blocks of the norm's kernels for rows of `hidden` values, as in `norm.cu`.
    pub(crate) fn norm(count: u64, hidden: usize, storage: Storage) -> Self {
        let packs = hidden * storage.bytes() / 16;
        Self { threads: if packs <= 128 { 128 } else { 256 }, ..Self::blocks(count) }
    }

    /// Enough blocks for `items`, each thread going on in strides.
    pub(crate) fn strided(items: u64) -> Self {
        Self::blocks(items.div_ceil(u64::from(Self::THREADS)).clamp(1, Self::STRIDED_BLOCKS_MAX))
    }
}

/// A row-major matrix in memory, `line` values from row to row; as its transpose where `transposed`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) at: Address,
    pub(crate) line: usize,
    pub(crate) transposed: bool,
}

impl Operand {
    pub(crate) fn new(at: Address, line: usize) -> Self {
        Self { at, line, transposed: false }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }
}

/// `out = a·b`, or `added + a·b`: a is m × k, b is k × n, `out` and `added` are m × n with `line` values a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: Operand,
    pub(crate) b: Operand,
    pub(crate) added: Option<Address>,
    pub(crate) out: Address,
    pub(crate) line: usize,
    /// Whether `out` and `added` are f32 instead of the storage's type.
    pub(crate) floats: bool,
}

/// A GPU, or what stands for one in tests. Work is done in the order in which it is asked for; only [`Device::read`]
/// waits for it.
pub(crate) trait Device: Send + Sync + Sized {
    /// Work that was recorded once, to be done again without asking for each piece.
    type Recording: Send;

    /// How weights and activations are stored.
    fn storage(&self) -> Storage;

    /// Takes memory; its content is undefined.
    fn allocate(&self, bytes: usize) -> Result<Address, GpuError>;

    /// Gives memory back that [`Device::allocate`] gave out.
    fn free(&self, at: Address);

    fn write(&self, to: Address, bytes: &[u8]) -> Result<(), GpuError>;

    /// Waits for all work before it.
    fn read(&self, from: Address, bytes: &mut [u8]) -> Result<(), GpuError>;

    fn zero(&self, at: Address, bytes: usize) -> Result<(), GpuError>;

    fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Arg]) -> Result<(), GpuError>;

    fn multiply(&self, product: &Product) -> Result<(), GpuError>;

    /// Records what `work` asks for instead of doing it.
    fn record(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Self::Recording, GpuError>;

    fn replay(&self, recording: &Self::Recording) -> Result<(), GpuError>;

    /// Gets ready for attention of these sizes, and takes the memory for it.
    fn prepare(&self, _sizes: attention::Sizes) -> Result<(), GpuError> {
        Ok(())
    }

    /// Causal attention of rotated queries, keys and values.
    fn attention_forward(&self, work: &attention::Forward) -> Result<(), GpuError> {
        attention::forward(self, work)
    }

    /// Its gradients.
    fn attention_backward(&self, work: &attention::Backward) -> Result<(), GpuError> {
        attention::backward(self, work)
    }
}

/// Memory of a device, given back at the end.
pub(crate) struct Buffer<D: Device> {
    device: Arc<D>,
    at: Address,
    bytes: usize,
}

impl<D: Device> Buffer<D> {
    pub(crate) fn new(device: &Arc<D>, bytes: usize) -> Result<Self, GpuError> {
        let at = device.allocate(bytes.max(1))?;
        Ok(Self { device: device.clone(), at, bytes })
    }

    /// Room for `count` values as they are stored.
    pub(crate) fn stored(device: &Arc<D>, count: usize) -> Result<Self, GpuError> {
        Self::new(device, count * device.storage().bytes())
    }

    /// Room for `count` values of four bytes.
    pub(crate) fn words(device: &Arc<D>, count: usize) -> Result<Self, GpuError> {
        Self::new(device, count * 4)
    }

    pub(crate) fn of<T: bytemuck::NoUninit>(device: &Arc<D>, values: &[T]) -> Result<Self, GpuError> {
        let buffer = Self::new(device, size_of_val(values))?;
        buffer.write(values)?;
        Ok(buffer)
    }

    pub(crate) fn at(&self) -> Address {
        self.at
    }

    /// The address of f32 (or u32) number `index`.
    pub(crate) fn word(&self, index: usize) -> Address {
        self.at.after(index * 4)
    }

    /// The address of stored value `index`.
    pub(crate) fn value(&self, index: usize) -> Address {
        self.at.after(index * self.device.storage().bytes())
    }

    /// Writes from the beginning.
    pub(crate) fn write<T: bytemuck::NoUninit>(&self, values: &[T]) -> Result<(), GpuError> {
        assert!(size_of_val(values) <= self.bytes, "buffers are made for what is written to them");
        self.device.write(self.at, bytemuck::cast_slice(values))
    }

    /// Reads `count` values from the beginning.
    pub(crate) fn read<T: bytemuck::Pod>(&self, count: usize) -> Result<Vec<T>, GpuError> {
        let mut values = vec![T::zeroed(); count];
        assert!(size_of_val(&values[..]) <= self.bytes, "buffers are made for what is read from them");
        self.device.read(self.at, bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    pub(crate) fn zero(&self) -> Result<(), GpuError> {
        self.device.zero(self.at, self.bytes)
    }
}

impl<D: Device> Drop for Buffer<D> {
    fn drop(&mut self) {
        self.device.free(self.at);
    }
}
