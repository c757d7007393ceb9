// The other half of host.h: a program that keeps memory and runs kernels by name, as its standard input says.

typedef std::vector<std::string> Arguments;
static std::map<std::string, std::function<void(const Arguments&)>> kernels;

static u32 shared_bytes;

// Written by whoever puts the text together: one `add` for each kernel.
static void add_kernels();

template <class T>
static T argument(const Arguments& arguments, size_t index) {
    if (arguments[index].size() != sizeof(T)) fail("argument " + std::to_string(index) + " has another size");
    return bits_as<T>(arguments[index].data());
}

template <class... T, size_t... I>
static void call(void (*kernel)(T...), const Arguments& arguments, std::index_sequence<I...>) {
    if (arguments.size() != sizeof...(T)) fail("another number of arguments");
    body = [=] { kernel(argument<T>(arguments, I)...); };
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
                memset(host_dynamic_shared, 0xff, shared_bytes);
                run_block();
            }
}

template <class... T>
static void add(const char* name, void (*kernel)(T...)) {
    kernels[name] = [=](const Arguments& arguments) { call(kernel, arguments, std::index_sequence_for<T...>{}); };
}

static void take(void* to, size_t bytes) {
    if (fread(to, 1, bytes, stdin) != bytes) _exit(bytes == 1 ? 0 : 4);
}

template <class T>
static T take() {
    T value;
    take(&value, sizeof value);
    return value;
}

static void give(const void* from, size_t bytes) {
    fwrite(from, 1, bytes, stdout);
    fflush(stdout);
}

// Memory whose last byte lies before a page that must not be touched; full of not-a-numbers.
static u64 allocate(u64 bytes) {
    u64 page = 4096, rounded = (bytes + 15) / 16 * 16, whole = (rounded + page - 1) / page * page;
    char* at = (char*)mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + whole, page, PROT_NONE)) fail("no memory");
    memset(at, 0xff, whole);
    return (u64)(at + whole - rounded);
}

static void launch() {
    u32 length = take<u32>();
    running.resize(length);
    take(&running[0], length);
    gridDim.x = take<u32>(), gridDim.y = take<u32>(), gridDim.z = take<u32>();
    blockDim = {take<u32>(), 1, 1};
    if (blockDim.x % 32 || blockDim.x > 1024) fail("blocks are whole warps, at most 32");
    shared_bytes = take<u32>();
    if (shared_bytes > DYNAMIC_SHARED_BYTES) fail("too much shared memory");
    Arguments arguments(take<u32>());
    for (auto& text : arguments) {
        text.resize(take<u32>());
        take(&text[0], text.size());
    }
    auto kernel = kernels.find(running);
    if (kernel == kernels.end()) fail("there is no such kernel");
    kernel->second(arguments);
    running = "no kernel";
}

struct Operand {
    u64 at, line, transposed;
};

struct Product {
    u64 m, n, k;
    Operand a, b;
    u64 added, out, line, floats;
};

// out = a·b, or added + a·b; a is m × k, b is k × n, both row-major, or stored as their transposes.
static void multiply() {
    Product p = take<Product>();
    running = "multiply";
    auto at = [](const Operand& o, u64 row, u64 column) {
        return load(((const real*)o.at)[o.transposed ? column * o.line + row : row * o.line + column]);
    };
    std::vector<float> b(p.k * p.n), sums(p.n);
    for (u64 k = 0; k < p.k; k++)
        for (u64 n = 0; n < p.n; n++) b[k * p.n + n] = at(p.b, k, n);
    for (u64 m = 0; m < p.m; m++) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (u64 k = 0; k < p.k; k++) {
            float left = at(p.a, m, k);
            for (u64 n = 0; n < p.n; n++) sums[n] += left * b[k * p.n + n];
        }
        for (u64 n = 0; n < p.n; n++) {
            u64 place = m * p.line + n;
            if (p.floats) ((float*)p.out)[place] = sums[n] + (p.added ? ((float*)p.added)[place] : 0.0f);
            else ((real*)p.out)[place] = store(sums[n] + (p.added ? load(((real*)p.added)[place]) : 0.0f));
        }
    }
}

static void on_fault(int) { fail("touched memory outside its buffers"); }

int main() {
    add_kernels();
    static char alternative[1 << 16];
    stack_t stack = {};
    stack.ss_sp = alternative, stack.ss_size = sizeof alternative;
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_handler = on_fault, action.sa_flags = SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr), sigaction(SIGBUS, &action, nullptr);
    for (;;) {
        char command = take<char>();
        if (command == 'A') {
            u64 at = allocate(take<u64>());
            give(&at, sizeof at);
        } else if (command == 'W') {
            u64 at = take<u64>(), bytes = take<u64>();
            take((void*)at, bytes);
        } else if (command == 'R') {
            u64 at = take<u64>(), bytes = take<u64>();
            give((void*)at, bytes);
        } else if (command == 'Z') {
            u64 at = take<u64>(), bytes = take<u64>();
            memset((void*)at, 0, bytes);
        } else if (command == 'O') reversed = take<char>();
        else if (command == 'L') launch();
        else if (command == 'G') multiply();
        else fail("unknown command");
    }
}
