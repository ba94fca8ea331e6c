#!/usr/bin/env bash
# Run every check, also after one has failed, and say at the end which did.
set -euo pipefail
cd "$(dirname "$0")/.."
# The activated environment is where pyright and lint-imports find each other's Python.
export PATH="$PWD/.venv/bin:$PATH"
export PYRIGHT_PYTHON_IGNORE_WARNINGS=1 # no word about newer versions: constraints.txt decides
export NODE_NO_WARNINGS=1

failed=()

check() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    if ! "$@"; then
        failed+=("$name")
    fi
    if ((SECONDS - began > 5)); then echo "   ($((SECONDS - began)) s)"; fi
}

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "pyright" pyright
check "lint-imports" lint-imports
check "shellcheck" shellcheck scripts/*.sh scripts/lab/pages/*.sh .ci/run
check "Japanese for every message" python scripts/messages.py missing

echo
if ((${#failed[@]})); then
    (IFS=,; echo "make lint found problems in: ${failed[*]}" | sed 's/,/, /g')
    exit 1
fi
echo "make lint found nothing to mend."
