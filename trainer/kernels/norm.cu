// RMSNorm: y = x·r·w with r = 1 / sqrt(mean(x²) + eps) for each row. One block a row in the forward pass, a run of
// rows in the backward one. SN3_HIDDEN is the width; blocks have NORM_THREADS threads, so that narrow rows leave
// none idle.

#define NORM_THREADS (SN3_HIDDEN / PACK <= 128 ? 128 : 256)
#define SWEEPS ((SN3_HIDDEN + NORM_THREADS * PACK - 1) / (NORM_THREADS * PACK))

// This thread's column in sweep `sweep`; those outside the row are SN3_HIDDEN or more.
DEVICE u32 norm_column(int sweep) { return (sweep * NORM_THREADS + threadIdx.x) * PACK; }

KERNEL void __launch_bounds__(NORM_THREADS)
norm_forward(const real* x, const float* weight, float eps, real* y, float* factors) {
    __shared__ float scratch[WARP];
    u64 row = blockIdx.x;
    float values[SWEEPS][PACK], squares = 0.0f;
#pragma unroll
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        u32 column = norm_column(sweep);
        if (column >= SN3_HIDDEN) continue;
        unpack(x + row * SN3_HIDDEN + column, values[sweep]);
        for (int i = 0; i < PACK; i++) squares += values[sweep][i] * values[sweep][i];
    }
    float factor = 1.0f / sqrtf(block_sum(squares, scratch) / SN3_HIDDEN + eps);
    if (threadIdx.x == 0) factors[row] = factor;
#pragma unroll
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        u32 column = norm_column(sweep);
        if (column >= SN3_HIDDEN) continue;
        float scale[PACK];
        unpack_floats(weight + column, scale);
        for (int i = 0; i < PACK; i++) values[sweep][i] *= factor * scale[i];
        pack(y + row * SN3_HIDDEN + column, values[sweep]);
    }
}

// Adds to dx the gradient by x, and writes this block's share of the gradient by the weight to its row of
// `partial`: dx += r·(w·dy) − x·r³·mean(x·w·dy); dw = Σ rows of dy·x·r. Block b does rows b·run to (b + 1)·run.
// With `replace`, dx is overwritten instead.
KERNEL void __launch_bounds__(NORM_THREADS)
norm_backward(
    const real* x, const float* weight, const float* factors, const real* dy, real* dx, float* partial, u64 rows,
    u32 run, u32 replace
) {
    __shared__ float scratch[WARP];
    float sums[SWEEPS][PACK], scale[SWEEPS][PACK];
#pragma unroll
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int i = 0; i < PACK; i++) sums[sweep][i] = 0.0f, scale[sweep][i] = 0.0f;
        if (norm_column(sweep) < SN3_HIDDEN) unpack_floats(weight + norm_column(sweep), scale[sweep]);
    }
    u64 first = (u64)blockIdx.x * run, end = first + run < rows ? first + run : rows;
    for (u64 row = first; row < end; row++) {
        float factor = factors[row], pulled = 0.0f;
        float values[SWEEPS][PACK], gradient[SWEEPS][PACK];
#pragma unroll
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            u32 column = norm_column(sweep);
            if (column >= SN3_HIDDEN) continue;
            unpack(x + row * SN3_HIDDEN + column, values[sweep]);
            unpack(dy + row * SN3_HIDDEN + column, gradient[sweep]);
            for (int i = 0; i < PACK; i++) pulled += values[sweep][i] * scale[sweep][i] * gradient[sweep][i];
        }
        float pull = block_sum(pulled, scratch) * factor * factor * factor / SN3_HIDDEN;
#pragma unroll
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            u32 column = norm_column(sweep);
            if (column >= SN3_HIDDEN) continue;
            real* at = dx + row * SN3_HIDDEN + column;
            float out[PACK];
            for (int i = 0; i < PACK; i++) out[i] = 0.0f;
            if (!replace) unpack(at, out);
            for (int i = 0; i < PACK; i++) {
                out[i] += factor * scale[sweep][i] * gradient[sweep][i] - values[sweep][i] * pull;
                sums[sweep][i] += gradient[sweep][i] * values[sweep][i] * factor;
            }
            pack(at, out);
        }
    }
#pragma unroll
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        u32 column = norm_column(sweep);
        if (column >= SN3_HIDDEN) continue;
        for (int i = 0; i < PACK; i++) partial[(u64)blockIdx.x * SN3_HIDDEN + column + i] = sums[sweep][i];
    }
}

#define WEIGHT_THREADS 256
#define WEIGHT_PARTS (WEIGHT_THREADS / WARP)

// dweight += the rows of `partial`: a block does 32 columns, each warp every eighth row in order, then the warps' sums
// in order.
KERNEL void __launch_bounds__(WEIGHT_THREADS) norm_weight(const float* partial, u32 blocks, float* dweight) {
    __shared__ float sums[WEIGHT_PARTS][WARP];
    u32 part = threadIdx.x / WARP, lane = threadIdx.x % WARP, column = blockIdx.x * WARP + lane;
    float sum = 0.0f;
    if (column < SN3_HIDDEN)
        for (u32 block = part; block < blocks; block += WEIGHT_PARTS) sum += partial[(u64)block * SN3_HIDDEN + column];
    sums[part][lane] = sum;
    __syncthreads();
    if (part > 0 || column >= SN3_HIDDEN) return;
    for (int other = 1; other < WEIGHT_PARTS; other++) sum += sums[other][lane];
    dweight[column] += sum;
}
