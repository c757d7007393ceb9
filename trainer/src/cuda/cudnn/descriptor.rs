//! cuDNN's backend descriptors with errors, and given back at the end.
#![allow(unsafe_code, reason = "the library's calls take pointers; each block says why they are right")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;

use cudarc::cudnn::sys::{
    self, cudnnBackendAttributeName_t as Name, cudnnBackendAttributeType_t as Type,
    cudnnBackendDescriptorType_t as Kind,
};

use crate::cuda::device::GpuError;

/// A descriptor of the library.
pub(super) struct Descriptor(sys::cudnnBackendDescriptor_t);

// SAFETY: descriptors are not changed after they are finished, and the library reads them from any thread.
unsafe impl Send for Descriptor {}

impl Descriptor {
    pub(super) fn new(kind: Kind) -> Result<Self, GpuError> {
        let mut descriptor = null_mut();
        // SAFETY: the pointer is to a live variable.
        check("creating a descriptor", unsafe { sys::cudnnBackendCreateDescriptor(kind, &mut descriptor) })?;
        Ok(Self(descriptor))
    }

    pub(super) fn raw(&self) -> sys::cudnnBackendDescriptor_t {
        self.0
    }

    pub(super) fn integers(&self, name: Name, values: &[i64]) -> Result<&Self, GpuError> {
        self.set(name, Type::CUDNN_TYPE_INT64, values)
    }

    pub(super) fn flag(&self, name: Name, value: bool) -> Result<&Self, GpuError> {
        self.set(name, Type::CUDNN_TYPE_BOOLEAN, &[value])
    }

    pub(super) fn data_type(&self, name: Name, value: sys::cudnnDataType_t) -> Result<&Self, GpuError> {
        self.set(name, Type::CUDNN_TYPE_DATA_TYPE, &[value])
    }

    /// Other descriptors, which must outlive the finishing of this one.
    pub(super) fn descriptors(&self, name: Name, values: &[&Self]) -> Result<&Self, GpuError> {
        let raw: Vec<_> = values.iter().map(|descriptor| descriptor.0).collect();
        self.set(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &raw)
    }

    /// An attribute whose element type is `T` for the library's `kind`.
    pub(super) fn set<T>(&self, name: Name, kind: Type, values: &[T]) -> Result<&Self, GpuError> {
        let (count, from) = (values.len() as i64, values.as_ptr().cast::<c_void>());
        // SAFETY: the descriptor is alive, and the library copies `count` elements during the call; that `T` is the
        // library's element for `kind` is held by the callers, all in this folder.
        check("describing", unsafe { sys::cudnnBackendSetAttribute(self.0, name, kind, count, from) })?;
        Ok(self)
    }

    pub(super) fn finish(self) -> Result<Self, GpuError> {
        // SAFETY: the descriptor is alive.
        check("finishing a description", unsafe { sys::cudnnBackendFinalize(self.0) })?;
        Ok(self)
    }

    /// One 64-bit number.
    pub(super) fn number(&self, name: Name) -> Result<i64, GpuError> {
        let (mut value, mut count) = (0i64, 0i64);
        let to = (&raw mut value).cast::<c_void>();
        // SAFETY: the descriptor is alive, and there is room for the one element asked for.
        let status =
            unsafe { sys::cudnnBackendGetAttribute(self.0, name, Type::CUDNN_TYPE_INT64, 1, &mut count, to) };
        check("reading a description", status)?;
        Ok(value)
    }

    /// Up to `most` descriptors of `kind`.
    pub(super) fn listed(&self, name: Name, kind: Kind, most: usize) -> Result<Vec<Self>, GpuError> {
        let room: Vec<Self> = (0..most).map(|_| Self::new(kind)).collect::<Result<_, _>>()?;
        let mut raw: Vec<_> = room.iter().map(|descriptor| descriptor.0).collect();
        let mut count = 0i64;
        let (kind, to) = (Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.as_mut_ptr().cast::<c_void>());
        // SAFETY: the descriptor is alive; `raw` holds `most` descriptors for the library to fill.
        let status =
            unsafe { sys::cudnnBackendGetAttribute(self.0, name, kind, most as i64, &mut count, to) };
        check("listing engines", status)?;
        Ok(room.into_iter().take(count.max(0) as usize).collect())
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made by the library, and not used after this. There is nothing to do about a failure.
        unsafe { sys::cudnnBackendDestroyDescriptor(self.0) };
    }
}

/// The library's status as a result, with its own last message.
pub(super) fn check(call: &'static str, status: sys::cudnnStatus_t) -> Result<(), GpuError> {
    if status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS {
        return Ok(());
    }
    let mut message = [0 as c_char; 512];
    // SAFETY: the buffer has the size that is said; the library ends what it writes with a zero.
    let text = unsafe {
        sys::cudnnGetLastErrorString(message.as_mut_ptr(), message.len());
        CStr::from_ptr(message.as_ptr())
    };
    Err(GpuError::Call { call, reason: format!("cuDNN {status:?}: {}", text.to_string_lossy()) })
}
