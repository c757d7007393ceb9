#!/usr/bin/env python3
"""Measures everything about the GPU step that no machine without a GPU can, and writes the table.

    python3 tests/interop/gpu_bench.py [--rounds 3] [--configs 150m,1b] [--skip-tests] [--binaries FOLDER]

In the repository's root, on a machine with one NVIDIA GPU, its driver (580 or later), Rust, and a python3 whose torch
has CUDA (its wheels bring NVRTC, cublasLt and cuDNN, which this script puts on the loader's path). It builds, runs the
GPU tests, then ours and PyTorch's steps alternately in one sitting, and writes docs/gpu-measurements.md and
docs/gpu-measurements.jsonl. `--binaries` takes test and bench programs that were built elsewhere. Ends with 1 when a
test or a bar fails: tokens a second at least PyTorch's best, compression at most 6 ms a billion parameters.
"""
import argparse
import glob
import json
import os
import platform
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TORCH = os.path.join(ROOT, "tests/interop/gpu_bench_torch.py")
VARIANTS = ["compile/autocast", "compile/master", "compile/bf16", "eager/master"]
AT_ONCE = {"150m": "16", "1b": "8"}
COMPRESS_MS_MAX = 6.0
# What a machine without a GPU cannot say; the table has a line for each.
STEP, CODEC = "whole step, tokens/s", "compression, ms per billion parameters"


def library_path():
    """The folders of NVIDIA's wheels, in front of the present path."""
    try:
        import nvidia
        roots = list(nvidia.__path__)
    except ImportError:
        roots = []
    folders = [folder for root in roots for folder in glob.glob(os.path.join(root, "*", "lib"))]
    return ":".join(folders + [path for path in [os.environ.get("LD_LIBRARY_PATH")] if path])


def lines_of(command, env, timeout_s):
    """Runs a command; its JSON lines, and whether it ended well and left nothing out. What it says otherwise is passed on."""
    print("$", " ".join(command), file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return [{"command": " ".join(command), "error": f"took more than {timeout_s} s"}], False
    sys.stderr.write(done.stderr[-4000:])
    skipped = "skipped:" in done.stderr + done.stdout
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        found.append({"command": " ".join(command), "error": (done.stderr or done.stdout)[-400:]})
    return found, done.returncode == 0 and not skipped


def test_commands(folder):
    if folder:
        return [[path, "gpu_", "--nocapture"] for path in sorted(glob.glob(os.path.join(folder, "test-*")))]
    return [["cargo", "test", "--release", "-p", "sn3-trainer", "--features", "cuda", "--", "gpu_", "--nocapture"]]


def bench_program(folder, env):
    if folder:
        return os.path.join(folder, "gpu_bench")
    build = ["cargo", "build", "--release", "-p", "sn3-trainer", "--features", "cuda", "--example", "gpu_bench"]
    subprocess.run(build, cwd=ROOT, env=env, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "release/examples/gpu_bench")


def conditions(env):
    query = ["nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
    torch = ["python3", "-c", "import torch; print(torch.__version__, torch.version.cuda, torch.backends.cudnn.version())"]
    say = lambda command: subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    commit = say(["git", "rev-parse", "--short", "HEAD"]) or "a copy without history"
    return {"part": "conditions", "gpu": say(query), "torch, cuda, cudnn": say(torch), "commit": commit,
            "host": platform.processor() or platform.machine(), "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}


def measure(args, env, record):
    program = bench_program(args.binaries, env)
    for part in (["copy"], *(["gemm", config] for config in args.configs)):
        record(lines_of(["python3", TORCH, *part], env, 600)[0])
    for config in args.configs:
        for _ in range(args.rounds):
            record(lines_of([program, "step", config, AT_ONCE[config], "15"], env, 600)[0])
            for variant in VARIANTS:
                record(lines_of(["python3", TORCH, "step", config, variant], env, 600)[0])
        record(lines_of([program, "step", config, AT_ONCE[config], "15", "own"], env, 600)[0])
        record(lines_of([program, "compress", config], env, 600)[0])
        record(lines_of([program, "read", config], env, 600)[0])
        record(lines_of(["python3", TORCH, "compress", config], env, 600)[0])


def best(rows, config, ours):
    steps = [r for r in rows if r.get("part") == "step" and r.get("config") == config and "tokens_s" in r]
    steps = [r for r in steps if (r["impl"] == "sn3") == ours and r.get("cudnn", True)]
    return max(steps, key=lambda r: r["tokens_s"], default=None)


def bars(rows, configs):
    """(what, value, bar, met) for each bar."""
    for config in configs:
        ours, theirs = best(rows, config, True), best(rows, config, False)
        if ours and theirs:
            ratio = ours["tokens_s"] / theirs["tokens_s"]
            what = f"{STEP}, {config}: ours over the best of PyTorch ({theirs['mode']}/{theirs['precision']})"
            yield what, f"{ratio:.3f}", "at least 1.0", ratio >= 1.0
        else:
            yield f"{STEP}, {config}", "not measured", "at least 1.0", False
        codec = [r["ms_per_gparam"] for r in rows if r.get("part") == "compress" and r.get("impl") == "sn3" and r.get("config") == config]
        value = f"{min(codec):.2f}" if codec else "not measured"
        yield f"{CODEC}, {config}", value, f"at most {COMPRESS_MS_MAX}", bool(codec) and min(codec) <= COMPRESS_MS_MAX


def table(rows, tests_passed, configs):
    yield "# Measured on a GPU\n"
    yield "Written by `tests/interop/gpu_bench.py`; every line is in `gpu-measurements.jsonl`.\n"
    for row in rows:
        if row.get("part") == "conditions":
            yield "\n".join(f"* {key}: {value}" for key, value in row.items() if key != "part") + "\n"
    yield f"GPU tests: {'passed' if tests_passed else 'FAILED or skipped'}\n"
    yield "| bar | measured | wanted | met |\n|---|---|---|---|"
    for what, value, wanted, met in bars(rows, configs):
        yield f"| {what} | {value} | {wanted} | {'yes' if met else 'no'} |"
    keys = ["impl", "config", "mode", "precision", "cudnn", "batch", "ms", "spread", "tokens_s", "tflops_full", "mfu_measured", "peak_gib"]
    yield "\n| " + " | ".join(keys) + " |\n|" + "---|" * len(keys)
    for row in rows:
        if row.get("part") == "step":
            yield "| " + " | ".join(str(row.get(key, row.get("error", ""))) for key in keys) + " |"
    yield "\nOther lines:\n"
    for row in rows:
        if row.get("part") not in ("step", "conditions"):
            yield f"* `{json.dumps(row)}`"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--configs", default="150m,1b")
    parser.add_argument("--skip-tests", action="store_true")
    parser.add_argument("--binaries", default="")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs"))
    args = parser.parse_args()
    args.configs = args.configs.split(",")
    env = dict(os.environ, LD_LIBRARY_PATH=library_path(), PYTHONUNBUFFERED="1")
    rows = [conditions(env)]
    passed = not args.skip_tests and all([lines_of(command, env, 3600)[1] for command in test_commands(args.binaries)])

    def record(found):
        rows.extend(found)
        os.makedirs(args.out, exist_ok=True)
        with open(os.path.join(args.out, "gpu-measurements.jsonl"), "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        with open(os.path.join(args.out, "gpu-measurements.md"), "w") as file:
            file.write("\n".join(table(rows, passed, args.configs)) + "\n")

    measure(args, env, record)
    print(open(os.path.join(args.out, "gpu-measurements.md")).read())
    met = all(met for *_, met in bars(rows, args.configs))
    return 0 if met and (passed or args.skip_tests) else 1


if __name__ == "__main__":
    sys.exit(main())
