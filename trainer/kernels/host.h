// CUDA as plain C++, so that the kernels' text can be run where there is no GPU: each thread of a block is a fibre
// that runs until it waits, each block runs after the other. Slow and exact: memory is given out with a page after
// its end that must not be touched and is filled with not-a-numbers, and fibres can be run in either order, so that
// reads of what was never written and missing barriers show.

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <math.h>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define SN3_HOST
#define DEVICE static inline
#define KERNEL static
#define DYNAMIC_SHARED(name) unsigned char* name = host_dynamic_shared
#define __shared__ static
#define __launch_bounds__(...)

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct Dim {
    unsigned x, y, z;
};

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Fiber {
    ucontext_t context;
    jmp_buf jump;
    Dim thread;
    State state;
    bool started = false;
    std::vector<char> stack;
};

static const size_t STACK_BYTES = 64 << 10, DYNAMIC_SHARED_BYTES = 256 << 10;
static std::vector<Fiber> fibers;
static Fiber* current;
static jmp_buf scheduler;
static Dim blockIdx, blockDim, gridDim;
static std::string running = "no kernel";
static std::function<void()> body;
static bool reversed;
alignas(16) static unsigned char host_dynamic_shared[DYNAMIC_SHARED_BYTES];

#define threadIdx (current->thread)

[[noreturn]] static void fail(const std::string& what) {
    fprintf(stderr, "%s: %s (block %u %u %u, thread %u)\n", running.c_str(), what.c_str(), blockIdx.x, blockIdx.y,
            blockIdx.z, current ? current->thread.x : 0);
    _exit(3);
}

static void wait_at(State state) {
    current->state = state;
    if (!_setjmp(current->jump)) _longjmp(scheduler, 1);
}

// A fibre outlives its thread and takes the next one: making contexts is what costs.
static void enter() {
    for (;;) {
        body();
        wait_at(DONE);
    }
}

static void resume(Fiber* fiber) {
    current = fiber;
    if (_setjmp(scheduler)) return;
    if (fiber->started) _longjmp(fiber->jump, 1);
    fiber->started = true;
    setcontext(&fiber->context);
}

// Sets those of from..end free that wait for `state`, when no other is still on its way.
static bool release(size_t from, size_t end, State state) {
    size_t waiting = 0;
    for (size_t i = from; i < end; i++) {
        if (fibers[i].state == state) waiting++;
        else if (fibers[i].state != DONE) return false;
    }
    for (size_t i = from; i < end; i++)
        if (fibers[i].state == state) fibers[i].state = READY;
    return waiting > 0;
}

static void run_block() {
    size_t count = blockDim.x;
    // Contexts must stay where they are.
    if (fibers.empty()) fibers.resize(1024);
    for (size_t i = 0; i < count; i++) {
        Fiber& fiber = fibers[i];
        fiber.thread = {(unsigned)i, 0, 0}, fiber.state = READY;
        if (fiber.started) continue;
        fiber.stack.resize(STACK_BYTES);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data(), fiber.context.uc_stack.ss_size = STACK_BYTES;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, enter, 0);
    }
    static bool moved;
    static size_t next;
    do {
        moved = false;
        for (next = 0; next < count; next++) {
            Fiber* fiber = &fibers[reversed ? count - 1 - next : next];
            if (fiber->state == READY) moved = true, resume(fiber);
        }
        for (size_t warp = 0; warp < count; warp += 32)
            moved |= release(warp, warp + 32 < count ? warp + 32 : count, AT_WARP_BARRIER);
        moved |= release(0, count, AT_BLOCK_BARRIER);
    } while (moved);
    for (size_t i = 0; i < count; i++)
        if (fibers[i].state != DONE) fail("threads wait for each other at different barriers");
    current = nullptr;
}

// ---- the built-in functions that the kernels use

static inline void __syncthreads() { wait_at(AT_BLOCK_BARRIER); }
static inline void __syncwarp() { wait_at(AT_WARP_BARRIER); }

template <class T>
static T bits_as(const void* from) {
    T to;
    memcpy(&to, from, sizeof to);
    return to;
}
static inline float __uint_as_float(unsigned x) { return bits_as<float>(&x); }
static inline float __int_as_float(int x) { return bits_as<float>(&x); }
static inline unsigned __float_as_uint(float x) { return bits_as<unsigned>(&x); }
static inline int __float_as_int(float x) { return bits_as<int>(&x); }

// What the lanes of each warp show each other.
static unsigned long long shown[32][32];

static inline unsigned lane_of() { return current->thread.x % 32; }
static inline unsigned long long* warp_shown() { return shown[current->thread.x / 32]; }

template <class T>
static T exchange(T value, unsigned from) {
    memcpy(&warp_shown()[lane_of()], &value, sizeof value);
    __syncwarp();
    T found = bits_as<T>(&warp_shown()[from]);
    __syncwarp();
    return found;
}
template <class T>
static T __shfl_xor_sync(unsigned, T value, int apart) {
    return exchange(value, lane_of() ^ (unsigned)apart);
}
template <class T>
static T __shfl_up_sync(unsigned, T value, unsigned apart) {
    return exchange(value, lane_of() >= apart ? lane_of() - apart : lane_of());
}
static unsigned __reduce_add_sync(unsigned, unsigned value) {
    warp_shown()[lane_of()] = value;
    __syncwarp();
    unsigned sum = 0;
    for (int lane = 0; lane < 32; lane++) sum += (unsigned)warp_shown()[lane];
    __syncwarp();
    return sum;
}
static unsigned __ballot_sync(unsigned, bool vote) {
    return __reduce_add_sync(0, vote ? 1u << lane_of() : 0);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static void atomicMin(unsigned long long* at, unsigned long long value) {
    if (value < *at) *at = value;
}

#define __expf(x) expf(x)
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return sqrt(a); }

// The tensor cores' product of a warp, m16n8k16 in bf16 with float sums, from the fragments' layout in the PTX
// manual: row g = lane / 4, pair t = lane % 4; register r of A holds row g + 8·(r % 2), depths 2t, 2t + 1 of half
// r / 2; of B depths 2t, 2t + 1 of half r, column g; of D row g + 8·(r / 2), column 2t + r % 2.
static unsigned fragments[32][32][6];

static void mma(float* d, const unsigned* a, const unsigned* b) {
    unsigned lane = lane_of(), g = lane / 4, t = lane % 4;
    auto& warp = fragments[current->thread.x / 32];
    memcpy(warp[lane], a, 16), memcpy(warp[lane] + 4, b, 8);
    __syncwarp();
    for (int r = 0; r < 4; r++) {
        unsigned m = g + r / 2 * 8, n = 2 * t + r % 2;
        for (unsigned k = 0; k < 16; k++) {
            unsigned left = warp[m % 8 * 4 + k % 8 / 2][m / 8 + k / 8 * 2];
            unsigned right = warp[n * 4 + k % 8 / 2][4 + k / 8];
            left = k % 2 ? left & 0xffff0000u : left << 16, right = k % 2 ? right & 0xffff0000u : right << 16;
            d[r] += __uint_as_float(left) * __uint_as_float(right);
        }
    }
    __syncwarp();
}
