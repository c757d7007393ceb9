// Embedding, rotary positions, SwiGLU, conversion: one value in, one value out.

// x[row] = table[tokens[row]]; items are packs.
KERNEL void embed_forward(const real* table, const u32* tokens, real* x, u64 rows, u32 width) {
    u32 packs = width / PACK;
    for (u64 item = first_item(); item < rows * packs; item += item_stride()) {
        u64 row = item / packs, column = item % packs * PACK;
        *(uint4*)(x + row * width + column) = *(const uint4*)(table + (u64)tokens[row] * width + column);
    }
}

// Adds each row's gradient to its token's, rows of one token in the order of the rows. `order` lists the rows
// sorted by token; the block of a token's first row in it does the whole token. One block a row.
KERNEL void embed_backward(const real* dx, const u32* tokens, const u32* order, float* dtable, u64 rows, u32 width) {
    u64 first = blockIdx.x;
    u32 token = tokens[order[first]];
    if (first > 0 && tokens[order[first - 1]] == token) return;
    for (u32 column = threadIdx.x; column < width; column += blockDim.x) {
        float sum = dtable[(u64)token * width + column];
        for (u64 at = first; at < rows && tokens[order[at]] == token; at++)
            sum += load(dx[(u64)order[at] * width + column]);
        dtable[(u64)token * width + column] = sum;
    }
}

// Rotates the pairs (x[i], x[i + half]) of the first `heads` heads of each row of `stride` values, by the angles
// of the row's position; back for direction −1. Items are pairs of packs where `half` divides into packs, and
// single pairs elsewhere.
KERNEL void rope(
    real* x, const float* cosines, const float* sines, u64 rows, u32 tokens, u32 heads, u32 half, u32 stride,
    float direction
) {
    bool packed = half % PACK == 0 && stride % PACK == 0;
    u32 size = packed ? PACK : 1, across = half / size;
    for (u64 item = first_item(); item < rows * heads * across; item += item_stride()) {
        u64 row = item / (heads * across);
        u32 head = (u32)(item / across % heads), column = (u32)(item % across) * size;
        u64 table = row % tokens * half + column;
        real* left = x + row * stride + (u64)head * 2 * half + column;
        real* right = left + half;
        if (!packed) {
            float a = load(*left), b = load(*right), c = cosines[table], s = direction * sines[table];
            *left = store(a * c - b * s), *right = store(b * c + a * s);
            continue;
        }
        float a[PACK], b[PACK], c[PACK], s[PACK];
        unpack(left, a), unpack(right, b), unpack_floats(cosines + table, c), unpack_floats(sines + table, s);
        for (int i = 0; i < PACK; i++) {
            float sine = direction * s[i], turned = a[i] * c[i] - b[i] * sine;
            b[i] = b[i] * c[i] + a[i] * sine, a[i] = turned;
        }
        pack(left, a), pack(right, b);
    }
}

DEVICE float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// out = silu(gate)·up for rows that hold `ffn` gates and then `ffn` ups.
KERNEL void swiglu_forward(const real* gate_up, real* out, u64 rows, u32 ffn) {
    u32 packs = ffn / PACK;
    for (u64 item = first_item(); item < rows * packs; item += item_stride()) {
        u64 row = item / packs, column = item % packs * PACK;
        float gate[PACK], up[PACK];
        unpack(gate_up + row * 2 * ffn + column, gate), unpack(gate_up + row * 2 * ffn + ffn + column, up);
        for (int i = 0; i < PACK; i++) up[i] *= gate[i] * sigmoid(gate[i]);
        pack(out + row * ffn + column, up);
    }
}

// Replaces `gate_up` by the gradient by it, and `dout` by the forward result.
// With s = sigmoid(g): dg = da·u·s·(1 + g·(1 − s)); du = da·g·s.
KERNEL void swiglu_backward(real* gate_up, real* dout, u64 rows, u32 ffn) {
    u32 packs = ffn / PACK;
    for (u64 item = first_item(); item < rows * packs; item += item_stride()) {
        u64 row = item / packs, column = item % packs * PACK;
        real* gates = gate_up + row * 2 * ffn + column;
        real* result = dout + row * ffn + column;
        float gate[PACK], up[PACK], gradient[PACK];
        unpack(gates, gate), unpack(gates + ffn, up), unpack(result, gradient);
        for (int i = 0; i < PACK; i++) {
            float s = sigmoid(gate[i]), silu = gate[i] * s, product = silu * up[i];
            gate[i] = gradient[i] * up[i] * s * (1.0f + gate[i] * (1.0f - s));
            up[i] = gradient[i] * silu, gradient[i] = product;
        }
        pack(gates, gate), pack(gates + ffn, up), pack(result, gradient);
    }
}

// The stored copy of float values.
KERNEL void to_stored(const float* from, real* to, u64 count) {
    for (u64 item = first_item(); item < count; item += item_stride()) to[item] = store(from[item]);
}
