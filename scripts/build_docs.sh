#!/bin/sh
# Writes docs/errors.md and docs/states.md from the code. `--check` only says what is out of date.
set -eu
cd -- "$(dirname -- "$0")/.."
exec .venv/bin/python scripts/build_docs.py "$@"
