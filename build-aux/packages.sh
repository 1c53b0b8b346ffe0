#!/bin/sh
# SPDX-License-Identifier: MIT
#
# packages.sh build|run|picture|check|routers|languages|lint|fresh|bench: installs the missing Debian packages for a target.
# It looks for commands and headers rather than packages, so software installed in other ways counts. The
# preprocessor finds headers exactly as the build does: $CC with $CPPFLAGS and $CFLAGS.
set -eu

CC=${CC:-gcc}
CXX=${CXX:-g++}
wanted=
keep_stopped= # services of the packages, which must not run on this machine

want()
{
	case " $wanted " in
	*" $1 "*) ;;
	*) wanted="$wanted $1" ;;
	esac
}

there()
{
	command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]
}

# command_from COMMAND PACKAGE: asks for PACKAGE if COMMAND is missing
command_from()
{
	there "$1" || want "$2"
}

# preprocess COMPILER LANGUAGE: preprocesses standard input with the build's flags; prints the errors
preprocess()
{
	# shellcheck disable=SC2069 # the errors, without what was preprocessed
	eval "$1 ${CPPFLAGS:-} ${CFLAGS:-} -E -x $2 -" 2>&1 >/dev/null
}

# header_from HEADER PACKAGE: asks for PACKAGE if HEADER is missing. As long as there is no compiler, the
# folders are searched into which Debian's packages install headers.
header_from()
{
	if [ -n "$compiler" ]; then
		printf '#include <%s>\n' stddef.h stdio.h "$1" | preprocess "$CC" c >/dev/null && return
	else
		for place in /usr/include /usr/local/include /usr/include/*-linux-*; do
			[ ! -e "$place/$1" ] || return 0
		done
	fi
	want "$2"
}

# package_of COMMAND: prints the package of a compiler. It has the command's name (clang, gcc-12), except
# for cross compilers: aarch64-linux-gnu-gcc is in gcc-aarch64-linux-gnu.
package_of()
{
	case $1 in
	*/*)
		echo "$0: there is no $1, which CC='$CC', CXX='$CXX' name" >&2
		return 1
		;;
	cc | c[0-9]*) echo gcc ;;
	c++) echo g++ ;;
	*-linux-gnu*-g*)
		echo "$1" | sed -E 's/^(.*-linux-gnu[^-]*)-(g[^-]*)/\2-\1/; s/_/-/g'
		;;
	*) echo "$1" ;;
	esac
}

# compiler_from COMPILER LANGUAGE: if the compiler does not work, asks for the packages of those words of
# its command that are not installed. COMPILER may be `ccache gcc`, `env LANG=C gcc -m32`, `/opt/bin/cc`.
compiler_from()
{
	reason=$(echo | preprocess "$1" "$2") && return
	missing=
	for word in $1; do
		case $word in
		-* | *=*) continue ;;
		esac
		there "$word" && continue
		missing=$(package_of "$word")
		want "$missing"
	done
	[ -n "$missing" ] && return
	echo "$0: '$1' with '${CPPFLAGS:-} ${CFLAGS:-}' compiles nothing: $reason" >&2
	exit 1
}

build()
{
	compiler_from "$CC" c
	compiler=yes
	[ -z "$wanted" ] || compiler=
	command_from ar binutils
	command_from cmp diffutils
	header_from stdlib.h libc6-dev
	header_from uuid/uuid.h uuid-dev
	header_from libmnl/libmnl.h libmnl-dev
	header_from curses.h libncurses-dev
}

case "${1:-}" in
build)
	build
	;;
run)
	build
	command_from ip iproute2
	command_from unshare util-linux
	;;
picture)
	build
	command_from ip iproute2
	command_from unshare util-linux
	command_from tmux tmux
	command_from python3 python3
	;;
check)
	build
	compiler_from "$CXX" c++
	command_from ip iproute2
	command_from unshare util-linux
	command_from ps procps
	command_from setarch util-linux
	command_from valgrind valgrind
	command_from abidiff abigail-tools
	command_from readelf binutils
	header_from sys/sdt.h systemtap-sdt-dev
	command_from spin spin
	command_from python3 python3
	command_from jq jq
	header_from criterion/criterion.h libcriterion-dev
	header_from jansson.h libjansson-dev
	command_from zsh zsh
	command_from fish fish
	# for stele mirror, which the command has if the libraries are there, and its tests
	header_from curl/curl.h libcurl4-openssl-dev
	header_from yajl/yajl_parse.h libyajl-dev
	there etcd || { want etcd-server && keep_stopped=etcd; }
	command_from etcdctl etcd-client
	# for check-32bit, where the compiler supports -m32
	! echo | ${CC:-gcc} -m32 -E -x c - >/dev/null 2>&1 || [ "$(uname -m)" != x86_64 ] ||
		[ -e /usr/include/gnu/stubs-32.h ] || [ -e /usr/include/x86_64-linux-gnu/gnu/stubs-32.h ] ||
		wanted="$wanted libc6-dev-i386"
	;;
routers)
	build
	command_from ip iproute2
	command_from unshare util-linux
	command_from python3 python3
	command_from jq jq
	# Routing daemons change the routes of the machine that they run on.
	there bird || { want bird2 && keep_stopped=bird; }
	[ -x /usr/lib/frr/zebra ] || { want frr && keep_stopped="$keep_stopped frr"; }
	;;
languages)
	# The compilers for which stele generate writes modules. They take a gigabyte, so `make check` does
	# without them, and its tests of these languages are skipped.
	command_from go golang-go
	# The module needs offset_of!, which Rust has since 1.77. The package rustc of Debian 12 is older.
	rustc --version 2>/dev/null | awk -F '[ .]' '{ok = $2 > 1 || $3 >= 77} END {exit !ok}' || want rustc-web
	;;
lint)
	build
	command_from clang-format clang-format
	command_from clang-tidy clang-tidy
	command_from shellcheck shellcheck
	command_from mandoc mandoc
	command_from lexgrog man-db
	command_from codespell codespell
	header_from criterion/criterion.h libcriterion-dev
	header_from jansson.h libjansson-dev
	;;
fresh)
	command_from debootstrap debootstrap
	command_from unshare util-linux
	;;
bench)
	build
	command_from pkg-config pkg-config
	command_from redis-server redis-server
	command_from gnuplot gnuplot-nox
	header_from lmdb.h liblmdb-dev
	header_from dpdk/rte_fib.h libdpdk-dev
	header_from json-c/json.h libjson-c-dev
	header_from hiredis/hiredis.h libhiredis-dev
	;;
*)
	echo "usage: $0 build|run|picture|check|routers|languages|lint|fresh|bench" >&2
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

# While this file is there, Debian's packages start no services. One that was there is put back.
policy=/usr/sbin/policy-rc.d
forbid_services()
{
	[ ! -e $policy ] || $root mv $policy "$policy.stele"
	printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
	$root chmod 755 $policy
}

allow_services()
{
	$root rm -f $policy
	[ ! -e "$policy.stele" ] || $root mv "$policy.stele" $policy
	# nor after the next boot
	# shellcheck disable=SC2086 # a list of words
	! command -v systemctl >/dev/null || $root systemctl disable $keep_stopped >/dev/null 2>&1 || :
}

# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	rm -f "$log"
	[ -z "$keep_stopped" ] || allow_services
}
trap cleanup EXIT
trap 'exit 130' INT TERM
[ -z "$keep_stopped" ] || forbid_services
apt()
{
	# shellcheck disable=SC2086 # $root is one word or empty
	$root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >"$log" 2>&1
}
# shellcheck disable=SC2086 # a list of words
if ! apt install -y --no-install-recommends $wanted; then
	# package lists are missing or out of date
	if ! apt update || ! apt install -y --no-install-recommends $wanted; then
		cat "$log" >&2
		echo "$0: could not install$wanted" >&2
		exit 1
	fi
fi
