#!/usr/bin/env python3
"""Drives a development chain with the command line tool bittensor-cli 9.23.

    python3 -m venv venv && venv/bin/pip install "bittensor-cli==9.23.*"
    venv/bin/python btcli.py ws://127.0.0.1:9944 [netuid]

Every step is a command as an operator types it; the command and what it answered are printed. The exit code
is the number of failed steps. The chain must be a fresh one with instant or interval sealing, because the
script spends from //Alice, registers a hotkey of hers and sets its weights.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import xxhash
from bittensor_wallet import Keypair, Wallet

BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
RAO_PER_TAO = 1_000_000_000
COMMAND_S_MAX = 300
SALT = "163,241,217,11,161,142,147,189"


def rpc(url, method, *params):
    """A request over plain HTTP on the same port."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(
        url.replace("ws://", "http://", 1), data=body, headers={"content-type": "application/json"}
    )
    answer = json.load(urllib.request.urlopen(request))
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Tool:
    """The command line tool with a wallet folder and a home of its own."""

    def __init__(self, url, netuid):
        self.url, self.netuid = url, str(netuid)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="btcli-"))
        self.program = str(pathlib.Path(sys.executable).parent / "btcli")
        self.failed = []
        wallet = Wallet(name="alice", hotkey="first", path=str(self.home / "wallets"))
        wallet.set_coldkey(Keypair.create_from_uri("//Alice"), encrypt=False, overwrite=True)
        wallet.set_coldkeypub(Keypair.create_from_uri("//Alice"), overwrite=True)
        wallet.set_hotkey(Keypair.create_from_uri("//AliceFirst"), encrypt=False, overwrite=True)
        self.hotkey = wallet.hotkey.ss58_address

    def wallet(self, hotkey=False):
        options = ["--wallet-name", "alice", "--wallet-path", str(self.home / "wallets")]
        return options + (["--wallet-hotkey", "first"] if hotkey else [])

    def run(self, *arguments):
        """Runs the tool; the answer is what it wrote, as JSON where it is JSON."""
        command = [self.program, *arguments, "--network", self.url]
        print("     $ btcli", " ".join(arguments), flush=True)
        environment = {**os.environ, "HOME": str(self.home), "TERM": "dumb", "COLUMNS": "200", "NO_COLOR": "1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_S_MAX, stdin=subprocess.DEVNULL
        )
        expect(done.returncode == 0, f"exit code {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}")
        try:
            return json.loads(done.stdout[max(done.stdout.find("{"), 0) :])
        except ValueError:
            return done.stdout

    def step(self, name, work):
        begin = time.perf_counter()
        try:
            answer = work()
        except Exception as error:  # every failure of a foreign client is a finding
            self.failed.append(name)
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
            return
        text = " ".join(str(answer).split())
        print(f"ok   {name} [{(time.perf_counter() - begin) * 1e3:.0f} ms]: {text[:300]}", flush=True)


def succeeded(answer):
    """An answer that says of itself whether it worked, per hotkey or at once."""
    text = json.dumps(answer) if not isinstance(answer, str) else answer
    expect('"success": false' not in text and "Failed" not in text and "\u274c" not in text, text[:600])
    return answer


def balance(tool):
    answer = tool.run("wallet", "balance", *tool.wallet(), "--json-output")
    free = answer["balances"]["alice"]["free"]
    expect(free > 900_000, answer)
    return f"{free} TAO free"


def transfer(tool):
    before = account(tool.url, BOB)
    answer = tool.run(
        "wallet", "transfer", *tool.wallet(), "--dest", BOB, "--amount", "5", "--no-prompt", "--json-output"
    )
    expect(account(tool.url, BOB) - before == 5 * RAO_PER_TAO, answer)
    return succeeded(answer)


def twox_128(name):
    return b"".join(xxhash.xxh64(name, seed=seed).intdigest().to_bytes(8, "little") for seed in (0, 1))


def account(url, address):
    """The free balance behind an address, in rao: read from storage, past the tool."""
    key = Keypair(ss58_address=address).public_key
    key = bytes.fromhex(key.removeprefix("0x")) if isinstance(key, str) else bytes(key)
    place = twox_128(b"System") + twox_128(b"Account") + hashlib.blake2b(key, digest_size=16).digest() + key
    value = rpc(url, "state_getStorage", "0x" + place.hex())
    return int.from_bytes(bytes.fromhex(value[2:])[16:24], "little") if value else 0


def subnet_list(tool):
    answer = tool.run("subnets", "list", "--json-output")
    expect(tool.netuid in answer["subnets"], answer)
    return answer["subnets"][tool.netuid]


def metagraph(tool):
    answer = tool.run("subnets", "metagraph", "--netuid", tool.netuid, "--no-prompt", "--json-output")
    uids = answer["uids"] if isinstance(answer, dict) else answer
    expect(uids, "no neurons")
    return answer


def register(tool):
    answer = tool.run(
        "subnets", "register", "--netuid", tool.netuid, *tool.wallet(True), "--no-prompt", "--json-output"
    )
    expect(tool.hotkey in json.dumps(metagraph(tool)), "the hotkey is not in the metagraph")
    return succeeded(answer)


def stake(tool):
    answer = tool.run(
        "stake", "add", "--netuid", tool.netuid, "--amount", "500", *tool.wallet(True),
        "--unsafe", "--no-mev-protection", "--no-prompt", "--json-output",
    )
    return succeeded(answer)


def hide_weights(tool):
    """The tool knows weights only as commits, so the subnet's owner switches them on."""
    answer = tool.run(
        "sudo", "set", "--netuid", tool.netuid, *tool.wallet(True),
        "--param", "commit_reveal_weights_enabled", "--value", "true", "--no-prompt", "--json-output",
    )
    return succeeded(answer)


def weights(tool, action):
    return succeeded(
        tool.run(
            "weights", action, "--netuid", tool.netuid, "--uids", "0,1", "--weights", "0.25,0.75",
            "--salt", SALT, *tool.wallet(True), "--no-prompt", "--json-output",
        )
    )


def commit(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    return weights(tool, "commit")


def reveal(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    return weights(tool, "reveal")


def read_back(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    place = twox_128(b"SubtensorModule") + twox_128(b"Weights") + int(tool.netuid).to_bytes(2, "little")
    row = rpc(tool.url, "state_getStorage", "0x" + (place + (1).to_bytes(2, "little")).hex())
    expect(row is not None, "uid 1 has no weights")
    numbers = bytes.fromhex(row[2:])[1:]
    pairs = [tuple(int.from_bytes(numbers[i + j : i + j + 2], "little") for j in (0, 2)) for i in range(0, len(numbers), 4)]
    expect(pairs == [(0, 21845), (1, 65535)], pairs)
    return f"uid 1 has weights {pairs}"


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9944"
    netuid = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    tool = Tool(url, netuid)
    for name, work in [
        ("balance", balance),
        ("transfer", transfer),
        ("subnet list", subnet_list),
        ("metagraph", metagraph),
        ("register", register),
        ("add stake", stake),
        ("hide weights", hide_weights),
        ("commit weights", commit),
        ("reveal weights", reveal),
        ("read weights back", read_back),
        ("metagraph after the epoch", metagraph),
    ]:
        tool.step(name, lambda work=work: work(tool))
    print(f"failed steps: {tool.failed or 'none'}")
    return len(tool.failed)


if __name__ == "__main__":
    sys.exit(main())
