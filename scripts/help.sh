#!/usr/bin/env bash
# Print what the Makefile offers: help.sh MAKEFILE
set -euo pipefail

echo "make TARGET, where TARGET is one of:"
echo
sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' "$1" | while IFS=$'\t' read -r target text; do
    printf '  %-8s %s\n' "$target" "$text"
done
echo
echo "LAB=on|off|ask: whether run and test set up the lab (containers from the chat) on this"
echo "machine; ask, the default, asks once, and where nobody can answer it takes yes."
