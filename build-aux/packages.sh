#!/bin/sh
# SPDX-License-Identifier: MIT
#
# packages.sh build|run|picture|check|bench: installs the Debian packages that this needs and that aren't there.
# Looks for commands and headers, not for packages, so that what came from elsewhere counts too.
set -eu

compiler=${CC:-gcc}
wanted=

# a command that is needed, and the package that has it
command_from()
{
	command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || wanted="$wanted $2"
}

header_from()
{
	echo "#include <$1>" | "${compiler%% *}" -E -x c -include stddef.h -include stdio.h - >/dev/null 2>&1 ||
		wanted="$wanted $2"
}

# Debian names the packages of its compilers as their commands: gcc, clang, gcc-12 ...
command_from "${compiler%% *}" "$(basename "${compiler%% *}")"
command_from ar binutils
command_from cmp diffutils
header_from stdlib.h libc6-dev
header_from uuid/uuid.h uuid-dev
header_from jansson.h libjansson-dev
header_from csv.h libcsv-dev
header_from libmnl/libmnl.h libmnl-dev
header_from curses.h libncurses-dev

case "${1:-}" in
build) ;;
run)
	command_from ip iproute2
	command_from unshare util-linux
	;;
picture)
	command_from ip iproute2
	command_from unshare util-linux
	command_from tmux tmux
	command_from python3 python3
	;;
check)
	command_from ip iproute2
	command_from unshare util-linux
	command_from ps procps
	command_from setarch util-linux
	command_from valgrind valgrind
	header_from criterion/criterion.h libcriterion-dev
	# for check-32bit, where the compiler can do both
	! echo | ${CC:-gcc} -m32 -E -x c - >/dev/null 2>&1 || [ "$(uname -m)" != x86_64 ] ||
		[ -e /usr/include/gnu/stubs-32.h ] || [ -e /usr/include/x86_64-linux-gnu/gnu/stubs-32.h ] ||
		wanted="$wanted libc6-dev-i386"
	;;
bench)
	command_from pkg-config pkg-config
	command_from redis-server redis-server
	command_from gnuplot gnuplot-nox
	header_from lmdb.h liblmdb-dev
	header_from dpdk/rte_fib.h libdpdk-dev
	header_from json-c/json.h libjson-c-dev
	header_from hiredis/hiredis.h libhiredis-dev
	;;
*)
	echo "usage: $0 build|run|picture|check|bench" >&2
	exit 2
	;;
esac

[ -n "$wanted" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "$0: please install what Debian calls$wanted" >&2
	exit 1
fi
root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "$0: please have root run: apt-get install$wanted" >&2
		exit 1
	fi
	root=sudo
fi
echo "installing$wanted"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt()
{
	# shellcheck disable=SC2086 # $root is one word or none
	$root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >"$log" 2>&1
}
# shellcheck disable=SC2086 # a list of words
if ! apt install -y --no-install-recommends $wanted; then
	# lists that are missing or old
	if ! apt update || ! apt install -y --no-install-recommends $wanted; then
		cat "$log" >&2
		echo "$0: could not install$wanted" >&2
		exit 1
	fi
fi
