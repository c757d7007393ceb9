// Causal grouped-query attention for machines without cuDNN, and for storage in float. Rows of `qkv` hold the
// rotated queries, the rotated keys and the values of a token, heads side by side; `stride` is a row's length.
// SN3_HEAD_DIM is the width of a head. No sum crosses blocks, so results are the same bits every time.
//
// A block has 4 warps. Each warp owns 16 rows of the block's 64 (queries forward and for dQ, keys for dK and dV)
// and keeps its results in registers, in the layout of mma's accumulators: in an 8-column tile, lane 4g + t
// holds rows g and g + 8, columns 2t and 2t + 1, as tile[0..1] and tile[2..3].

#define ATTENTION_THREADS 128
#define OWN 64
#define OTHER 32
// Width rounded up to mma's depth; what is beyond the head is zero.
#define DEPTH ((SN3_HEAD_DIM + 15) / 16 * 16)
#define PAD (16 / (int)sizeof(real))
#define LINE (DEPTH + PAD)
#define TILE_LINE (OTHER + PAD)
#define DEPTH_TILES (DEPTH / 8)
#define OTHER_TILES (OTHER / 8)

// Which side of a product is stored the other way round: A as (k, m), B as (k, n) instead of (n, k).
#define A_ROWS 0
#define A_TRANSPOSED 1
#define B_ROWS 0
#define B_TRANSPOSED 2

#ifndef SN3_F32
#ifndef SN3_HOST
DEVICE void mma(float* d, const u32* a, const u32* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

DEVICE u32 two(const real* low, const real* high) { return (u32)*low | (u32)*high << 16; }
#endif

// out[tile] += A·B for a warp: A is 16 × K, B is K × 8·TILES, both in shared memory.
template <int TILES, int K, int FORM>
DEVICE void warp_multiply(float (*out)[4], const real* a, int a_line, const real* b, int b_line) {
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
#ifdef SN3_F32
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int m = g + i / 2 * 8, n = tile * 8 + 2 * t + i % 2;
            float sum = out[tile][i];
#pragma unroll 1
            for (int k = 0; k < K; k++) {
                float left = FORM & A_TRANSPOSED ? a[k * a_line + m] : a[m * a_line + k];
                sum += left * (FORM & B_TRANSPOSED ? b[k * b_line + n] : b[n * b_line + k]);
            }
            out[tile][i] = sum;
        }
    }
#else
    // More would be faster to schedule, and spill.
#pragma unroll 2
    for (int k = 0; k < K; k += 16) {
        u32 left[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int m = g + i % 2 * 8, at = k + 2 * t + i / 2 * 8;
            if (FORM & A_TRANSPOSED) left[i] = two(a + at * a_line + m, a + (at + 1) * a_line + m);
            else left[i] = *(const u32*)(a + m * a_line + at);
        }
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            u32 right[2];
#pragma unroll
            for (int i = 0; i < 2; i++) {
                int n = tile * 8 + g, at = k + 2 * t + i * 8;
                if (FORM & B_TRANSPOSED) right[i] = two(b + at * b_line + n, b + (at + 1) * b_line + n);
                else right[i] = *(const u32*)(b + n * b_line + at);
            }
            mma(out[tile], left, right);
        }
    }
#endif
}

// Copies rows first..first + rows of a head into shared memory; zero beyond `tokens` and beyond the head.
DEVICE void load_rows(real* to, const real* from, u64 stride, u32 first, u32 rows, u32 tokens) {
#if SN3_HEAD_DIM % 16 == 0
    for (u32 item = threadIdx.x; item < rows * (DEPTH / PACK); item += ATTENTION_THREADS) {
        u32 row = item / (DEPTH / PACK), column = item % (DEPTH / PACK) * PACK;
        uint4 raw;
        raw.x = raw.y = raw.z = raw.w = 0;
        if (first + row < tokens) raw = *(const uint4*)(from + (first + row) * stride + column);
        *(uint4*)(to + row * LINE + column) = raw;
    }
#else
    for (u32 item = threadIdx.x; item < rows * DEPTH; item += ATTENTION_THREADS) {
        u32 row = item / DEPTH, column = item % DEPTH;
        bool there = first + row < tokens && column < SN3_HEAD_DIM;
        to[row * LINE + column] = there ? from[(first + row) * stride + column] : store(0.0f);
    }
#endif
}

// Writes a warp's 16 × DEPTH result to its rows of a head.
DEVICE void store_rows(real* to, u64 stride, u32 first, u32 tokens, float (*values)[4]) {
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int tile = 0; tile < DEPTH_TILES; tile++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            u32 row = first + g + i / 2 * 8, column = tile * 8 + 2 * t + i % 2;
            if (row < tokens && column < SN3_HEAD_DIM) to[row * stride + column] = store(values[tile][i]);
        }
    }
}

// Puts a warp's 16 × OTHER tile into shared memory, to be a product's left side.
DEVICE void store_tile(real* to, float (*values)[4]) {
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int tile = 0; tile < OTHER_TILES; tile++)
#pragma unroll
        for (int i = 0; i < 4; i++) to[(g + i / 2 * 8) * TILE_LINE + tile * 8 + 2 * t + i % 2] = store(values[tile][i]);
    __syncwarp();
}

// The largest and the sum of a row's values lie in four neighbouring lanes.
DEVICE float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

DEVICE float quad_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// Grid: blocks of 64 queries × heads × samples. Writes `out` (rows of heads·SN3_HEAD_DIM) and the logarithm of each
// row's denominator (samples × heads × tokens).
KERNEL void __launch_bounds__(ATTENTION_THREADS, 1)
attention_forward(const real* qkv, real* out, float* log_sums, u32 tokens, u32 heads, u32 kv_heads, float scale) {
    DYNAMIC_SHARED(memory);
    real* queries = (real*)memory;
    real* keys = queries + OWN * LINE;
    real* values = keys + OTHER * LINE;
    u32 head = blockIdx.y, warp = threadIdx.x / WARP, own = blockIdx.x * OWN;
    real* tile = values + OTHER * LINE + warp * 16 * TILE_LINE;
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
    u64 stride = (u64)(heads + 2 * kv_heads) * SN3_HEAD_DIM, width = (u64)heads * SN3_HEAD_DIM;
    const real* sample = qkv + blockIdx.z * tokens * stride;
    const real* key_head = sample + width + head / (heads / kv_heads) * SN3_HEAD_DIM;
    const real* value_head = key_head + kv_heads * SN3_HEAD_DIM;
    load_rows(queries, sample + head * SN3_HEAD_DIM, stride, own, OWN, tokens);
    float result[DEPTH_TILES][4], max[2] = {-INFINITY_F, -INFINITY_F}, sum[2] = {0.0f, 0.0f};
#pragma unroll
    for (int i = 0; i < DEPTH_TILES * 4; i++) result[i / 4][i % 4] = 0.0f;
    for (u32 other = 0; other < own + OWN && other < tokens; other += OTHER) {
        __syncthreads();
        load_rows(keys, key_head, stride, other, OTHER, tokens);
        load_rows(values, value_head, stride, other, OTHER, tokens);
        __syncthreads();
        float scores[OTHER_TILES][4];
#pragma unroll
        for (int i = 0; i < OTHER_TILES * 4; i++) scores[i / 4][i % 4] = 0.0f;
        warp_multiply<OTHER_TILES, DEPTH, A_ROWS | B_ROWS>(scores, queries + warp * 16 * LINE, LINE, keys, LINE);
        float largest[2] = {max[0], max[1]};
#pragma unroll
        for (int i = 0; i < OTHER_TILES * 4; i++) {
            u32 row = own + warp * 16 + g + i % 4 / 2 * 8, column = other + i / 4 * 8 + 2 * t + i % 2;
            float score = column <= row && column < tokens ? scores[i / 4][i % 4] * scale : -INFINITY_F;
            scores[i / 4][i % 4] = score;
            largest[i % 4 / 2] = fmaxf(largest[i % 4 / 2], score);
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            largest[half] = quad_max(largest[half]);
            // Nothing seen yet: subtracting infinities would make not-a-numbers.
            float shift = largest[half] == -INFINITY_F ? 0.0f : largest[half];
            float shrink = __expf(max[half] - shift), part = 0.0f;
            max[half] = largest[half];
#pragma unroll
            for (int i = 0; i < OTHER_TILES * 2; i++) {
                float* score = &scores[i / 2][half * 2 + i % 2];
                *score = __expf(*score - shift), part += *score;
            }
            sum[half] = sum[half] * shrink + quad_sum(part);
#pragma unroll
            for (int i = 0; i < DEPTH_TILES * 2; i++) result[i / 2][half * 2 + i % 2] *= shrink;
        }
        store_tile(tile, scores);
        warp_multiply<DEPTH_TILES, OTHER, A_ROWS | B_TRANSPOSED>(result, tile, TILE_LINE, values, LINE);
        __syncwarp();
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        u32 row = own + warp * 16 + g + half * 8;
#pragma unroll
        for (int i = 0; i < DEPTH_TILES * 2; i++) result[i / 2][half * 2 + i % 2] /= sum[half];
        u64 line = ((u64)blockIdx.z * heads + head) * tokens + row;
        if (t == 0 && row < tokens) log_sums[line] = max[half] + logf(sum[half]);
    }
    real* rows = out + blockIdx.z * tokens * width + head * SN3_HEAD_DIM;
    store_rows(rows, width, own + warp * 16, tokens, result);
}

// sums[sample, head, token] = Σ dout·out over the head; one warp a row of a head.
KERNEL void attention_row_sums(const real* out, const real* dout, float* sums, u64 rows, u32 tokens, u32 heads) {
    u64 item = first_item() / WARP;
    if (item >= rows * heads) return;
    u64 row = item / heads, head = item % heads;
    float sum = 0.0f;
    for (u32 at = threadIdx.x % WARP; at < SN3_HEAD_DIM; at += WARP) {
        u64 from = (row * heads + head) * SN3_HEAD_DIM + at;
        sum += load(out[from]) * load(dout[from]);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) sums[(row / tokens * heads + head) * tokens + row % tokens] = sum;
}

// What the gradient by the scores is made of; row is the query, column the key. `scores` becomes the probability.
DEVICE void score_gradient(float* score, float* gradient, bool seen, float log_sum, float row_sum, float scale) {
    float probability = seen ? __expf(*score * scale - log_sum) : 0.0f;
    *score = probability, *gradient = probability * (*gradient - row_sum) * scale;
}

// Grid: blocks of 64 keys × kv heads × samples. Writes the gradients by keys and values into `dqkv`, adding up all
// query heads of the group in their order.
KERNEL void __launch_bounds__(ATTENTION_THREADS, 1)
attention_backward_keys(
    const real* qkv, const real* dout, const float* log_sums, const float* row_sums, real* dqkv, u32 tokens,
    u32 heads, u32 kv_heads, float scale
) {
    DYNAMIC_SHARED(memory);
    real* keys = (real*)memory;
    real* values = keys + OWN * LINE;
    real* queries = values + OWN * LINE;
    real* douts = queries + OTHER * LINE;
    u32 warp = threadIdx.x / WARP, own = blockIdx.x * OWN, group = heads / kv_heads;
    real* tile = douts + OTHER * LINE + warp * 16 * TILE_LINE;
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
    u64 stride = (u64)(heads + 2 * kv_heads) * SN3_HEAD_DIM, width = (u64)heads * SN3_HEAD_DIM;
    const real* sample = qkv + blockIdx.z * tokens * stride;
    u64 key_column = width + blockIdx.y * SN3_HEAD_DIM, value_column = key_column + kv_heads * SN3_HEAD_DIM;
    load_rows(keys, sample + key_column, stride, own, OWN, tokens);
    load_rows(values, sample + value_column, stride, own, OWN, tokens);
    float dkeys[DEPTH_TILES][4], dvalues[DEPTH_TILES][4];
#pragma unroll
    for (int i = 0; i < DEPTH_TILES * 4; i++) dkeys[i / 4][i % 4] = 0.0f, dvalues[i / 4][i % 4] = 0.0f;
    for (u32 head = blockIdx.y * group; head < (blockIdx.y + 1) * group; head++) {
        u64 lines = ((u64)blockIdx.z * heads + head) * tokens;
        const real* dout_head = dout + blockIdx.z * tokens * width + head * SN3_HEAD_DIM;
        for (u32 other = own; other < tokens; other += OTHER) {
            __syncthreads();
            load_rows(queries, sample + head * SN3_HEAD_DIM, stride, other, OTHER, tokens);
            load_rows(douts, dout_head, width, other, OTHER, tokens);
            __syncthreads();
            float scores[OTHER_TILES][4], gradients[OTHER_TILES][4];
#pragma unroll
            for (int i = 0; i < OTHER_TILES * 4; i++) scores[i / 4][i % 4] = 0.0f, gradients[i / 4][i % 4] = 0.0f;
            warp_multiply<OTHER_TILES, DEPTH, A_ROWS | B_ROWS>(scores, keys + warp * 16 * LINE, LINE, queries, LINE);
            warp_multiply<OTHER_TILES, DEPTH, A_ROWS | B_ROWS>(gradients, values + warp * 16 * LINE, LINE, douts, LINE);
#pragma unroll
            for (int i = 0; i < OTHER_TILES * 4; i++) {
                u32 key = own + warp * 16 + g + i % 4 / 2 * 8, query = other + i / 4 * 8 + 2 * t + i % 2;
                bool seen = key <= query && query < tokens;
                float log_sum = seen ? log_sums[lines + query] : 0.0f, row_sum = seen ? row_sums[lines + query] : 0.0f;
                score_gradient(&scores[i / 4][i % 4], &gradients[i / 4][i % 4], seen, log_sum, row_sum, scale);
            }
            store_tile(tile, scores);
            warp_multiply<DEPTH_TILES, OTHER, A_ROWS | B_TRANSPOSED>(dvalues, tile, TILE_LINE, douts, LINE);
            __syncwarp();
            store_tile(tile, gradients);
            warp_multiply<DEPTH_TILES, OTHER, A_ROWS | B_TRANSPOSED>(dkeys, tile, TILE_LINE, queries, LINE);
            __syncwarp();
        }
    }
    real* rows = dqkv + blockIdx.z * tokens * stride;
    store_rows(rows + key_column, stride, own + warp * 16, tokens, dkeys);
    store_rows(rows + value_column, stride, own + warp * 16, tokens, dvalues);
}

// Grid: blocks of 64 queries × heads × samples. Writes the gradient by the queries into `dqkv`.
KERNEL void __launch_bounds__(ATTENTION_THREADS, 1)
attention_backward_queries(
    const real* qkv, const real* dout, const float* log_sums, const float* row_sums, real* dqkv, u32 tokens,
    u32 heads, u32 kv_heads, float scale
) {
    DYNAMIC_SHARED(memory);
    real* queries = (real*)memory;
    real* douts = queries + OWN * LINE;
    real* keys = douts + OWN * LINE;
    real* values = keys + OTHER * LINE;
    u32 head = blockIdx.y, warp = threadIdx.x / WARP, own = blockIdx.x * OWN;
    real* tile = values + OTHER * LINE + warp * 16 * TILE_LINE;
    int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
    u64 stride = (u64)(heads + 2 * kv_heads) * SN3_HEAD_DIM, width = (u64)heads * SN3_HEAD_DIM;
    const real* sample = qkv + blockIdx.z * tokens * stride;
    const real* key_head = sample + width + head / (heads / kv_heads) * SN3_HEAD_DIM;
    load_rows(queries, sample + head * SN3_HEAD_DIM, stride, own, OWN, tokens);
    load_rows(douts, dout + blockIdx.z * tokens * width + head * SN3_HEAD_DIM, width, own, OWN, tokens);
    u64 lines = ((u64)blockIdx.z * heads + head) * tokens;
    float log_sum[2], row_sum[2], dqueries[DEPTH_TILES][4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        u32 row = own + warp * 16 + g + half * 8;
        log_sum[half] = row < tokens ? log_sums[lines + row] : 0.0f;
        row_sum[half] = row < tokens ? row_sums[lines + row] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < DEPTH_TILES * 4; i++) dqueries[i / 4][i % 4] = 0.0f;
    for (u32 other = 0; other < own + OWN && other < tokens; other += OTHER) {
        __syncthreads();
        load_rows(keys, key_head, stride, other, OTHER, tokens);
        load_rows(values, key_head + kv_heads * SN3_HEAD_DIM, stride, other, OTHER, tokens);
        __syncthreads();
        float scores[OTHER_TILES][4], gradients[OTHER_TILES][4];
#pragma unroll
        for (int i = 0; i < OTHER_TILES * 4; i++) scores[i / 4][i % 4] = 0.0f, gradients[i / 4][i % 4] = 0.0f;
        warp_multiply<OTHER_TILES, DEPTH, A_ROWS | B_ROWS>(scores, queries + warp * 16 * LINE, LINE, keys, LINE);
        warp_multiply<OTHER_TILES, DEPTH, A_ROWS | B_ROWS>(gradients, douts + warp * 16 * LINE, LINE, values, LINE);
#pragma unroll
        for (int i = 0; i < OTHER_TILES * 4; i++) {
            u32 query = own + warp * 16 + g + i % 4 / 2 * 8, key = other + i / 4 * 8 + 2 * t + i % 2;
            int half = i % 4 / 2;
            bool seen = key <= query && query < tokens;
            score_gradient(&scores[i / 4][i % 4], &gradients[i / 4][i % 4], seen, log_sum[half], row_sum[half], scale);
        }
        store_tile(tile, gradients);
        warp_multiply<DEPTH_TILES, OTHER, A_ROWS | B_TRANSPOSED>(dqueries, tile, TILE_LINE, keys, LINE);
        __syncwarp();
    }
    real* rows = dqkv + blockIdx.z * tokens * stride + head * SN3_HEAD_DIM;
    store_rows(rows, stride, own + warp * 16, tokens, dqueries);
}

// ---- reading on: few queries, many keys

#define CACHED_THREADS 256
#define CACHED_WARPS (CACHED_THREADS / WARP)
// Keys that a warp takes at once, so that their sums run beside each other.
#define CACHED_KEYS 4
// Pairs of a head's values in each lane: lane l has columns 2l, 2l + 1 and those 64 further on.
#define LANE_PAIRS ((SN3_HEAD_DIM / 2 + WARP - 1) / WARP)

DEVICE void load_two(const real* at, float* out) {
#ifdef SN3_F32
    out[0] = at[0], out[1] = at[1];
#else
    unpack_pair(*(const u32*)at, out);
#endif
}

// This lane's values of a head's row; zero beyond the head.
DEVICE void load_lane(const real* row, float (*out)[2]) {
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (int pair = 0; pair < LANE_PAIRS; pair++) {
        int column = (pair * WARP + lane) * 2;
        out[pair][0] = out[pair][1] = 0.0f;
        if (column < SN3_HEAD_DIM) load_two(row + column, out[pair]);
    }
}

// Attention of the rows first, first + 1, … of one text, each to all rows up to its own; `qkv` begins with the text's
// first row, `out` with the first of these. Grid: rows × heads. Warps take keys in turn, CACHED_KEYS at a time, and
// put their shares together at the end in the order of the warps.
KERNEL void __launch_bounds__(CACHED_THREADS)
attention_cached(const real* qkv, real* out, u32 first, u32 heads, u32 kv_heads, float scale) {
    __shared__ float shares[CACHED_WARPS][LANE_PAIRS * WARP * 2], maxima[CACHED_WARPS], sums[CACHED_WARPS];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    u32 head = blockIdx.y, seen = first + blockIdx.x + 1;
    u64 stride = (u64)(heads + 2 * kv_heads) * SN3_HEAD_DIM, width = (u64)heads * SN3_HEAD_DIM;
    const real* key_head = qkv + width + head / (heads / kv_heads) * SN3_HEAD_DIM;
    const real* value_head = key_head + kv_heads * SN3_HEAD_DIM;
    float query[LANE_PAIRS][2], result[LANE_PAIRS][2], max = -INFINITY_F, sum = 0.0f;
    load_lane(qkv + (seen - 1) * stride + head * SN3_HEAD_DIM, query);
#pragma unroll
    for (int i = 0; i < LANE_PAIRS * 2; i++) result[i / 2][i % 2] = 0.0f;
    for (u32 from = warp * CACHED_KEYS; from < seen; from += CACHED_WARPS * CACHED_KEYS) {
        float scores[CACHED_KEYS], largest = max;
#pragma unroll
        for (int key = 0; key < CACHED_KEYS; key++) {
            float other[LANE_PAIRS][2], score = 0.0f;
            // Beyond the last, the last is read again and does not count.
            load_lane(key_head + (from + key < seen ? from + key : seen - 1) * stride, other);
#pragma unroll
            for (int i = 0; i < LANE_PAIRS * 2; i++) score += query[i / 2][i % 2] * other[i / 2][i % 2];
            score = warp_sum(score) * scale;
            scores[key] = from + key < seen ? score : -INFINITY_F;
            largest = fmaxf(largest, scores[key]);
        }
        // A score of minus infinity or none at all: subtracting infinities would make not-a-numbers.
        float shift = largest == -INFINITY_F ? 0.0f : largest, shrink = __expf(max - shift);
        max = largest, sum *= shrink;
#pragma unroll
        for (int i = 0; i < LANE_PAIRS * 2; i++) result[i / 2][i % 2] *= shrink;
#pragma unroll
        for (int key = 0; key < CACHED_KEYS; key++) {
            float value[LANE_PAIRS][2], part = __expf(scores[key] - shift);
            load_lane(value_head + (from + key < seen ? from + key : seen - 1) * stride, value);
            sum += part;
#pragma unroll
            for (int i = 0; i < LANE_PAIRS * 2; i++) result[i / 2][i % 2] += part * value[i / 2][i % 2];
        }
    }
#pragma unroll
    for (int i = 0; i < LANE_PAIRS * 2; i++)
        shares[warp][(i / 2 * WARP + lane) * 2 + i % 2] = result[i / 2][i % 2];
    if (lane == 0) maxima[warp] = max, sums[warp] = sum;
    __syncthreads();
    u32 column = threadIdx.x;
    if (column >= SN3_HEAD_DIM) return;
    float largest = maxima[0], total = 0.0f, mixed = 0.0f;
    for (int other = 1; other < CACHED_WARPS; other++) largest = fmaxf(largest, maxima[other]);
    float shift = largest == -INFINITY_F ? 0.0f : largest;
    for (int other = 0; other < CACHED_WARPS; other++) {
        float share = __expf(maxima[other] - shift);
        total += sums[other] * share, mixed += shares[other][column] * share;
    }
    out[blockIdx.x * width + head * SN3_HEAD_DIM + column] = store(mixed / total);
}
