//! What is known of GPUs: the numbers of their makers' data sheets.

use serde::{Deserialize, Serialize};

use super::PlanError;

/// A GPU as plan numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Its name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: f64,
    /// Memory bandwidth in bytes a second.
    pub bandwidth_bytes_s: f64,
    /// Peak of dense bf16 matrix products with f32 sums, in operations a second.
    pub bf16_flops: f64,
}

/// Name, memory in GB, bandwidth in GB/s, dense bf16 peak in TFLOP/s, from the data sheets.
pub const GPUS: [(&str, f64, f64, f64); 16] = [
    ("b300", 288.0, 8_000.0, 2_250.0),
    ("b200", 180.0, 7_700.0, 2_250.0),
    ("gh200", 96.0, 4_000.0, 989.0),
    ("h200", 141.0, 4_800.0, 989.0),
    ("h100", 80.0, 3_350.0, 989.0),
    ("h100-pcie", 80.0, 2_000.0, 756.0),
    ("a100-80", 80.0, 2_039.0, 312.0),
    ("a100-40", 40.0, 1_555.0, 312.0),
    ("l40s", 48.0, 864.0, 362.0),
    ("l4", 24.0, 300.0, 121.0),
    ("a6000", 48.0, 768.0, 154.8),
    ("a10g", 24.0, 600.0, 70.0),
    ("rtx-6000-ada", 48.0, 960.0, 182.0),
    ("rtx-5090", 32.0, 1_792.0, 209.5),
    ("rtx-4090", 24.0, 1_008.0, 165.2),
    ("rtx-3090", 24.0, 936.0, 71.0),
];

/// A GPU of the table, by name in any case.
///
/// # Errors
/// If it is not in the table.
pub fn gpu(name: &str) -> Result<Gpu, PlanError> {
    let wanted = name.to_lowercase();
    let found = GPUS.iter().find(|(name, ..)| *name == wanted);
    let &(name, memory_gb, bandwidth_gb_s, tflops) =
        found.ok_or_else(|| PlanError::Gpu(name.chars().take(64).collect()))?;
    Ok(Gpu {
        name: name.to_owned(),
        memory_bytes: memory_gb * 1e9,
        bandwidth_bytes_s: bandwidth_gb_s * 1e9,
        bf16_flops: tflops * 1e12,
    })
}

/// All names, for messages.
pub(super) fn names() -> String {
    GPUS.map(|(name, ..)| name).join(", ")
}
