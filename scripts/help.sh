#!/usr/bin/env bash
# Print what the Makefile offers: help.sh MAKEFILE
set -euo pipefail

echo "make TARGET, where TARGET is one of:"
echo
sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' "$1" | while IFS=$'\t' read -r target text; do
    printf '  %-7s %s\n' "$target" "$text"
done
echo
echo "LAB=on|off|ask is for the lab (containers and virtual machines), which comes later:"
echo "it is accepted already, and does nothing yet."
