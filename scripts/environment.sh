#!/usr/bin/env bash
# Makes .venv with the project and what its demo, tests and checks need; quick when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

new_enough='import sys; raise SystemExit(sys.version_info < (3, 12))'
find_python() {
    local candidate
    # Under pyenv, .python-version decides what python3 is.
    for candidate in python3 python3.13 python3.12 python3.14 python; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$new_enough" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    if command -v uv >/dev/null 2>&1 && candidate=$(uv python find "$(cat .python-version)" 2>/dev/null); then
        echo "$candidate"
        return
    fi
    found=$(python3 --version 2>/dev/null || echo "no python3")
    echo "learning-debt needs Python 3.12 or newer ($(cat .python-version) is what it is developed with); found $found." >&2
    echo "Install one, for instance with 'pyenv install $(cat .python-version)' or 'uv python install $(cat .python-version)', and run make again." >&2
    return 1
}

if [ -x .venv/bin/python ] && ! .venv/bin/python -c "$new_enough"; then
    echo "The environment in .venv has $(.venv/bin/python --version), but 3.12 or newer is needed: remove .venv and run make again." >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    echo "making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
if [ ! -e .venv/installed ] || [ pyproject.toml -nt .venv/installed ]; then
    echo "installing learning-debt and what it needs (a minute or two)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[nutpie,test,check]'
    touch .venv/installed
fi
