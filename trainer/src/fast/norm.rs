//! RMSNorm, forward and backward: `y = x · r · w` with `r = 1 / sqrt(mean(x²) + eps)` for each row.

use crate::pool::Pool;
use crate::vector;

/// Rows that one task works on; also the unit of the weight gradient's fixed summation order.
pub(super) const ROW_BLOCK: usize = 256;

/// Writes the norm of each row of `x` to `y`, and its factor `r` to `factors`.
pub(super) fn forward(pool: &Pool, x: &[f32], weight: &[f32], eps: f32, factors: &mut [f32], y: &mut [f32]) {
    let width = weight.len();
    let rows = x.chunks(ROW_BLOCK * width).zip(y.chunks_mut(ROW_BLOCK * width));
    pool.each(rows.zip(factors.chunks_mut(ROW_BLOCK)), |((x, y), factors)| {
        vector::fast!({
            let rows = x.chunks_exact(width).zip(y.chunks_exact_mut(width));
            for ((x, y), factor) in rows.zip(factors.iter_mut()) {
                *factor = 1.0 / (vector::dot(x, x) / width as f32 + eps).sqrt();
                scale_row(x, weight, *factor, y);
            }
        },);
    });
}

/// The norm again, from the factors of the forward pass.
pub(super) fn recompute(pool: &Pool, x: &[f32], weight: &[f32], factors: &[f32], y: &mut [f32]) {
    let width = weight.len();
    let rows = x.chunks(ROW_BLOCK * width).zip(y.chunks_mut(ROW_BLOCK * width));
    pool.each(rows.zip(factors.chunks(ROW_BLOCK)), |((x, y), factors)| {
        vector::fast!({
            for ((x, y), &factor) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(factors) {
                scale_row(x, weight, factor, y);
            }
        },);
    });
}

#[inline(always)]
fn scale_row(x: &[f32], weight: &[f32], factor: f32, y: &mut [f32]) {
    for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
        *y = x * factor * weight;
    }
}

/// What the backward pass reads.
pub(super) struct Saved<'a> {
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) factors: &'a [f32],
}

/// Adds to `dx` the gradient by `x`, and to `dweight` that by the weight, for the gradient `dy` by the result.
///
/// dx = r·(w·dy) − x · r³ · mean(x · w·dy); dw = Σ rows of dy · x · r. `partial` holds one row of the width for
/// each block of rows.
pub(super) fn backward(
    pool: &Pool,
    saved: &Saved<'_>,
    dy: &[f32],
    dx: &mut [f32],
    dweight: &mut [f32],
    partial: &mut [f32],
) {
    let width = saved.weight.len();
    let block = ROW_BLOCK * width;
    let inputs = saved.x.chunks(block).zip(dy.chunks(block)).zip(saved.factors.chunks(ROW_BLOCK));
    let outputs = dx.chunks_mut(block).zip(partial.chunks_mut(width));
    pool.each(inputs.zip(outputs), |(((x, dy), factors), (dx, partial))| {
        partial.fill(0.0);
        vector::fast!({
            let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
            for (((x, dy), dx), &factor) in rows.zip(factors) {
                backward_row(x, saved.weight, factor, dy, dx, partial);
            }
        },);
    });
    for partial in partial.chunks_exact(width).take(saved.factors.len().div_ceil(ROW_BLOCK)) {
        dweight.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
    }
}

#[inline(always)]
fn backward_row(x: &[f32], weight: &[f32], factor: f32, dy: &[f32], dx: &mut [f32], partial: &mut [f32]) {
    let width = x.len();
    let mut lanes = [0.0f32; vector::LANES];
    let whole = width / vector::LANES * vector::LANES;
    for at in (0..whole).step_by(vector::LANES) {
        for lane in 0..vector::LANES {
            lanes[lane] += x[at + lane] * weight[at + lane] * dy[at + lane];
        }
    }
    for at in whole..width {
        lanes[at - whole] += x[at] * weight[at] * dy[at];
    }
    let pull = vector::add_lanes(lanes) * factor * factor * factor / width as f32;
    for ((dx, dy), ((x, weight), partial)) in dx.iter_mut().zip(dy).zip(x.iter().zip(weight).zip(partial)) {
        *dx += factor * weight * dy - x * pull;
        *partial += dy * x * factor;
    }
}
