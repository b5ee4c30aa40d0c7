#!/usr/bin/env bash
# Builds wheel and sdist of the committed tree, installs the wheel into an environment of its own outside the clone, and
# tries it there.
# Usage: release_check.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "${1:-.venv/bin/python}")
case $python in /*) ;; *) python=$PWD/$python ;; esac
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT
unset PYTHONPATH

git archive --prefix=clone/ HEAD | tar -x -C "$outside"
"$python" -m venv "$outside/environment"
installed=$outside/environment/bin
"$installed/python" -m pip install --quiet --disable-pip-version-check build
rm -rf dist
"$installed/python" -m build --outdir "$PWD/dist" "$outside/clone" >"$outside/build.log" 2>&1 || { cat "$outside/build.log" >&2; exit 1; }
rm -rf "$outside/clone"
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/learning_debt/__init__.py)
ls "dist/learning_debt-$version.tar.gz" "dist/learning_debt-$version-py3-none-any.whl"

"$installed/python" -m pip install --quiet --disable-pip-version-check "dist/learning_debt-$version-py3-none-any.whl"
cp scripts/release_example.py "$outside/example.py"
cd "$outside"
test "$("$installed/learning-debt" --version)" = "learning-debt $version"
"$installed/learning-debt" --help >help.txt
"$installed/learning-debt" study --help >>help.txt
"$installed/learning-debt" audit example.py --out audit
test -s audit/report.html
"$installed/learning-debt" new forecast
"$installed/learning-debt" audit forecast/model.py --no-what-if --out forecast/audit
"$installed/python" - <<'END'
from pathlib import Path

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

home = Path(ld.__file__).parent
assert "site-packages" in home.parts, home
assert (home / "py.typed").exists(), "no py.typed: type checkers would not look at this package"
for history in HISTORIES.values():
    history.load()
for name in ld.__all__:
    getattr(ld, name)
END
echo "release check: learning-debt $version installs, imports and audits outside the clone"
