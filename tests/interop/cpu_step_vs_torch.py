#!/usr/bin/env python3
"""Training speed on this machine's CPU: our static step and reference beside PyTorch, in one run.

    python3 tests/interop/cpu_step_vs_torch.py [--python VENV/bin/python] [--rounds 12] [--seconds 1.5]
        [--threads N]

Builds the release example `step_bench`, starts every contestant (static step, candle reference, PyTorch eager and
torch.compile) in a process of its own, and lets them train in turns, a short slice each, many rounds: what else the
machine does then hits all of them alike. Prints every slice as a JSON line and, from the medians over the rounds, a
table. Without --python a virtual environment with torch is made in the temporary folder; PIP_INDEX_URL chooses where it
comes from, for instance an index of the smaller builds for CPUs.

The same on both sides: the model of preset `micro` (4 layers, width 256, 4 heads with 2 for keys and values,
feed-forward 688, vocabulary 4,096 tied to the head, 3.95 M parameters), 8 samples of 256 random tokens, f32,
mean cross-entropy, gradient clipped to 1, AdamW (0.9, 0.95, 1e-8, 0.1), all cores. Beside the wall's time
stands the time on the processor: on a busy machine only that says what a step costs. PyTorch's threads wait for
each other awake, which there counts as work; with --threads 1 there is nothing to wait for on either side.

Bars: static >= 2.5 x reference, static >= 1.0 x torch.compile.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKENS = 2048


def torch_side(mode, seconds, threads):
    """PyTorch in this process: a JSON line for every line on stdin, after one that says `ready`."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    dim, layers, heads, kv, ffn, vocab, seq, batch = 256, 4, 4, 2, 688, 4096, 256, 8
    head = dim // heads

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.RMSNorm(dim, eps=1e-5), nn.RMSNorm(dim, eps=1e-5)
            self.qkv = nn.Linear(dim, (heads + 2 * kv) * head, bias=False)
            self.out = nn.Linear(heads * head, dim, bias=False)
            self.gate_up = nn.Linear(dim, 2 * ffn, bias=False)
            self.down = nn.Linear(ffn, dim, bias=False)

        def forward(self, x, cos, sin):
            b, s, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).split([heads * head, kv * head, kv * head], dim=-1)
            q, k, v = (t.view(b, s, -1, head).transpose(1, 2) for t in (q, k, v))
            q, k = turn(q, cos, sin), turn(k, cos, sin)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(b, s, heads * head))
            gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
            return x + self.down(F.silu(gate) * up)

    def turn(x, cos, sin):
        left, right = x.chunk(2, dim=-1)
        return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(vocab, dim)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm = nn.RMSNorm(dim, eps=1e-5)
            angle = torch.outer(torch.arange(seq), 10000.0 ** (-torch.arange(0, head, 2) / head))
            self.register_buffer("cos", angle.cos())
            self.register_buffer("sin", angle.sin())

        def forward(self, tokens, labels):
            x = self.embed(tokens)
            for block in self.blocks:
                x = block(x, self.cos, self.sin)
            logits = self.norm(x) @ self.embed.weight.T
            return F.cross_entropy(logits.view(-1, vocab), labels.view(-1), ignore_index=-100)

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = Model()
    nn.init.normal_(model.embed.weight, std=0.02)
    # Not fused on request: torch chooses its fastest for the CPU with fused=True.
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True)
    forward = torch.compile(model) if mode == "compile" else model
    tokens = torch.randint(1, vocab, (batch, seq))
    # The last token of a sample has no label, as on our side.
    labels = torch.cat([tokens[:, 1:], torch.full((batch, 1), -100)], dim=1)

    def step():
        forward(tokens, labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)

    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        torch_slice(torch, mode, step, seconds)


def torch_slice(torch, mode, step, seconds):
    """Steps for so many seconds, at least twice, and prints one line."""
    best, steps, begin, cpu = float("inf"), 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds or steps < 2:
        start = time.perf_counter()
        step()
        best, steps = min(best, time.perf_counter() - start), steps + 1
    cpu_ms = (time.process_time() - cpu) / steps * 1e3
    print(json.dumps({
        "part": "step", "config": "micro", "impl": f"torch {mode}", "version": torch.__version__,
        "threads": torch.get_num_threads(), "tokens": TOKENS, "best_ms": round(best * 1e3, 2),
        "mean_ms": round((time.perf_counter() - begin) / steps * 1e3, 2),
        "cpu_ms": round(cpu_ms, 2), "tokens_s": round(TOKENS / best),
    }), flush=True)


def python_with_torch(given):
    if given:
        return given
    folder = Path(tempfile.gettempdir()) / "sn3-interop-torch"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "torch", "numpy"], check=True)
    return str(python)


class Contestant:
    """A process that trains for a slice whenever it is told to."""

    def __init__(self, name, command, says_ready, env=None):
        self.name, self.slices = name, []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        if says_ready:
            self.process.stdout.readline()

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early with {self.process.wait()}")
        print(line.strip(), flush=True)
        self.slices.append(json.loads(line))

    def median(self, key):
        return statistics.median(slice[key] for slice in self.slices)

    def best(self, key):
        return min(slice[key] for slice in self.slices)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def best_micro_batch(bench, threads):
    """The micro-batch with which our step costs the least here, of one short slice each."""
    command = [str(bench), "1", "micro", "only=static", f'only=threads":{threads}']
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return min(map(json.loads, lines), key=lambda line: line["cpu_ms"])["micro_batch"]


def contestants(options, bench):
    threads, seconds = options.threads, str(options.seconds)
    micro = options.micro_batch or best_micro_batch(bench, threads)
    ours = [str(bench), seconds, "micro", "paced"]
    static = [*ours, "only=static", f'only=threads":{threads}', f'only=micro_batch":{micro}']
    torch = [python_with_torch(options.python), __file__, "--seconds", seconds, "--threads", str(threads), "--inside"]
    return [
        Contestant("static", static, False),
        Contestant("torch compile", [*torch, "compile"], True),
        Contestant("torch eager", [*torch, "eager"], True),
        Contestant("reference", [*ours, "only=reference"], False, {**os.environ, "RAYON_NUM_THREADS": str(threads)}),
    ]


def report(found, threads):
    print(f"\nload {os.getloadavg()}, {os.cpu_count()} cores, {threads} threads each, medians of {len(found[0].slices)} slices")
    print(f"{'':14} tokens/s  ms/step  CPU ms/step   (best: ms, CPU ms)")
    for one in found:
        wall, cpu = one.median("mean_ms"), one.median("cpu_ms")
        best = f"({one.best('best_ms'):.1f}, {one.best('cpu_ms'):.1f})"
        print(f"{one.name:14} {TOKENS / wall * 1e3:8.0f} {wall:8.1f} {cpu:12.1f}   {best}")
    static = found[0]
    for other, bar in [(found[3], 2.5), (found[1], 1.0)]:
        wall = other.median("mean_ms") / static.median("mean_ms")
        cpu = other.median("cpu_ms") / static.median("cpu_ms")
        best = other.best("best_ms") / static.best("best_ms")
        verdict = "met" if wall >= bar else "MISSED"
        print(f"static / {other.name}: {wall:.2f}x by the wall (median), {best:.2f}x (best step), "
              f"{cpu:.2f}x by CPU time; bar {bar}: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has torch")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every contestant")
    parser.add_argument("--micro-batch", type=int, help="of our step; found by trying where absent")
    parser.add_argument("--inside", choices=["eager", "compile"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return torch_side(options.inside, options.seconds, options.threads)
    build = ["cargo", "build", "--release", "-p", "sn3-trainer", "--example", "step_bench"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = contestants(options, target / "release" / "examples" / "step_bench")
    for _ in range(options.rounds):
        for one in found:
            one.run()
    for one in found:
        one.stop()
    report(found, options.threads)


if __name__ == "__main__":
    main()
