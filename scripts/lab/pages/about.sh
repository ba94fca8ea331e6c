#!/bin/sh
# What a container sees of itself.
printf 'Content-Type: text/plain; charset=utf-8\r\n\r\n'
echo "hostname: $(hostname)"
echo "uptime of the host: $(cut -d. -f1 /proc/uptime) s"
echo
ps
