#!/usr/bin/env bash
# Makes an environment with the project and what it needs; quick when nothing changed.
# Usage: environment.sh                            .venv, for the demo, the tests and the checks
#        environment.sh DIRECTORY REQUIREMENT...   another one, from what pip takes
set -euo pipefail
cd "$(dirname "$0")/.."
directory=${1:-.venv}
shift || true
if [ $# -eq 0 ]; then set -- '.[nutpie,detectors,cluster,mlflow,docs,test,check]'; fi

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

if [ -x "$directory/bin/python" ] && ! "$directory/bin/python" -c "$new_enough"; then
    echo "The environment in $directory has $("$directory/bin/python" --version), but 3.12 or newer is needed: remove $directory and run make again." >&2
    exit 1
fi
if [ ! -x "$directory/bin/python" ]; then
    python=$(find_python)
    echo "making $directory with $("$python" --version)"
    "$python" -m venv "$directory"
fi
if [ ! -e "$directory/installed" ] || [ pyproject.toml -nt "$directory/installed" ]; then
    echo "installing learning-debt and what it needs into $directory (a minute or two)"
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$@"
    touch "$directory/installed"
fi
