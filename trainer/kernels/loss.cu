// Cross-entropy of rows of logits, and its gradient in their place.

#define LOSS_THREADS 256
#define NO_LABEL 0xffffffffu

// losses[row] = −log softmax(row)[label]; with `gradient`, the logits become (softmax − onehot)·scale. A row
// without a label has loss 0 and gradient 0. Rows are `stride` apart, a multiple of PACK not below `vocab`; what
// lies beyond `vocab` becomes 0, since the next products read it.
KERNEL void __launch_bounds__(LOSS_THREADS)
cross_entropy(
    real* logits, const u32* labels, float* losses, const float* scale, u32 vocab, u32 stride, u32 gradient
) {
    __shared__ float scratch[WARP];
    u64 row = blockIdx.x;
    real* values = logits + row * stride;
    u32 label = labels[row];
    if (label == NO_LABEL) {
        if (threadIdx.x == 0) losses[row] = 0.0f;
        float zeros[PACK];
        for (int i = 0; i < PACK; i++) zeros[i] = 0.0f;
        if (gradient)
            for (u32 at = threadIdx.x * PACK; at < stride; at += LOSS_THREADS * PACK) pack(values + at, zeros);
        return;
    }
    // One pass for the largest value and the sum of the exponentials: the sum is scaled when the maximum grows.
    float max = -INFINITY_F, sum = 0.0f;
    for (u32 at = threadIdx.x * PACK; at < stride; at += LOSS_THREADS * PACK) {
        float part[PACK], largest = max;
        unpack(values + at, part);
        for (int i = 0; i < PACK; i++) {
            if (at + i >= vocab) part[i] = -INFINITY_F;
            largest = fmaxf(largest, part[i]);
        }
        // Where nothing is finite yet, subtracting would make a not-a-number of two infinities.
        float shift = largest == -INFINITY_F ? 0.0f : largest;
        sum *= __expf(max - shift), max = largest;
        for (int i = 0; i < PACK; i++) sum += __expf(part[i] - shift);
    }
    float largest = block_max(max, scratch);
    sum = block_sum(sum * __expf(max - largest), scratch);
    if (threadIdx.x == 0) losses[row] = largest + logf(sum) - load(values[label]);
    if (!gradient) return;
    // The label's logit was read above by one thread and is written below by another.
    __syncthreads();
    float factor = *scale / sum;
    for (u32 at = threadIdx.x * PACK; at < stride; at += LOSS_THREADS * PACK) {
        float part[PACK];
        unpack(values + at, part);
        for (int i = 0; i < PACK; i++) {
            part[i] = at + i < vocab ? __expf(part[i] - largest) * factor : 0.0f;
            if (at + i == label) part[i] -= *scale;
        }
        pack(values + at, part);
    }
}

// total[0] += Σ losses, in a fixed order. One block.
KERNEL void __launch_bounds__(LOSS_THREADS) add_losses(const float* losses, u64 rows, double* total) {
    __shared__ double scratch[WARP];
    double sum = 0.0;
    for (u64 row = threadIdx.x; row < rows; row += LOSS_THREADS) sum += losses[row];
    sum = block_sum_double(sum, scratch);
    if (threadIdx.x == 0) total[0] += sum;
}
