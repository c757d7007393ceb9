#!/usr/bin/env python3
"""Drives a development chain with the command line tool bittensor-cli 9.23.

    python3 -m venv venv && venv/bin/pip install "bittensor-cli==9.23.*"
    venv/bin/python btcli.py ws://127.0.0.1:9944 [netuid]

Every step is a command as an operator types it; the command and what it answered are printed. The exit code
is the number of failed steps. The chain must be a fresh one with instant or interval sealing, because the
script spends from //Alice, registers a hotkey of hers and sets its weights.
"""

import asyncio
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
from bittensor_cli.src.bittensor.extrinsics.root import convert_weights_and_uids_for_emit
from bittensor_cli.src.bittensor.subtensor_interface import SubtensorInterface
from bittensor_cli.src.commands.weights import SetWeightsExtrinsic
from bittensor_cli.version import __version_as_int__
from bittensor_wallet import Keypair, Wallet

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
RAO_PER_TAO = 1_000_000_000
COMMAND_S_MAX = 300
REVEAL_TRIES_MAX = 50
REVEAL_PAUSE_S = 0.1
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
        self.hotkey, self.opened = wallet.hotkey.ss58_address, wallet

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


def stored(url, pallet, item, *keys):
    """A storage value, read past the tool; None where there is none."""
    place = twox_128(pallet) + twox_128(item) + b"".join(keys)
    value = rpc(url, "state_getStorage", "0x" + place.hex())
    return bytes.fromhex(value[2:]) if value else None


def public_key(address):
    key = Keypair(ss58_address=address).public_key
    return bytes.fromhex(key.removeprefix("0x")) if isinstance(key, str) else bytes(key)


def blake2_128_concat(key):
    return hashlib.blake2b(key, digest_size=16).digest() + key


def twox_64_concat(key):
    return xxhash.xxh64(key, seed=0).intdigest().to_bytes(8, "little") + key


def account(url, address):
    """The free balance behind an address, in rao."""
    value = stored(url, b"System", b"Account", blake2_128_concat(public_key(address)))
    return int.from_bytes(value[16:24], "little") if value else 0


def alpha_on(tool):
    """All stake on the tool's hotkey, in alpha rao."""
    keys = blake2_128_concat(public_key(tool.hotkey)), int(tool.netuid).to_bytes(2, "little")
    value = stored(tool.url, b"SubtensorModule", b"TotalHotkeyAlpha", *keys)
    return int.from_bytes(value, "little") if value else 0


def waiting_commit(tool):
    """What the tool's hotkey has committed and not revealed yet."""
    keys = twox_64_concat(int(tool.netuid).to_bytes(2, "little")), twox_64_concat(public_key(tool.hotkey))
    return stored(tool.url, b"SubtensorModule", b"WeightCommits", *keys)


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
    tao, alpha = account(tool.url, ALICE), alpha_on(tool)
    answer = tool.run(
        "stake", "add", "--netuid", tool.netuid, "--amount", "500", *tool.wallet(True),
        "--unsafe", "--no-mev-protection", "--no-prompt", "--json-output",
    )
    paid, bought = tao - account(tool.url, ALICE), alpha_on(tool) - alpha
    expect(500 * RAO_PER_TAO <= paid < 501 * RAO_PER_TAO, f"{paid} rao were paid: {answer}")
    expect(bought > 0, f"no alpha is on the hotkey: {answer}")
    succeeded(answer)
    return f"{paid} rao bought {bought} alpha rao; the tool says {answer}"


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


def is_commanded(tool):
    """`btcli weights commit` of this version asks for a storage item by the name of its getter in the pallet's source,
    which no chain's metadata has, says nothing and ends with 0. Whether this is still so."""
    answer = weights(tool, "commit")
    return waiting_commit(tool) is not None, answer


async def commit_past_the_question(tool):
    """The tool's own code for the commit, called behind the question that it cannot ask."""
    uids, values = [0, 1], [0.25, 0.75]
    async with SubtensorInterface(tool.url) as subtensor:
        extrinsic = SetWeightsExtrinsic(
            subtensor=subtensor, wallet=tool.opened, netuid=int(tool.netuid), proxy=None, uids=uids, weights=values,
            salt=[int(part) for part in SALT.split(",")], version_key=__version_as_int__, wait_for_inclusion=True,
        )
        return await extrinsic.commit_weights(*convert_weights_and_uids_for_emit(uids=uids, weights=values))


def commit(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    expect(waiting_commit(tool) is None, "something is committed already")
    done, answer = is_commanded(tool)
    if not done:
        print("     the command committed nothing, as it does on every chain; its code is called directly", flush=True)
        success, message, answer = asyncio.run(commit_past_the_question(tool))
        expect(success, message)
    waiting = waiting_commit(tool)
    expect(waiting is not None, f"nothing is committed: {answer}")
    return f"{waiting.hex()} waits, committed in {answer}"


def reveal(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    answer = weights(tool, "reveal")
    # The tool does not wait for the block.
    for _ in range(REVEAL_TRIES_MAX):
        if waiting_commit(tool) is None:
            return answer
        time.sleep(REVEAL_PAUSE_S)
    raise AssertionError(f"the commit still waits: {answer}")


def read_back(tool):
    rpc(tool.url, "dev_advanceToEpoch", int(tool.netuid))
    keys = int(tool.netuid).to_bytes(2, "little"), (1).to_bytes(2, "little")
    row = stored(tool.url, b"SubtensorModule", b"Weights", *keys)
    expect(row is not None, "uid 1 has no weights")
    numbers = row[1:]
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
