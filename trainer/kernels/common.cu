// What every kernel uses. No header is included: NVRTC has none by default.
//
// `real` is how weights and activations are stored: bf16 as its 16 bits, or float with -DSN3_F32 (for tests and
// for comparing loss curves). Arithmetic is always float. With -DSN3_HOST the same text is C++ under host.h.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifndef SN3_HOST
#define DEVICE __device__ __forceinline__
#define KERNEL extern "C" __global__
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) u8 name[]
#endif

#define WARP 32
#define ALL_LANES 0xffffffffu
#define INFINITY_F __int_as_float(0x7f800000)

#ifdef SN3_F32
typedef float real;
// Values in 16 bytes.
#define PACK 4
DEVICE float load(real x) { return x; }
DEVICE real store(float x) { return x; }

DEVICE void unpack(const real* at, float* out) {
    float4 raw = *(const float4*)at;
    out[0] = raw.x, out[1] = raw.y, out[2] = raw.z, out[3] = raw.w;
}

DEVICE void pack(real* at, const float* in) {
    float4 raw;
    raw.x = in[0], raw.y = in[1], raw.z = in[2], raw.w = in[3];
    *(float4*)at = raw;
}
#else
typedef u16 real;
#define PACK 8
DEVICE float load(real x) { return __uint_as_float((u32)x << 16); }

// Round to nearest, ties to even; not-a-numbers stay so.
DEVICE real store(float x) {
    u32 bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0;
    return (real)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

DEVICE u32 store_pair(float low, float high) { return (u32)store(low) | (u32)store(high) << 16; }

DEVICE void unpack_pair(u32 raw, float* out) {
    out[0] = __uint_as_float(raw << 16);
    out[1] = __uint_as_float(raw & 0xffff0000u);
}

DEVICE void unpack(const real* at, float* out) {
    uint4 raw = *(const uint4*)at;
    unpack_pair(raw.x, out), unpack_pair(raw.y, out + 2);
    unpack_pair(raw.z, out + 4), unpack_pair(raw.w, out + 6);
}

DEVICE void pack(real* at, const float* in) {
    uint4 raw;
    raw.x = store_pair(in[0], in[1]), raw.y = store_pair(in[2], in[3]);
    raw.z = store_pair(in[4], in[5]), raw.w = store_pair(in[6], in[7]);
    *(uint4*)at = raw;
}
#endif

// `PACK` floats, in 16-byte accesses.
DEVICE void unpack_floats(const float* at, float* out) {
    for (int i = 0; i < PACK; i += 4) {
        float4 raw = *(const float4*)(at + i);
        out[i] = raw.x, out[i + 1] = raw.y, out[i + 2] = raw.z, out[i + 3] = raw.w;
    }
}

DEVICE float warp_sum(float x) {
    for (int apart = WARP / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(ALL_LANES, x, apart);
    return x;
}

DEVICE float warp_max(float x) {
    for (int apart = WARP / 2; apart > 0; apart /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, apart));
    return x;
}

// The sum over the block, the same bits in every thread: a fixed tree. `scratch` holds one value a warp.
DEVICE float block_sum(float x, float* scratch) {
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    x = warp_sum(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    return warp_sum(lane < blockDim.x / WARP ? scratch[lane] : 0.0f);
}

DEVICE float block_max(float x, float* scratch) {
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    x = warp_max(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    return warp_max(lane < blockDim.x / WARP ? scratch[lane] : -INFINITY_F);
}

DEVICE double block_sum_double(double x, double* scratch) {
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    for (int apart = WARP / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(ALL_LANES, x, apart);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    x = lane < blockDim.x / WARP ? scratch[lane] : 0.0;
    for (int apart = WARP / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(ALL_LANES, x, apart);
    return x;
}

// The grid-stride loop: this thread's first item, and the distance to its next.
DEVICE u64 first_item() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE u64 item_stride() { return (u64)gridDim.x * blockDim.x; }
