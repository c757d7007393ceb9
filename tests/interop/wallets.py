#!/usr/bin/env python3
"""Wallets of the official package open in sn3, and wallets of sn3 open in the official package.

    python3 -m venv venv && venv/bin/pip install bittensor
    venv/bin/python wallets.py path/to/sn3

Both directions, plain and encrypted; whole keys are compared by signatures that the other side checks. Each step
prints what was compared. The exit code is the number of failed steps.
"""

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from bittensor.sp_core import Keypair
from bittensor.wallet import Wallet

PASSWORD = "correct horse battery staple 0-9 ü"
MESSAGE = "this key is mine"


class Sn3:
    """The binary, with a folder of wallets of its own."""

    def __init__(self, binary, folder):
        self.binary, self.folder = str(pathlib.Path(binary).resolve()), folder
        self.password = pathlib.Path(folder, "password")
        self.password.write_text(PASSWORD)

    def run(self, *args, env=None, check=True):
        command = [self.binary, *args, "--json"]
        environment = {**os.environ, "SN3_WALLETS": self.folder, "HOME": self.folder, **(env or {})}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if check and done.returncode:
            raise AssertionError(f"{args}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()], done

    def one(self, *args, **more):
        events, _ = self.run(*args, **more)
        return events[-1]["data"]

    def sign(self, wallet, key, *more, **env):
        return self.one("wallet", "sign", "--wallet", wallet, "--key", key, "--message", MESSAGE, *more, **env)

    def verifies(self, address, signature):
        args = ("wallet", "verify", "--address", address, "--signature", signature, "--message", MESSAGE)
        return self.run(*args, check=False)[1].returncode == 0


class Steps:
    """Runs steps one after the other and remembers which failed."""

    def __init__(self):
        self.failed = 0

    def step(self, name, work):
        try:
            said = work()
        except Exception as error:  # whatever it is, it is a finding
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
        else:
            print(f"ok   {name}: {said}")


def same(left, right, what):
    if left != right:
        raise AssertionError(f"{what}: {left} is not {right}")


def check_signature(address, signed):
    same(signed["address"], address, "address")
    if not Keypair(ss58_address=address).verify(MESSAGE.encode(), bytes.fromhex(signed["signature"])):
        raise AssertionError("the official package does not accept the signature")


def official_opens_here(sn3, name, password):
    def work():
        made = Wallet(name=name, path=sn3.folder)
        made.create_new_coldkey(use_password=password is not None, coldkey_password=password, suppress=True)
        made.create_new_hotkey(suppress=True)
        shown = sn3.one("wallet", "show", "--wallet", name)
        same(shown["coldkey"], made.coldkeypub.ss58_address, "coldkey")
        same(shown["hotkeys"][0]["address"], made.hotkey.ss58_address, "hotkey")
        same(shown["coldkey_format"], "nacl" if password else "plain", "format")
        more = ["--password-file", str(sn3.password)] if password else []
        check_signature(made.coldkeypub.ss58_address, sn3.sign(name, "coldkey", *more))
        check_signature(made.hotkey.ss58_address, sn3.sign(name, "hotkey"))
        return f"{shown['coldkey']} ({shown['coldkey_format']}), {shown['hotkeys'][0]['address']}"

    return work


def ours_opens_there(sn3, name, password):
    def work():
        more = ["--password-file", str(sn3.password)] if password else ["--insecure-no-password"]
        shown = sn3.one("wallet", "create", "--wallet", name, *more)
        theirs = Wallet(name=name, path=sn3.folder)
        same(theirs.coldkeypub.ss58_address, shown["coldkey"], "coldkeypub")
        coldkey = theirs.get_coldkey(password)
        same(coldkey.ss58_address, shown["coldkey"], "coldkey")
        same(theirs.hotkey.ss58_address, shown["hotkeys"][0]["address"], "hotkey")
        for pair in (coldkey, theirs.hotkey):
            if not sn3.verifies(pair.ss58_address, pair.sign(MESSAGE.encode()).hex()):
                raise AssertionError("sn3 does not accept the official signature")
        return f"{coldkey.ss58_address}, {theirs.hotkey.ss58_address}"

    return work


def refused(sn3, name):
    def work():
        wrong = pathlib.Path(sn3.folder, "wrong")
        wrong.write_text("not it")
        args = ("wallet", "sign", "--wallet", name, "--key", "coldkey", "--message", MESSAGE)
        _, done = sn3.run(*args, "--password-file", str(wrong), check=False)
        same(done.returncode, 5, "exit code")
        try:
            Wallet(name=name, path=sn3.folder).get_coldkey("not it")
        except Exception as error:
            return f"both refuse: {done.stderr.strip()} | {type(error).__name__}"
        raise AssertionError("the official package takes a wrong password")

    return work


def c_environment(name):
    """A variable that native code of this process has set, which os.environ does not see."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype, getenv.argtypes = ctypes.c_char_p, [ctypes.c_char_p]
    return getenv(name.encode()).decode()


def by_variable(sn3, name):
    """The official package's own obfuscated variable opens the coldkey here."""

    def work():
        keyfile = Wallet(name=name, path=sn3.folder).coldkey_file
        keyfile.save_password_to_env(PASSWORD)
        variable = keyfile.env_var_name()
        value = c_environment(variable)
        signed = sn3.sign(name, "coldkey", env={variable: value})
        check_signature(signed["address"], signed)
        return f"{variable[:24]}… opens {signed['address']}"

    return work


def phrases_agree(sn3):
    def work():
        phrase = Keypair.generate_mnemonic(24)
        source = pathlib.Path(sn3.folder, "secret.txt")
        source.write_text(phrase)
        args = ("wallet", "regen", "--wallet", "phrase", "--insecure-no-password", "--from", str(source))
        ours = sn3.one(*args)["coldkey"]
        same(ours, Keypair.create_from_mnemonic(phrase).ss58_address, "address of 24 words")
        source.write_text("//Alice//some//path")
        ours = sn3.one("wallet", "regen", "--wallet", "phrase", "--key", "hotkey", "--from", str(source))
        uri = Keypair.create_from_uri("//Alice//some//path").ss58_address
        same(ours["hotkeys"][0]["address"], uri, "address of a URI")
        source.unlink()
        return f"{uri} and another"

    return work


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    steps = Steps()
    with tempfile.TemporaryDirectory() as folder:
        sn3 = Sn3(sys.argv[1], folder)
        steps.step("official, plain, opens in sn3", official_opens_here(sn3, "their-plain", None))
        steps.step("official, encrypted, opens in sn3", official_opens_here(sn3, "their-sealed", PASSWORD))
        steps.step("sn3, plain, opens in the official one", ours_opens_there(sn3, "our-plain", None))
        steps.step("sn3, encrypted, opens in the official one", ours_opens_there(sn3, "our-sealed", PASSWORD))
        steps.step("a wrong password is refused by both", refused(sn3, "our-sealed"))
        steps.step("the official password variable", by_variable(sn3, "their-sealed"))
        steps.step("24 words and URIs give the same keys", phrases_agree(sn3))
    print(f"{steps.failed} steps failed")
    sys.exit(steps.failed)


if __name__ == "__main__":
    main()
