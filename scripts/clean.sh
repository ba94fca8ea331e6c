#!/usr/bin/env bash
# Remove what the other targets made. What people made (data/, .env) stays.
set -euo pipefail
cd "$(dirname "$0")/.."

# What runs would be forgotten with the record of it.
if [[ -x .venv/bin/python ]] && compgen -G "build/lab/started/*" >/dev/null; then
    scripts/setup.sh lab-down
fi
rm -rf .venv build .ruff_cache .import_linter_cache .hypothesis ./*.egg-info .coverage .coverage.*
find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
