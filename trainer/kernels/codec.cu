// SparseLoCo's codec: the same bits as the CPU's. Every operation is rounded on its own (the _rn functions are
// never fused), selections break ties by the lower index, and sums of f64 run in the order of the values.

#define CODEC_THREADS 256
#define CODEC_WARPS (CODEC_THREADS / WARP)
// Positions of the largest chunk, and those of one thread.
#define POSITIONS 4096
#define SHARE (POSITIONS / CODEC_THREADS)
// What stands for a position without a value; magnitudes as bits are larger.
#define NO_VALUE (-1)

// How a tensor is cut; see protocol/src/sparse/chunks.rs.
struct Grid {
    u32 rows, columns, height, width;
};

// Where position `at` of chunk `number` lies in the tensor; −1 where the chunk has no such value.
DEVICE long long chunk_position(Grid grid, u32 number, u32 at) {
    u32 across = (grid.columns + grid.width - 1) / grid.width;
    u64 row = (u64)(number / across) * grid.height + at / grid.width;
    u64 column = (u64)(number % across) * grid.width + at % grid.width;
    bool exists = at < grid.height * grid.width && row < grid.rows && column < grid.columns;
    return exists ? (long long)(row * grid.columns + column) : -1;
}

// The sum of every thread's `count`, in all threads. `scratch` has two rows of a value a warp, used in turn, so
// that one barrier is enough.
DEVICE u32 block_count(u32 count, u32 (*scratch)[CODEC_WARPS], u32 turn) {
    u32 warp_total = __reduce_add_sync(ALL_LANES, count);
    if (threadIdx.x % WARP == 0) scratch[turn & 1][threadIdx.x / WARP] = warp_total;
    __syncthreads();
    u32 total = 0;
    for (int warp = 0; warp < CODEC_WARPS; warp++) total += scratch[turn & 1][warp];
    return total;
}

// Replaces the counts of (share, warp) by the counts before them; `counts` has SHARE·CODEC_WARPS entries.
DEVICE void prefix(u32* counts) {
    __syncthreads();
    if (threadIdx.x < WARP) {
        const u32 own = SHARE * CODEC_WARPS / WARP;
        u32 sums[SHARE * CODEC_WARPS / WARP], total = 0;
        for (u32 i = 0; i < own; i++) sums[i] = total, total += counts[threadIdx.x * own + i];
        u32 before = total;
        for (u32 apart = 1; apart < WARP; apart *= 2) {
            u32 other = __shfl_up_sync(ALL_LANES, before, apart);
            if (threadIdx.x >= apart) before += other;
        }
        before -= total;
        for (u32 i = 0; i < own; i++) counts[threadIdx.x * own + i] = before + sums[i];
    }
    __syncthreads();
}

// Magnitudes as integers, which order like them.
DEVICE int key_of(float sum, u32 present) { return present ? __float_as_int(fabsf(sum)) : NO_VALUE; }

// One block a chunk: accumulates decay·error + delta into `delta`, and writes the indices and values of the chunk's
// largest magnitudes, ascending by index. kept_before[c] is where chunk c's kept values begin. `bad` gets the
// smallest position of a value that is not at most `bound`.
KERNEL void __launch_bounds__(CODEC_THREADS, 3)
codec_select(
    const float* error, float* delta, float decay, float bound, Grid grid, const u32* kept_before, u16* indices,
    float* values, u64* bad, u64 offset
) {
    __shared__ u32 scratch[2][CODEC_WARPS];
    __shared__ u32 counts[SHARE * CODEC_WARPS];
    u32 warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, below = (1u << lane) - 1;
    u32 begin = kept_before[blockIdx.x], kept = kept_before[blockIdx.x + 1] - begin;
    // Keys are made of the sums again and again instead of kept: registers decide how many chunks run at once.
    float sums[SHARE];
    u32 present = 0;
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
        long long at = chunk_position(grid, blockIdx.x, i * CODEC_THREADS + threadIdx.x);
        sums[i] = 0.0f;
        if (at < 0) continue;
        present |= 1u << i;
        sums[i] = __fadd_rn(__fmul_rn(decay, error[at]), delta[at]);
        delta[at] = sums[i];
        if (!(fabsf(sums[i]) <= bound)) atomicMin(bad, offset + (u64)at);
    }
    // The k-th largest key, bit after bit: the largest T with at least k keys ≥ T. Done early when exactly k are.
    int threshold = 0;
    u32 turn = 0;
    for (int bit = 30; bit >= 0 && kept > 0; bit--) {
        int tried = threshold | 1 << bit;
        u32 count = 0;
#pragma unroll
        for (int i = 0; i < SHARE; i++) count += key_of(sums[i], present >> i & 1) >= tried;
        count = block_count(count, scratch, turn++);
        if (count >= kept) threshold = tried;
        if (count == kept) break;
    }
    // All keys above the threshold, and of those at it the first ones that are left.
    u32 above = 0;
#pragma unroll
    for (int i = 0; i < SHARE; i++) above += key_of(sums[i], present >> i & 1) > threshold;
    u32 at_threshold = kept - block_count(above, scratch, turn);
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
        u32 equal = __ballot_sync(ALL_LANES, key_of(sums[i], present >> i & 1) == threshold);
        if (lane == 0) counts[i * CODEC_WARPS + warp] = __popc(equal);
    }
    prefix(counts);
    u32 chosen = 0;
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
        u32 equal = __ballot_sync(ALL_LANES, key_of(sums[i], present >> i & 1) == threshold);
        u32 rank = counts[i * CODEC_WARPS + warp] + __popc(equal & below);
        if (kept > 0 && (key_of(sums[i], present >> i & 1) > threshold || (key_of(sums[i], present >> i & 1) == threshold && rank < at_threshold))) chosen |= 1u << i;
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
        u32 taken = __ballot_sync(ALL_LANES, chosen >> i & 1);
        if (lane == 0) counts[i * CODEC_WARPS + warp] = __popc(taken);
    }
    prefix(counts);
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
        u32 taken = __ballot_sync(ALL_LANES, chosen >> i & 1), place = i * CODEC_THREADS + threadIdx.x;
        if (chosen >> i & 1) {
            u32 rank = begin + counts[i * CODEC_WARPS + warp] + __popc(taken & below);
            indices[rank] = (u16)place, values[rank] = sums[i];
        }
    }
}

// The four-bin quantiser of each tensor's kept values, which are values[starts[t]..starts[t + 1]] for block t: codes,
// and fitted = shift, lookup[4]. Values go through shared memory, and one thread adds them in their order, since
// sums of f64 depend on it; tensors are done at once.
KERNEL void __launch_bounds__(CODEC_THREADS)
codec_fit(const float* all_values, const u64* starts, float range_in_sigmas, u8* all_codes, float* all_fitted) {
    __shared__ float tile[2048];
    __shared__ u8 tile_codes[2048];
    __shared__ float shift, scale;
    const float* values = all_values + starts[blockIdx.x];
    u8* codes = all_codes + starts[blockIdx.x];
    float* fitted = all_fitted + blockIdx.x * 5;
    u64 count = starts[blockIdx.x + 1] - starts[blockIdx.x];
    double sum = 0.0;
    u64 bin_count = 0;
    if (count == 0) {
        if (threadIdx.x < 5) fitted[threadIdx.x] = 0.0f;
        return;
    }
    for (int pass = 0; pass < 3; pass++) {
        sum = 0.0;
        for (u64 first = 0; first < count; first += 2048) {
            u32 length = count - first < 2048 ? (u32)(count - first) : 2048;
            __syncthreads();
            for (u32 at = threadIdx.x; at < length; at += CODEC_THREADS) {
                float value = values[first + at];
                if (pass > 0) value = __fsub_rn(value, shift);
                tile[at] = value;
                if (pass < 2) continue;
                float level = rintf(__fadd_rn(__fdiv_rn(value, scale), 2.0f));
                u8 code = (u8)fminf(fmaxf(level, 0.0f), 3.0f);
                tile_codes[at] = code, codes[first + at] = code;
            }
            __syncthreads();
            if (pass == 0 && threadIdx.x == 0)
                for (u32 at = 0; at < length; at++) sum = __dadd_rn(sum, (double)tile[at]);
            if (pass == 1 && threadIdx.x == 0)
                for (u32 at = 0; at < length; at++) sum = __dadd_rn(sum, __dmul_rn((double)tile[at], (double)tile[at]));
            if (pass == 2 && threadIdx.x < 4)
                for (u32 at = 0; at < length; at++)
                    if (tile_codes[at] == threadIdx.x) sum = __dadd_rn(sum, (double)tile[at]), bin_count++;
        }
        __syncthreads();
        if (pass == 0 && threadIdx.x == 0) shift = (float)__ddiv_rn(sum, (double)count);
        if (pass == 1 && threadIdx.x == 0) {
            double deviation = __dsqrt_rn(__ddiv_rn(sum, (double)count - 1.0));
            float found = (float)__ddiv_rn(__dmul_rn((double)range_in_sigmas, deviation), 4.0);
            scale = fabsf(found) < INFINITY_F && found != 0.0f ? found : 1.0f;
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) fitted[0] = shift;
    if (threadIdx.x < 4)
        fitted[1 + threadIdx.x] = bin_count == 0 ? 0.0f : (float)__ddiv_rn(sum, (double)bin_count);
}

// error[position] −= what was sent there; one thread a kept value, `chunks` blocks.
KERNEL void codec_subtract(
    float* error, Grid grid, const u32* kept_before, const u16* indices, const u8* codes, const float* fitted
) {
    u32 begin = kept_before[blockIdx.x], end = kept_before[blockIdx.x + 1];
    for (u32 rank = begin + threadIdx.x; rank < end; rank += blockDim.x) {
        long long at = chunk_position(grid, blockIdx.x, indices[rank]);
        error[at] = __fsub_rn(error[at], __fadd_rn(fitted[1 + codes[rank]], fitted[0]));
    }
}

// One block a chunk: the mean over the peers that sent a position, of their clipped values. decoded[peer·4 + code]
// is the value of a code times the peer's factor; a peer's kept values of this tensor begin at peer·stride in
// `indices` and `codes`. Peers are added in their order, one at a time.
KERNEL void __launch_bounds__(CODEC_THREADS)
codec_aggregate(
    const u16* indices, const u8* codes, const float* decoded, u32 peers, u64 stride, Grid grid,
    const u32* kept_before, float* update
) {
    __shared__ float sums[POSITIONS];
    __shared__ u16 senders[POSITIONS];
    for (u32 at = threadIdx.x; at < POSITIONS; at += CODEC_THREADS) sums[at] = 0.0f, senders[at] = 0;
    u32 begin = kept_before[blockIdx.x], end = kept_before[blockIdx.x + 1];
    for (u32 peer = 0; peer < peers; peer++) {
        __syncthreads();
        for (u32 rank = begin + threadIdx.x; rank < end; rank += CODEC_THREADS) {
            u64 from = peer * stride + rank;
            u32 at = indices[from] % POSITIONS;
            sums[at] = __fadd_rn(sums[at], decoded[peer * 4 + (codes[from] & 3)]);
            senders[at]++;
        }
    }
    __syncthreads();
    for (u32 place = threadIdx.x; place < POSITIONS; place += CODEC_THREADS) {
        long long at = chunk_position(grid, blockIdx.x, place);
        if (at < 0) continue;
        update[at] = senders[place] > 1 ? __fdiv_rn(sums[place], (float)senders[place]) : sums[place];
    }
}

// theta − rate·update into `out`; `bad` gets the smallest position of a result that is not finite.
KERNEL void codec_outer(const float* theta, const float* update, float rate, float* out, u64 count, u64* bad) {
    for (u64 item = first_item(); item < count; item += item_stride()) {
        out[item] = __fsub_rn(theta[item], __fmul_rn(rate, update[item]));
        if (!(fabsf(out[item]) < INFINITY_F)) atomicMin(bad, item);
    }
}
