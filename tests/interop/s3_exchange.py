#!/usr/bin/env python3
"""The exchange against a foreign S3 server.

Starts `moto_server` (PyPI: moto[server]) on the loopback interface, makes a bucket and runs the example
`s3_roundtrip` of sn3-exchange against it: upload, download as a peer, multipart, bounds, lists, deletion.

    pip install 'moto[server]' && python tests/interop/s3_exchange.py

Ends with 0 when everything came back, and with 77 and a message where moto is not installed.
"""

import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"the S3 server ended with {server.returncode} before it answered")
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the S3 server did not answer at {url} within {START_SECONDS_MAX} s")


def main() -> int:
    if importlib.util.find_spec("moto") is None:
        print("skipped: moto is not installed (pip install 'moto[server]')", file=sys.stderr)
        return 77
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1")
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        wait_for(f"{endpoint}/moto-api/", server)
        request = urllib.request.Request(f"{endpoint}/sn3", method="PUT")
        urllib.request.urlopen(request, timeout=10).read()
        store = f"s3://sn3/alice?endpoint={endpoint}&region=us-east-1"
        command = ["cargo", "run", "--quiet", "-p", "sn3-exchange", "--example", "s3_roundtrip", "--", store]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    finally:
        server.terminate()
        server.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(main())
