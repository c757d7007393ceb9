// The gradient's norm and AdamW.

#define ADAM_THREADS 256
// Values whose squares one block adds.
#define NORM_VALUES (1u << 16)
// Added to the norm before the clip factor is formed, as PyTorch's clip_grad_norm_ does.
#define CLIP_EPS 1e-6

// One step's numbers; the host writes all but the last two.
struct Step {
    float scale, decay, beta1, beta2, rate, root, eps, clip_norm, norm, clip;
};

DEVICE void store_four(real* at, const float* values) {
#ifdef SN3_F32
    float4 raw;
    raw.x = values[0], raw.y = values[1], raw.z = values[2], raw.w = values[3];
    *(float4*)at = raw;
#else
    uint2 raw;
    raw.x = store_pair(values[0], values[1]), raw.y = store_pair(values[2], values[3]);
    *(uint2*)at = raw;
#endif
}

// partial[block] = Σ g² of the block's values.
KERNEL void __launch_bounds__(ADAM_THREADS) square_sums(const float* gradient, u64 count, double* partial) {
    __shared__ double scratch[WARP];
    u64 first = (u64)blockIdx.x * NORM_VALUES, end = first + NORM_VALUES < count ? first + NORM_VALUES : count;
    // A thread's share is short enough for float: 256 squares.
    float sum = 0.0f;
    for (u64 at = first + threadIdx.x; at < end; at += ADAM_THREADS) sum += gradient[at] * gradient[at];
    double total = block_sum_double(sum, scratch);
    if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

// The norm of all partial sums, and the factor that clips it. One block.
KERNEL void __launch_bounds__(ADAM_THREADS) clip_factor(const double* partial, u64 blocks, Step* step) {
    __shared__ double scratch[WARP];
    double sum = 0.0;
    for (u64 at = threadIdx.x; at < blocks; at += ADAM_THREADS) sum += partial[at];
    sum = block_sum_double(sum, scratch);
    if (threadIdx.x > 0) return;
    float norm = (float)sqrt(sum);
    double clip = step->clip_norm / (norm + CLIP_EPS);
    step->norm = norm;
    step->clip = (float)(clip < 1.0 ? clip : 1.0);
}

// g = gradient·clip; m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; θ = θ·decay − rate·m / (√v·root + ε), and θ's
// stored copy. Nothing changes where the norm or the loss is not finite.
KERNEL void __launch_bounds__(ADAM_THREADS)
adamw(const float* gradient, float* first, float* second, float* master, real* stored, const Step* step,
      const double* loss, u64 count) {
    Step s = *step;
    if (!(fabsf(s.norm) < INFINITY_F) || !(fabs(*loss) < (double)INFINITY_F)) return;
    for (u64 item = first_item(); item * 4 < count; item += item_stride()) {
        u64 from = item * 4, end = from + 4 < count ? from + 4 : count;
        if (end - from == 4) {
            float4 g = *(const float4*)(gradient + from), m = *(const float4*)(first + from);
            float4 v = *(const float4*)(second + from), w = *(const float4*)(master + from);
            float gs[4] = {g.x, g.y, g.z, g.w}, ms[4] = {m.x, m.y, m.z, m.w};
            float vs[4] = {v.x, v.y, v.z, v.w}, ws[4] = {w.x, w.y, w.z, w.w};
            for (int i = 0; i < 4; i++) {
                float clipped = gs[i] * s.clip;
                ms[i] = s.beta1 * ms[i] + (1.0f - s.beta1) * clipped;
                vs[i] = s.beta2 * vs[i] + (1.0f - s.beta2) * (clipped * clipped);
                ws[i] = ws[i] * s.decay - s.rate * ms[i] / (sqrtf(vs[i]) * s.root + s.eps);
            }
            store_four(stored + from, ws);
            m.x = ms[0], m.y = ms[1], m.z = ms[2], m.w = ms[3];
            v.x = vs[0], v.y = vs[1], v.z = vs[2], v.w = vs[3];
            w.x = ws[0], w.y = ws[1], w.z = ws[2], w.w = ws[3];
            *(float4*)(first + from) = m, *(float4*)(second + from) = v, *(float4*)(master + from) = w;
            continue;
        }
        for (u64 at = from; at < end; at++) {
            float clipped = gradient[at] * s.clip;
            first[at] = s.beta1 * first[at] + (1.0f - s.beta1) * clipped;
            second[at] = s.beta2 * second[at] + (1.0f - s.beta2) * (clipped * clipped);
            master[at] = master[at] * s.decay - s.rate * first[at] / (sqrtf(second[at]) * s.root + s.eps);
            stored[at] = store(master[at]);
        }
    }
}
