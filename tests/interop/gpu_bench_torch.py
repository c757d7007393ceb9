#!/usr/bin/env python3
"""The PyTorch side of the GPU benchmark: what a fast PyTorch stack reaches on one GPU.

Needs torch with CUDA and nothing else; downloads nothing. Tokens are random and live on the GPU, so that the numbers
are pure step time. Every result is one JSON line with the keys of `trainer/examples/gpu_bench.rs`.

    python3 gpu_bench_torch.py copy                        bandwidth of a device-to-device copy
    python3 gpu_bench_torch.py gemm 150m                   every product of the model: forward and both gradients
    python3 gpu_bench_torch.py step 150m compile/master    whole steps: forward, loss, backward, clip, AdamW
    python3 gpu_bench_torch.py compress 150m               SparseLoCo's selection by torch.topk

A variant is mode/precision: eager or compile; autocast (f32 parameters, bf16 arithmetic), master (bf16 parameters and
gradients, f32 master copy and moments) or bf16 (everything). MFU counts 6 FLOPs a matrix parameter and token, and
12·layers·heads·width·tokens of attention, against 790 TFLOP/s seen for bf16 products on an H200.
"""
import json
import math
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

PEAK_TFLOPS = 790.0
TOKENS = 2048


@dataclass
class Size:
    layers: int
    dim: int
    ffn: int
    heads: int
    kv: int
    batch: int
    vocab: int = 32000

    @property
    def head(self):
        return self.dim // self.heads

    def matrix_parameters(self):
        layer = 2 * self.dim * self.dim + 2 * self.dim * self.kv * self.head + 3 * self.dim * self.ffn
        return self.layers * layer + self.dim * self.vocab

    def parameters(self):
        return self.matrix_parameters() + self.dim * (2 * self.layers + 1)

    def flops(self, attention):
        return 6 * self.matrix_parameters() + attention * self.layers * self.heads * self.head * TOKENS


SIZES = {"150m": Size(12, 1024, 2688, 16, 16, 32), "1b": Size(16, 2048, 8192, 16, 8, 16)}


def emit(**values):
    print(json.dumps(values), flush=True)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size, kv = size, size.kv * size.head
        self.before, self.between = nn.Parameter(torch.ones(size.dim)), nn.Parameter(torch.ones(size.dim))
        self.qkv = nn.Linear(size.dim, size.dim + 2 * kv, bias=False)
        self.out = nn.Linear(size.dim, size.dim, bias=False)
        self.gate_up = nn.Linear(size.dim, 2 * size.ffn, bias=False)
        self.down = nn.Linear(size.ffn, size.dim, bias=False)

    def forward(self, x, cos, sin):
        s, (b, t, d) = self.size, x.shape
        normed = F.rms_norm(x, (d,), self.before.to(x.dtype), 1e-5)
        q, k, v = self.qkv(normed).split([d, s.kv * s.head, s.kv * s.head], -1)
        q = rotate(q.view(b, t, s.heads, s.head), cos, sin).transpose(1, 2)
        k = rotate(k.view(b, t, s.kv, s.head), cos, sin).transpose(1, 2)
        v = v.view(b, t, s.kv, s.head).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=s.heads != s.kv)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(F.rms_norm(x, (d,), self.between.to(x.dtype), 1e-5)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(size.vocab, size.dim)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.Parameter(torch.ones(size.dim))
        for name, p in self.named_parameters():
            if p.dim() == 2:
                ends = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * size.layers) if ends else 1))

    def forward(self, tokens, labels, cos, sin):
        x = self.embed(tokens)
        if torch.is_autocast_enabled("cuda"):
            x = x.to(torch.bfloat16)
        for block in self.blocks:
            x = block(x, cos, sin)
        x = F.rms_norm(x, (self.size.dim,), self.norm.to(x.dtype), 1e-5)
        return F.cross_entropy(F.linear(x, self.embed.weight.to(x.dtype)).flatten(0, 1).float(), labels.flatten())


def timed(work, runs):
    torch.cuda.synchronize()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for index in range(runs):
        work(index)
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / runs


def median_ms(work, runs=10):
    for index in range(3):
        work(index)
    return sorted(timed(work, runs) for _ in range(5))[2]


def copy():
    a = torch.randint(0, 255, (1 << 32,), dtype=torch.uint8, device="cuda")
    b = torch.empty_like(a)
    ms = median_ms(lambda _: b.copy_(a))
    emit(part="copy", gib=4, ms=round(ms, 3), gbs=round(2 * a.numel() / ms / 1e6, 1))


def gemm(name):
    s, rows = SIZES[name], SIZES[name].batch * TOKENS
    shapes = {"qkv": (s.dim + 2 * s.kv * s.head, s.dim), "out": (s.dim, s.dim), "gate_up": (2 * s.ffn, s.dim),
              "down": (s.dim, s.ffn), "head": (s.vocab, s.dim)}
    for op, (n, k) in shapes.items():
        m = min(rows, 16384) if op == "head" else rows
        new = lambda *shape: torch.randn(*shape, device="cuda", dtype=torch.bfloat16)
        x, w, dy = new(m, k), new(n, k), new(m, n)
        ways = {"forward": lambda _: x @ w.t(), "by_input": lambda _: dy @ w, "by_weight": lambda _: dy.t() @ x}
        rates = {way: round(2 * m * n * k / median_ms(work, 5) / 1e9, 1) for way, work in ways.items()}
        emit(part="gemm", config=name, op=op, m=m, n=n, k=k, tflops=rates)


def optimizer_of(parameters):
    groups = [{"params": parameters, "weight_decay": 0.1}]
    return torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.95), fused=True)


def step(name, variant, steps=15):
    mode, precision = variant.split("/")
    size = SIZES[name]
    torch.manual_seed(0)
    torch.cuda.reset_peak_memory_stats()
    model = Model(size).cuda()
    if precision != "autocast":
        model = model.bfloat16()
    parameters = list(model.parameters())
    master = [p.detach().float().requires_grad_() for p in parameters] if precision == "master" else parameters
    optimizer = optimizer_of(master)
    inverse = 500000.0 ** (-torch.arange(0, size.head, 2, device="cuda").float() / size.head)
    angle = torch.arange(TOKENS, device="cuda").float()[:, None] * inverse
    cos, sin = angle.cos().bfloat16()[None, :, None], angle.sin().bfloat16()[None, :, None]
    run = torch.compile(model, dynamic=False) if mode == "compile" else model
    data = torch.randint(0, size.vocab, (4, size.batch, TOKENS + 1), device="cuda")

    def one(index):
        batch = data[index % 4]
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "autocast"):
            loss = run(batch[:, :-1], batch[:, 1:], cos, sin)
        loss.backward()
        if precision == "master":
            for m in master:
                m.grad = torch.empty_like(m) if m.grad is None else m.grad
            torch._foreach_copy_([m.grad for m in master], [p.grad for p in parameters])
        nn.utils.clip_grad_norm_(master, 1.0, foreach=True)
        optimizer.step()
        if precision == "master":
            with torch.no_grad():
                torch._foreach_copy_(parameters, master)
        for p in parameters:
            p.grad = None
        return loss.detach()

    begin = time.perf_counter()
    first = float(one(0))
    first_seconds = time.perf_counter() - begin
    for index in range(1, 4):
        one(index)
    rounds = sorted(timed(one, max(1, steps // 3)) for _ in range(3))
    ms, last = rounds[1], float(one(0))
    rate = size.batch * TOKENS / ms * 1e3
    full, causal = (rate * size.flops(attention) / 1e12 for attention in (12, 6))
    emit(part="step", impl="torch " + torch.__version__, config=name, mode=mode, precision=precision, batch=size.batch,
         seq=TOKENS, params=size.parameters(), ms=round(ms, 2), spread=round(rounds[2] / rounds[0] - 1, 4),
         tokens_s=round(rate), tflops_full=round(full, 1), tflops_causal=round(causal, 1),
         mfu_measured=round(full / PEAK_TFLOPS, 4), peak_gib=round(torch.cuda.max_memory_allocated() / 2**30, 2),
         first_step_s=round(first_seconds, 1), loss_first=round(first, 4), loss_last=round(last, 4))


def compress(name):
    chunks, piece = SIZES[name].parameters() // 4096, 1 << 15
    error = [torch.randn(min(piece, chunks - at), 4096, device="cuda") for at in range(0, chunks, piece)]
    delta = torch.randn(min(piece, chunks), 4096, device="cuda") * 0.01

    def one(_):
        for e in error:
            e.mul_(0.95).add_(delta[: e.shape[0]])
            index = torch.topk(e.abs(), 64, dim=-1, sorted=False).indices
            value = torch.gather(e, 1, index)
            level = value.abs().mean(-1, keepdim=True) * value.sign()
            e.scatter_add_(1, index, -level)

    ms = median_ms(one, 2)
    emit(part="compress", impl="torch " + torch.__version__, config=name, way="topk", params=chunks * 4096,
         ms=round(ms, 2), ms_per_gparam=round(ms / (chunks * 4096 / 1e9), 3), gparam_s=round(chunks * 4096 / ms / 1e6, 3))


PARTS = {"copy": copy, "gemm": gemm, "step": step, "compress": compress}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(__doc__)
    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU")
    PARTS[sys.argv[1]](*sys.argv[2:])
