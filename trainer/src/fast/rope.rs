//! Rotary positions, and the change between token-major rows and head-major blocks, in one pass.
//!
//! A token-major row holds the queries, keys and values of all heads of one token; attention wants each head's
//! tokens together. Both passes read and write each value once.

use crate::pool::Pool;
use crate::shape::Dims;
use crate::vector;

/// Cosines and sines for every position of a context: context × (head_dim / 2) each.
pub(super) struct Rotary {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    pub(super) fn new(context: usize, dims: &Dims) -> Self {
        let half = dims.head_dim / 2;
        let angle = |index: usize| (index / half) as f64 * dims.rope_frequency(index % half);
        let table =
            |function: fn(f64) -> f64| (0..context * half).map(|i| function(angle(i)) as f32).collect();
        Self { cos: table(f64::cos), sin: table(f64::sin) }
    }
}

/// Queries, keys and values, each as samples × heads × tokens × head_dim.
pub(super) struct HeadsMut<'a> {
    pub(super) q: &'a mut [f32],
    pub(super) k: &'a mut [f32],
    pub(super) v: &'a mut [f32],
}

/// Rows of `qkv` to heads, queries and keys rotated by their positions.
pub(super) fn split(
    pool: &Pool,
    dims: &Dims,
    rotary: &Rotary,
    tokens: usize,
    qkv: &[f32],
    heads: HeadsMut<'_>,
) {
    let (q, kv) = (tokens * dims.q(), tokens * dims.kv());
    let outputs = heads.q.chunks_mut(q).zip(heads.k.chunks_mut(kv)).zip(heads.v.chunks_mut(kv));
    pool.each(qkv.chunks(tokens * dims.qkv()).zip(outputs), |(rows, ((q, k), v))| {
        vector::fast!({
            for (token, row) in rows.chunks_exact(dims.qkv()).enumerate() {
                let (row_q, rest) = row.split_at(dims.q());
                let (row_k, row_v) = rest.split_at(dims.kv());
                turn_to_heads(dims, rotary, tokens, token, row_q, q);
                turn_to_heads(dims, rotary, tokens, token, row_k, k);
                copy_to_heads(dims, tokens, token, row_v, v);
            }
        },);
    });
}

/// Gradients by heads to rows of `qkv`, with the rotation undone: the inverse of [`split`].
pub(super) fn join(
    pool: &Pool,
    dims: &Dims,
    rotary: &Rotary,
    tokens: usize,
    heads: (&[f32], &[f32], &[f32]),
    qkv: &mut [f32],
) {
    let (q, kv) = (tokens * dims.q(), tokens * dims.kv());
    let inputs = heads.0.chunks(q).zip(heads.1.chunks(kv)).zip(heads.2.chunks(kv));
    pool.each(qkv.chunks_mut(tokens * dims.qkv()).zip(inputs), |(rows, ((q, k), v))| {
        vector::fast!({
            for (token, row) in rows.chunks_exact_mut(dims.qkv()).enumerate() {
                let (row_q, rest) = row.split_at_mut(dims.q());
                let (row_k, row_v) = rest.split_at_mut(dims.kv());
                turn_from_heads(dims, rotary, tokens, token, q, row_q);
                turn_from_heads(dims, rotary, tokens, token, k, row_k);
                copy_from_heads(dims, tokens, token, v, row_v);
            }
        },);
    });
}

/// Rows of width `heads · head_dim` to heads, unchanged.
pub(super) fn split_plain(pool: &Pool, dims: &Dims, tokens: usize, rows: &[f32], heads: &mut [f32]) {
    let width = dims.q();
    pool.each(rows.chunks(tokens * width).zip(heads.chunks_mut(tokens * width)), |(rows, heads)| {
        for (token, row) in rows.chunks_exact(width).enumerate() {
            copy_to_heads(dims, tokens, token, row, heads);
        }
    });
}

/// Heads to rows of width `heads · head_dim`, unchanged.
pub(super) fn join_plain(pool: &Pool, dims: &Dims, tokens: usize, heads: &[f32], rows: &mut [f32]) {
    let width = dims.q();
    pool.each(rows.chunks_mut(tokens * width).zip(heads.chunks(tokens * width)), |(rows, heads)| {
        for (token, row) in rows.chunks_exact_mut(width).enumerate() {
            copy_from_heads(dims, tokens, token, heads, row);
        }
    });
}

#[inline(always)]
fn copy_to_heads(dims: &Dims, tokens: usize, token: usize, row: &[f32], heads: &mut [f32]) {
    let width = dims.head_dim;
    for (part, head) in row.chunks_exact(width).zip(heads.chunks_exact_mut(tokens * width)) {
        head[token * width..][..width].copy_from_slice(part);
    }
}

#[inline(always)]
fn copy_from_heads(dims: &Dims, tokens: usize, token: usize, heads: &[f32], row: &mut [f32]) {
    let width = dims.head_dim;
    for (part, head) in row.chunks_exact_mut(width).zip(heads.chunks_exact(tokens * width)) {
        part.copy_from_slice(&head[token * width..][..width]);
    }
}

#[inline(always)]
fn turn_to_heads(dims: &Dims, rotary: &Rotary, tokens: usize, token: usize, row: &[f32], heads: &mut [f32]) {
    let width = dims.head_dim;
    for (part, head) in row.chunks_exact(width).zip(heads.chunks_exact_mut(tokens * width)) {
        turn(rotary, token, 1.0, part, &mut head[token * width..][..width]);
    }
}

#[inline(always)]
fn turn_from_heads(
    dims: &Dims,
    rotary: &Rotary,
    tokens: usize,
    token: usize,
    heads: &[f32],
    row: &mut [f32],
) {
    let width = dims.head_dim;
    for (part, head) in row.chunks_exact_mut(width).zip(heads.chunks_exact(tokens * width)) {
        turn(rotary, token, -1.0, &head[token * width..][..width], part);
    }
}

/// Rotates the pairs (x[i], x[i + half]) by the angles of `token`, or back for `direction` −1.
#[inline(always)]
fn turn(rotary: &Rotary, token: usize, direction: f32, x: &[f32], y: &mut [f32]) {
    let half = x.len() / 2;
    let (cos, sin) = (&rotary.cos[token * half..][..half], &rotary.sin[token * half..][..half]);
    let ((x_left, x_right), (y_left, y_right)) = (x.split_at(half), y.split_at_mut(half));
    for at in 0..half {
        let sin = direction * sin[at];
        y_left[at] = x_left[at] * cos[at] - x_right[at] * sin;
        y_right[at] = x_right[at] * cos[at] + x_left[at] * sin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::tiny;

    #[test]
    fn joining_undoes_splitting() {
        let (dims, tokens, pool) = (Dims::new(&tiny()), 5, Pool::new(2));
        let rotary = Rotary::new(tokens, &dims);
        let qkv: Vec<f32> = (0..3 * tokens * dims.qkv()).map(|i| (i as f32).sin()).collect();
        let heads = |width: usize| vec![0.0; 3 * tokens * width];
        let (mut q, mut k, mut v) = (heads(dims.q()), heads(dims.kv()), heads(dims.kv()));
        split(&pool, &dims, &rotary, tokens, &qkv, HeadsMut { q: &mut q, k: &mut k, v: &mut v });
        assert_eq!(q[..dims.head_dim], qkv[..dims.head_dim], "position 0 is not turned");
        assert_ne!(q[dims.head_dim], qkv[dims.qkv()], "position 1 is");
        let mut back = vec![0.0; qkv.len()];
        join(&pool, &dims, &rotary, tokens, (&q, &k, &v), &mut back);
        let gap = back.iter().zip(&qkv).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(gap < 1e-6, "{gap}");
        let (mut plain, mut rows) = (heads(dims.q()), heads(dims.q()));
        split_plain(&pool, &dims, tokens, &q, &mut plain);
        join_plain(&pool, &dims, tokens, &plain, &mut rows);
        assert_eq!(rows, q);
    }
}
