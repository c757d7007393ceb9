#!/usr/bin/env python3
"""Drives a development chain with the clients that people already use.

    python3 -m venv venv && venv/bin/pip install async-substrate-interface bittensor
    venv/bin/python python_sdk.py ws://127.0.0.1:9944

Part one is async-substrate-interface (also the base of btcli), part two the bittensor SDK. Each step
prints what was asked and what came back. The exit code is the number of failed steps. The chain must
be a fresh one with instant or interval sealing: the script spends from //Alice and registers neurons
on subnet 3 (or the one given as second argument).
"""

import asyncio
import json
import sys
import time
import traceback
import urllib.request

import bittensor
import xxhash
from async_substrate_interface.async_substrate import AsyncSubstrateInterface
from async_substrate_interface.sync_substrate import SubstrateInterface
from bittensor.client import Client
from bittensor.sp_core import Keypair

RAO_PER_TAO = 1_000_000_000
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


class Steps:
    """Runs steps one after the other and remembers which failed."""

    def __init__(self):
        self.failed = []

    async def step(self, name, work):
        begin = time.perf_counter()
        try:
            answer = work()
            if asyncio.iscoroutine(answer):
                answer = await answer
        except Exception as error:  # every failure of a foreign client is a finding
            self.failed.append(name)
            print(f"FAIL {name}: {type(error).__name__}: {error}")
            traceback.print_exc(limit=4)
            return None
        ms = (time.perf_counter() - begin) * 1e3
        print(f"ok   {name} [{ms:.0f} ms]: {str(answer)[:300]}")
        return answer


class DevWallet:
    """The shape the SDK takes for a wallet, made of two development keys."""

    def __init__(self, coldkey, hotkey):
        self.coldkey = self.coldkeypub = Keypair.create_from_uri(coldkey)
        self.hotkey = self.hotkeypub = Keypair.create_from_uri(hotkey)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def dev(url, method, *params):
    """A development method, over plain HTTP on the same port."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(
        url.replace("ws://", "http://", 1), data=body, headers={"content-type": "application/json"}
    )
    answer = json.load(urllib.request.urlopen(request))
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


# Part one: async-substrate-interface.


class ByteSigner:
    """A key pair of the SDK that also signs the bytearrays of async-substrate-interface."""

    def __init__(self, uri):
        self._pair = Keypair.create_from_uri(uri)

    def __getattr__(self, name):
        return getattr(self._pair, name)

    def sign(self, data):
        return self._pair.sign(bytes(data))


def free(substrate, address):
    return substrate.query("System", "Account", [address]).value["data"]["free"]


def transfer(substrate, alice):
    before = free(substrate, BOB)
    call = substrate.compose_call(
        "Balances", "transfer_keep_alive", {"dest": BOB, "value": 5 * RAO_PER_TAO}
    )
    info = substrate.get_payment_info(call, alice, era={"period": 64})
    extrinsic = substrate.create_signed_extrinsic(call, alice, era={"period": 64})
    receipt = substrate.submit_extrinsic(extrinsic, wait_for_finalization=True)
    expect(receipt.is_success, receipt.error_message)
    expect(free(substrate, BOB) == before + 5 * RAO_PER_TAO, "Bob did not get 5 TAO")
    events = [
        f"{e['event']['module_id']}.{e['event']['event_id']}" for e in receipt.triggered_events
    ]
    expect("Balances.Transfer" in events, events)
    expect(receipt.total_fee_amount == info["partial_fee"], f"paid {receipt.total_fee_amount}, not {info}")
    return f"finalized in {receipt.block_hash}, fee {receipt.total_fee_amount}, events {events}"


def all_accounts(substrate):
    found = {key: value for key, value in substrate.query_map("System", "Account")}
    expect(len(found) >= 9, f"only {len(found)} accounts")
    return f"{len(found)} accounts"


async def all_accounts_at_once(url):
    async with AsyncSubstrateInterface(url, ss58_format=42) as substrate:
        found = await substrate.query_map("System", "Account", fully_exhaust=True)
        count = len([key async for key, _ in found])
    expect(count >= 9, f"only {count} accounts")
    return f"{count} accounts"


def past_balance(substrate):
    genesis = substrate.get_block_hash(0)
    value = substrate.query("System", "Account", [BOB], block_hash=genesis).value["data"]["free"]
    expect(value == 1_000_000 * RAO_PER_TAO, value)
    return value


def follow_heads(url, substrate):
    seen = []

    def head(header):
        seen.append(header["header"]["number"])
        if len(seen) == 3:
            return seen
        dev(url, "dev_advanceBlocks", 1)
        return None

    return substrate.subscribe_block_headers(head)


async def substrate_interface(url, steps):
    print("== async-substrate-interface")
    substrate = await steps.step("connect", lambda: SubstrateInterface(url, ss58_format=42))
    if substrate is None:
        return
    alice = ByteSigner("//Alice")
    await steps.step("chain and version", lambda: (substrate.chain, substrate.get_block_runtime_version(None)))
    await steps.step("head", lambda: (substrate.get_chain_head(), substrate.get_block_number()))
    await steps.step("balance", lambda: free(substrate, alice.ss58_address))
    await steps.step("query_map", lambda: all_accounts(substrate))
    await steps.step("query_map, all at once", lambda: all_accounts_at_once(url))
    await steps.step("nonce", lambda: substrate.get_account_next_index(alice.ss58_address))
    await steps.step("constant", lambda: substrate.get_constant("System", "SS58Prefix").value)
    await steps.step("transfer", lambda: transfer(substrate, alice))
    await steps.step("balance at genesis", lambda: past_balance(substrate))
    await steps.step(
        "runtime call",
        lambda: substrate.runtime_call("Core", "version"),
    )
    await steps.step("block", lambda: len(substrate.get_block()["extrinsics"]))
    await steps.step("subscribe heads", lambda: follow_heads(url, substrate))
    substrate.close()


# Part two: the bittensor SDK.


async def sdk_transfer(client, wallet):
    before = await client.balances.get(BOB)
    result = await client.execute(bittensor.Transfer(dest_ss58=BOB, amount_tao=2), wallet)
    result.raise_for_failure()
    after = await client.balances.get(BOB)
    expect(after.rao - before.rao == 2 * RAO_PER_TAO, f"{before} -> {after}")
    return f"{result.extrinsic_id} in {result.block_hash}, fee {result.fee}"


async def sdk_register(client, wallet, netuid):
    hotkey = wallet.hotkey.ss58_address
    call = bittensor.calls.SubtensorModule.burned_register(netuid=netuid, hotkey=hotkey)
    (await client.submit_call(call, wallet)).raise_for_failure()
    metagraph = await client.subnets.metagraph(netuid)
    uids = [n.uid for n in metagraph.neurons if n.hotkey == hotkey]
    expect(len(uids) == 1, f"{hotkey} is not in the metagraph")
    return f"uid {uids[0]}"


async def sdk_register_hidden(client, wallet, netuid):
    """The way the SDK registers by itself: the transaction is encrypted until the author opens it."""
    hotkey = Keypair.create_from_uri("//AliceHidden").ss58_address
    result = await client.execute(bittensor.BurnedRegister(netuid=netuid, hotkey_ss58=hotkey), wallet)
    result.raise_for_failure()
    metagraph = await client.subnets.metagraph(netuid)
    uids = [n.uid for n in metagraph.neurons if n.hotkey == hotkey]
    expect(len(uids) == 1, f"{hotkey} is not in the metagraph")
    return f"uid {uids[0]}, {result.extrinsic_id}"


async def sdk_stake(client, wallet, netuid):
    hotkey = wallet.hotkey.ss58_address
    call = bittensor.calls.SubtensorModule.add_stake(
        hotkey=hotkey, netuid=netuid, amount_staked=1_000 * RAO_PER_TAO
    )
    (await client.submit_call(call, wallet)).raise_for_failure()
    metagraph = await client.subnets.metagraph(netuid)
    stake = [n.total_stake for n in metagraph.neurons if n.hotkey == hotkey][0]
    expect(stake.rao > 0, "no stake in the metagraph")
    return stake


def weights_in_storage(url, netuid, uid):
    """The weights of a neuron, read past the SDK."""
    twox_128 = lambda name: b"".join(xxhash.xxh64(name, seed=i).intdigest().to_bytes(8, "little") for i in (0, 1))
    place = twox_128(b"SubtensorModule") + twox_128(b"Weights") + netuid.to_bytes(2, "little") + uid.to_bytes(2, "little")
    row = dev(url, "state_getStorage", "0x" + place.hex())
    numbers = bytes.fromhex(row[2:])[1:] if row else b""
    return [tuple(int.from_bytes(numbers[i + j : i + j + 2], "little") for j in (0, 2)) for i in range(0, len(numbers), 4)]


async def sdk_weights(client, wallet, netuid, url):
    dev(url, "dev_advanceToEpoch", netuid)
    result = await client.execute(
        bittensor.SetWeights(netuid=netuid, uids=[0], weights=[1.0]), wallet
    )
    result.raise_for_failure()
    dev(url, "dev_advanceToEpoch", netuid)
    metagraph = await client.subnets.metagraph(netuid)
    uid = [n.uid for n in metagraph.neurons if n.hotkey == wallet.hotkey.ss58_address][0]
    kept = weights_in_storage(url, netuid, uid)
    expect(kept == [(0, 65535)], f"uid {uid} has weights {kept}")
    read = await client.weights.weights(netuid)
    expect(read, "the SDK reads no weights after the epoch")
    return f"uid {uid} has {kept} in storage; the SDK reads {read}"


async def bittensor_sdk(url, netuid, steps):
    print(f"== bittensor {getattr(bittensor, '__version__', '')}")
    client = Client(url)
    if await steps.step("connect", client.connect) is None and steps.failed[-1:] == ["connect"]:
        return
    wallet = DevWallet("//Alice", "//AliceHotkey")
    await steps.step("spec version", client.spec_version)
    await steps.step("finalized block", client.finalized_block)
    await steps.step("balance", lambda: client.balances.get(wallet.coldkeypub.ss58_address))
    await steps.step("transfer", lambda: sdk_transfer(client, wallet))
    await steps.step("subnets", client.subnets.all)
    await steps.step("burn", lambda: client.subnets.burn(netuid))
    await steps.step("metagraph", lambda: client.subnets.metagraph(netuid))
    await steps.step("neurons", lambda: client.neurons.all(netuid))
    await steps.step("register", lambda: sdk_register(client, wallet, netuid))
    await steps.step("add stake", lambda: sdk_stake(client, wallet, netuid))
    await steps.step("set weights", lambda: sdk_weights(client, wallet, netuid, url))
    # Last, because the SDK counts one nonce for the two transactions of a hidden one.
    await steps.step("register, hidden", lambda: sdk_register_hidden(client, wallet, netuid))
    await steps.step("epoch status", lambda: client.epochs.epoch_status(netuid))
    close = getattr(client, "close", None)
    if close is not None:
        await close()


async def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9944"
    netuid = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    steps = Steps()
    await substrate_interface(url, steps)
    await bittensor_sdk(url, netuid, steps)
    print(f"failed steps: {steps.failed or 'none'}")
    return len(steps.failed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
