#!/usr/bin/env bash
# Chromium and axe-core for the tests that open the report in a browser, where the machine lets them be installed.
# Without them those tests are skipped and say so.
set -u
cd "$(dirname "$0")/.."
if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
command -v chromium >/dev/null || echo "no chromium: tests of the page in a browser will be skipped" >&2
if [ ! -f .venv/node/node_modules/axe-core/axe.min.js ] && command -v npm >/dev/null; then
  npm install --silent --no-fund --no-audit --prefix .venv/node axe-core@4 >/dev/null
fi
[ -f .venv/node/node_modules/axe-core/axe.min.js ] || echo "no axe-core: tests of accessibility will be skipped" >&2
exit 0
