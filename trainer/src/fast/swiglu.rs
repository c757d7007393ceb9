//! `a = silu(g) · u` for rows that hold the gate `g` and then `u`, forward and backward.

use crate::pool::Pool;
use crate::vector;

/// Rows that one task works on.
const ROW_BLOCK: usize = 64;

/// Writes `silu(g) · u` of each row of `gate_up` (2 · `width` values) to `out` (`width` values).
pub(super) fn forward(pool: &Pool, gate_up: &[f32], out: &mut [f32], width: usize) {
    let blocks = gate_up.chunks(ROW_BLOCK * 2 * width).zip(out.chunks_mut(ROW_BLOCK * width));
    pool.each(blocks, |(gate_up, out)| {
        vector::fast!(forward_rows(gate_up, out, width));
    });
}

#[inline(always)]
fn forward_rows(gate_up: &[f32], out: &mut [f32], width: usize) {
    for (row, out) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
        let (gate, up) = row.split_at(width);
        forward_row(gate, up, out);
    }
}

// Rows are functions of their own because the compiler knows that a function's slices do not overlap, which it
// must know to use wide instructions.
#[inline(always)]
fn forward_row(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = gate * vector::sigmoid(*gate) * up;
    }
}

/// Replaces `gate_up` by the gradient by it, and `dout` by the forward result, which the gradient of the next
/// matrix needs.
///
/// With s = sigmoid(g): dg = da · u · s · (1 + g·(1 − s)); du = da · g · s.
pub(super) fn backward(pool: &Pool, gate_up: &mut [f32], dout: &mut [f32], width: usize) {
    let blocks = gate_up.chunks_mut(ROW_BLOCK * 2 * width).zip(dout.chunks_mut(ROW_BLOCK * width));
    pool.each(blocks, |(gate_up, dout)| {
        vector::fast!(backward_rows(gate_up, dout, width));
    });
}

#[inline(always)]
fn backward_rows(gate_up: &mut [f32], dout: &mut [f32], width: usize) {
    for (row, dout) in gate_up.chunks_exact_mut(2 * width).zip(dout.chunks_exact_mut(width)) {
        let (gate, up) = row.split_at_mut(width);
        backward_row(gate, up, dout);
    }
}

#[inline(always)]
fn backward_row(gate: &mut [f32], up: &mut [f32], dout: &mut [f32]) {
    for ((dout, gate), up) in dout.iter_mut().zip(gate).zip(up) {
        let sigmoid = vector::sigmoid(*gate);
        let silu = *gate * sigmoid;
        let (gradient, result) = (*dout, silu * *up);
        *gate = gradient * *up * sigmoid * (1.0 + *gate * (1.0 - sigmoid));
        *up = gradient * silu;
        *dout = result;
    }
}
