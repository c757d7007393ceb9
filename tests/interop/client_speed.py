#!/usr/bin/env python3
"""How long the official package takes for what `sn3 wallet balance` and `sn3 metagraph` do.

    python3 -m venv venv && venv/bin/pip install bittensor
    venv/bin/python client_speed.py ws://127.0.0.1:9944 SS58 [NETUID]

Each measurement is a process of its own, from its start to the printed result, as users see it; the time within the
process, after the imports, is given too. Medians of a few runs.
"""

import json
import statistics
import subprocess
import sys
import time

RUNS = 7

BALANCE = """
import time, json, sys, asyncio
begin = time.perf_counter()
from bittensor.client import Client
imported = time.perf_counter()
async def main():
    async with Client(sys.argv[1]) as client:
        return await client.balances.get(sys.argv[2])
value = asyncio.run(main())
print(json.dumps({"import_ms": (imported - begin) * 1e3, "work_ms": (time.perf_counter() - imported) * 1e3}))
"""

METAGRAPH = """
import time, json, sys, asyncio
begin = time.perf_counter()
from bittensor.client import Client
imported = time.perf_counter()
async def main():
    async with Client(sys.argv[1]) as client:
        return await client.subnets.metagraph(int(sys.argv[2]))
value = asyncio.run(main())
print(json.dumps({"import_ms": (imported - begin) * 1e3, "work_ms": (time.perf_counter() - imported) * 1e3}))
"""


def measure(name, code, *args):
    wholes, inner = [], []
    for _ in range(RUNS):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
        wholes.append((time.perf_counter() - begin) * 1e3)
        if done.returncode:
            print(f"official package, {name}: failed: {done.stderr.strip().splitlines()[-1]}")
            return 1
        inner.append(json.loads(done.stdout.strip().splitlines()[-1]))
    whole = statistics.median(wholes)
    parts = {key: statistics.median(run[key] for run in inner) for key in inner[0]}
    print(
        f"official package, {name}: {whole:.0f} ms from process start"
        f" ({parts['import_ms']:.0f} ms imports, {parts['work_ms']:.0f} ms work; median of {RUNS})"
    )
    return 0


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    url, address = sys.argv[1:3]
    netuid = sys.argv[3] if len(sys.argv) == 4 else "3"
    failed = measure("balance", BALANCE, url, address)
    failed += measure("metagraph", METAGRAPH, url, netuid)
    sys.exit(failed)


if __name__ == "__main__":
    main()
