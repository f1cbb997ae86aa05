#!/bin/sh
# Compares our search among whole-record encodings with the anonlink library from PyPI, on this machine.
# Arguments go to anonlink_compare.py. The environment is kept in $PEERS_ENV for the next run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=${PEERS_ENV:-${TMPDIR:-/tmp}/symbolon-peers-anonlink}

cd "$here/../.."
cargo build --release -p link --example clk_pairs
[ -d "$environment" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --requirement "$here/requirements-anonlink.txt"
"$environment/bin/python" "$here/anonlink_compare.py" \
    "${CARGO_TARGET_DIR:-target}/release/examples/clk_pairs" "$@"
