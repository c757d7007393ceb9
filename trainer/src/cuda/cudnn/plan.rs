//! A graph to something that runs: engine chosen and finished, for the GPU here or for a described one.
#![allow(unsafe_code, reason = "the library's calls take pointers; each block says why they are right")]

use std::ffi::c_void;

use cudarc::cudnn::sys::{
    self, cudnnBackendAttributeName_t as Name, cudnnBackendAttributeType_t as Type,
    cudnnBackendDescriptorType_t as Kind, cudnnBackendHeurMode_t as Heuristic, cudnnHandle_t,
};

use super::descriptor::{Descriptor, check};
use super::graph::Graph;
use crate::cuda::device::{Address, GpuError};

/// Most engines that are tried for a graph.
const ENGINES_MAX: usize = 8;

/// Multiprocessors of the H200, the GPU that is described in tests.
const DESCRIBED_MULTIPROCESSORS: i32 = 132;

/// For which GPU a plan is made.
pub(super) enum For<'a> {
    Handle(cudnnHandle_t),
    /// One that is described: plans can be made, not run.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests make plans where there is no GPU"))]
    Description(&'a Descriptor),
}

/// A finished plan, and what it was made of.
pub(super) struct Plan {
    plan: Descriptor,
    _kept: (Descriptor, Descriptor, Graph),
    pub(super) workspace_bytes: usize,
}

impl Plan {
    pub(super) fn new(graph: Graph, device: &For<'_>) -> Result<Self, GpuError> {
        let operations = Descriptor::new(Kind::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?;
        operations.descriptors(Name::CUDNN_ATTR_OPERATIONGRAPH_OPS, &graph.operations())?;
        if let For::Handle(handle) = device {
            operations.set(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Type::CUDNN_TYPE_HANDLE, &[*handle])?;
        }
        let operations = operations.finish()?;
        let heuristics = Descriptor::new(Kind::CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)?;
        heuristics.descriptors(Name::CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, &[&operations])?.set(
            Name::CUDNN_ATTR_ENGINEHEUR_MODE,
            Type::CUDNN_TYPE_HEUR_MODE,
            &[Heuristic::CUDNN_HEUR_MODE_A],
        )?;
        if let For::Description(description) = device {
            let (name, kind) = (Name::CUDNN_ATTR_ENGINEHEUR_SM_COUNT_TARGET, Type::CUDNN_TYPE_INT32);
            heuristics.descriptors(Name::CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, &[description])?.set(
                name,
                kind,
                &[DESCRIBED_MULTIPROCESSORS],
            )?;
        }
        let heuristics = heuristics.finish()?;
        let kind = Kind::CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
        let engines = heuristics.listed(Name::CUDNN_ATTR_ENGINEHEUR_RESULTS, kind, ENGINES_MAX)?;
        let mut last =
            GpuError::Call { call: "choosing an engine", reason: "cuDNN has none for this attention".into() };
        for engine in engines {
            match finished(&engine, device) {
                Ok((plan, workspace_bytes)) => {
                    return Ok(Self { plan, _kept: (engine, operations, graph), workspace_bytes });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Runs the plan with memory for its tensors, numbers for its scalars and room to work.
    pub(super) fn run(
        &self,
        handle: cudnnHandle_t,
        memory: &[(i64, Address)],
        numbers: &[(i64, f32)],
        workspace: Address,
    ) -> Result<(), GpuError> {
        let uids: Vec<i64> =
            memory.iter().map(|(uid, _)| *uid).chain(numbers.iter().map(|(uid, _)| *uid)).collect();
        let addresses = memory.iter().map(|(_, at)| at.0 as *const c_void);
        let scalars = numbers.iter().map(|(_, value)| (&raw const *value).cast::<c_void>());
        let pointers: Vec<*const c_void> = addresses.chain(scalars).collect();
        let pack = Descriptor::new(Kind::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?;
        pack.set(Name::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Type::CUDNN_TYPE_VOID_PTR, &pointers)?
            .integers(Name::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &uids)?
            .set(Name::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Type::CUDNN_TYPE_VOID_PTR, &[workspace.0])?;
        let pack = pack.finish()?;
        // SAFETY: handle, plan and pack are alive; the memory holds what the plan's tensors describe, and
        // `numbers` lives longer than the call, which reads it.
        check("attention", unsafe { sys::cudnnBackendExecute(handle, self.plan.raw(), pack.raw()) })
    }
}

fn finished(engine: &Descriptor, device: &For<'_>) -> Result<(Descriptor, usize), GpuError> {
    let plan = Descriptor::new(Kind::CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)?;
    plan.descriptors(Name::CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, &[engine])?;
    match device {
        For::Handle(handle) => {
            plan.set(Name::CUDNN_ATTR_EXECUTION_PLAN_HANDLE, Type::CUDNN_TYPE_HANDLE, &[*handle])?
        }
        For::Description(description) => {
            plan.descriptors(Name::CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, &[description])?
        }
    };
    let plan = plan.finish()?;
    let bytes = plan.number(Name::CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)?;
    Ok((plan, bytes.max(0) as usize))
}
