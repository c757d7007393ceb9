// SparseLoCo's codec: the same bits as the CPU's. Every operation is rounded on its own (the _rn functions are
// never fused), selections break ties by the lower index, and sums of f64 run in the same order.

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

// Sums of the four-bin quantiser: those of the four bins, and how many values each bin has.
#define FIT_SUMS 8
// shift and lookup[4] of a tensor.
#define FITTED 5

// A block of the order of sums (Quantizer::fit of sn3-protocol): a tensor's kept values
// first..first + count.
struct Block {
    u64 first, count, tensor;
};

// The sums of all lanes, one a thread, in lanes[·][0].
DEVICE void add_lanes(const double (&sums)[FIT_SUMS], double (*lanes)[CODEC_THREADS]) {
#pragma unroll
    for (int s = 0; s < FIT_SUMS; s++) lanes[s][threadIdx.x] = sums[s];
    for (u32 half = CODEC_THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x >= half) continue;
#pragma unroll
        for (int s = 0; s < FIT_SUMS; s++)
            lanes[s][threadIdx.x] = __dadd_rn(lanes[s][threadIdx.x], lanes[s][threadIdx.x + half]);
    }
}

// The quantiser of every tensor's kept values takes three passes: their mean, the squares of what is left without
// it, and codes with the sums of the bins. Each is this kernel, which gives a block's sums to totals[block·FIT_SUMS],
// and then codec_fit.
KERNEL void __launch_bounds__(CODEC_THREADS)
codec_sums(
    const float* values, const Block* blocks, u32 pass, const float* fitted, const float* scales, u8* codes,
    double* totals
) {
    __shared__ double lanes[FIT_SUMS][CODEC_THREADS];
    Block block = blocks[blockIdx.x];
    float shift = pass > 0 ? fitted[block.tensor * FITTED] : 0.0f, scale = pass > 1 ? scales[block.tensor] : 1.0f;
    double sums[FIT_SUMS] = {};
    for (u32 at = threadIdx.x; at < block.count; at += CODEC_THREADS) {
        float value = values[block.first + at];
        if (pass > 0) value = __fsub_rn(value, shift);
        double wide = (double)value;
        if (pass < 2) {
            sums[0] = __dadd_rn(sums[0], pass > 0 ? __dmul_rn(wide, wide) : wide);
            continue;
        }
        float level = rintf(__fadd_rn(__fdiv_rn(value, scale), 2.0f));
        u8 code = (u8)fminf(fmaxf(level, 0.0f), 3.0f);
        codes[block.first + at] = code;
#pragma unroll
        for (int bin = 0; bin < 4; bin++)
            if (code == bin) sums[bin] = __dadd_rn(sums[bin], wide), sums[4 + bin] += 1.0;
    }
    add_lanes(sums, lanes);
    if (threadIdx.x == 0)
        for (int s = 0; s < FIT_SUMS; s++) totals[(u64)blockIdx.x * FIT_SUMS + s] = lanes[s][0];
}

// One block a tensor: what pass `pass` gives, of the totals of its blocks, which are those from blocks_before[tensor].
KERNEL void __launch_bounds__(CODEC_THREADS)
codec_fit(
    const double* totals, const u32* blocks_before, const u64* starts, u32 pass, float range_in_sigmas, float* fitted,
    float* scales
) {
    __shared__ double lanes[FIT_SUMS][CODEC_THREADS];
    u32 tensor = blockIdx.x, end = blocks_before[tensor + 1];
    double count = (double)(starts[tensor + 1] - starts[tensor]), sums[FIT_SUMS] = {};
    for (u32 block = blocks_before[tensor] + threadIdx.x; block < end; block += CODEC_THREADS)
#pragma unroll
        for (int s = 0; s < FIT_SUMS; s++) sums[s] = __dadd_rn(sums[s], totals[(u64)block * FIT_SUMS + s]);
    add_lanes(sums, lanes);
    if (threadIdx.x > 0) return;
    if (pass == 0) fitted[tensor * FITTED] = count > 0.0 ? (float)__ddiv_rn(lanes[0][0], count) : 0.0f;
    if (pass == 1) {
        double deviation = __dsqrt_rn(__ddiv_rn(lanes[0][0], count - 1.0));
        float found = (float)__ddiv_rn(__dmul_rn((double)range_in_sigmas, deviation), 4.0);
        scales[tensor] = fabsf(found) < INFINITY_F && found != 0.0f ? found : 1.0f;
    }
    if (pass == 2)
        for (int bin = 0; bin < 4; bin++)
            fitted[tensor * FITTED + 1 + bin] =
                lanes[4 + bin][0] > 0.0 ? (float)__ddiv_rn(lanes[bin][0], lanes[4 + bin][0]) : 0.0f;
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
