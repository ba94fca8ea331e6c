#!/usr/bin/env bash
# Remove what the other targets made. What people made (data/, .env) stays.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf .venv build .ruff_cache .import_linter_cache .hypothesis ./*.egg-info .coverage .coverage.*
find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
