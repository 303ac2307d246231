#!/bin/sh
# What some tests need beside Python. Without root nothing is installed, and those tests say why they were skipped.
set -eu
missing=""
command -v git >/dev/null || missing="$missing git"
command -v strace >/dev/null || missing="$missing strace"
command -v wrk >/dev/null || missing="$missing wrk"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (some tests will be skipped)" >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
