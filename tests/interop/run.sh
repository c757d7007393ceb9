#!/usr/bin/env bash
# Lets the clients that people use drive fresh development chains: the official SDK, the official command line
# tool, and @polkadot/api. Each prints what it asked and what it got.
#
#     tests/interop/run.sh [sdk] [btcli] [polkadot]        all three without arguments
#
# The clients are installed below target/interop, at pinned versions. One that cannot be installed (no network, no
# python3, no node) is left out with a message; a step that fails makes the exit code 1. SN3 names the binary;
# without it the one of the dev profile is built.
set -uo pipefail
cd "$(dirname "$0")/../.."
home="$PWD/target/interop"
mkdir -p "$home"

SDK_PACKAGES=(bittensor==11.3.0 async-substrate-interface==2.2.1)
BTCLI_PACKAGES=(bittensor-cli==9.23.2)
STEP_SECONDS_MAX=240
INSTALL_SECONDS_MAX=150

failed=()
chain_pid=

say() { printf '\n== interop: %s\n' "$*"; }

stop_chain() {
  [ -n "$chain_pid" ] || return 0
  kill -INT "$chain_pid" 2>/dev/null
  wait "$chain_pid" 2>/dev/null
  chain_pid=
}
trap stop_chain EXIT

# Starts a fresh chain on a free port; its address is in $endpoint.
start_chain() {
  local log="$home/devnet.jsonl"
  : >"$log"
  "$SN3" devnet --port 0 --sealing instant --json >"$log" 2>"$home/devnet.err" &
  chain_pid=$!
  for _ in $(seq 600); do
    endpoint=$(sed -n 's/.*"endpoint":"\([^"]*\)".*/\1/p' "$log")
    [ -n "$endpoint" ] && return 0
    kill -0 "$chain_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "the development chain did not start:" && cat "$home/devnet.err"
  return 1
}

# drive NAME COMMAND...: runs the command with the endpoint of a fresh chain as its last argument.
drive() {
  local name=$1
  shift
  say "$name"
  if ! start_chain; then
    failed+=("$name")
    return
  fi
  timeout "$STEP_SECONDS_MAX" "$@" "$endpoint" </dev/null || failed+=("$name")
  stop_chain
}

# python_client NAME PACKAGE...: a virtual environment with the packages.
python_client() {
  local venv="$home/$1" stamp="$home/$1/installed"
  shift
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
  python3 -m venv "$venv" >/dev/null 2>&1 &&
    timeout "$INSTALL_SECONDS_MAX" "$venv/bin/pip" install -q "$@" >"$venv/pip.log" 2>&1 &&
    printf '%s' "$*" >"$stamp"
}

run_sdk() {
  if python_client sdk "${SDK_PACKAGES[@]}"; then
    drive "the official SDK (${SDK_PACKAGES[0]})" "$home/sdk/bin/python" tests/interop/python_sdk.py
  else
    echo "${SDK_PACKAGES[0]} could not be installed; its steps are left out"
  fi
}

run_btcli() {
  if python_client btcli "${BTCLI_PACKAGES[@]}"; then
    drive "the official command line tool (${BTCLI_PACKAGES[0]})" "$home/btcli/bin/python" tests/interop/btcli.py
  else
    echo "${BTCLI_PACKAGES[0]} could not be installed; its steps are left out"
  fi
}

run_polkadot() {
  local here="$home/polkadot_api"
  mkdir -p "$here" && cp tests/interop/polkadot_api/{package.json,drive.mjs} "$here/"
  if command -v node >/dev/null && command -v npm >/dev/null &&
    (cd "$here" && timeout "$INSTALL_SECONDS_MAX" npm install --no-audit --no-fund --no-package-lock >npm.log 2>&1); then
    drive "@polkadot/api" node "$here/drive.mjs"
  else
    echo "@polkadot/api could not be installed; its steps are left out"
  fi
}

if [ -z "${SN3:-}" ]; then
  cargo build -q -p sn3 || exit 1
  SN3="${CARGO_TARGET_DIR:-target}/debug/sn3"
fi
for client in "${@:-sdk btcli polkadot}"; do
  for name in $client; do "run_$name"; done
done
if [ "${#failed[@]}" -gt 0 ]; then
  say "failed: ${failed[*]}"
  exit 1
fi
say "every step of the clients that could be installed passed"
