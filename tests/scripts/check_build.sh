#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks the promises of the build: it asks for the missing packages and for no others, however the
# compiler is called and wherever the headers are; it builds nothing twice; `make clean` removes
# BUILD. Needs no root and installs nothing.
#
# check_build.sh COMPILER
set -u
cd "$(dirname "$0")/../.." || exit 2
# The makes below must not inherit settings from the make that runs this script.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES \
	CC CXX CFLAGS CPPFLAGS LDFLAGS SANITIZE BUILD DESTDIR V
export LC_ALL=C

compiler=$1
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Fakes: apt-get and sudo record their arguments and fail; ccache only runs its arguments.
mkdir "$work/bin"
for name in apt-get sudo; do
	printf '#!/bin/sh\necho "$*" >>"%s"\nexit 1\n' "$work/asked" >"$work/bin/$name"
done
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/ccache"
# A compiler that finds no headers while a file "hidden" exists.
printf '#!/bin/sh\ncase " $* " in *" -E "*) [ ! -e "%s" ] || exit 1 ;; esac\nexec %s "$@"\n' \
	"$work/hidden" "$compiler" >"$work/bin/sometimes"
# A compiler for another machine, with its own programs.
# shellcheck disable=SC2016 # expanded by that script
printf '#!/bin/sh\necho "other-${1#-print-prog-name=}"\n' >"$work/bin/other"
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH

wrong()
{
	echo "check-build: $*" >&2
	failed=1
}

# asks_for 'PACKAGE...' COMMAND...: checks that the command asks for these packages. If there are
# none, checks that the command succeeds and prints nothing.
asks_for()
{
	local wanted=$1 asked status
	shift
	rm -f "$work/asked"
	"$@" >"$work/output" 2>&1
	status=$?
	asked=$(sed -n 's/.*install -y --no-install-recommends //p' "$work/asked" 2>/dev/null |
		sort -u)
	if [ "$asked" != "$wanted" ]; then
		wrong "\`$*\` asks for \"$asked\", not \"$wanted\": $(cat "$work/output")"
	elif [ -z "$wanted" ] && { [ "$status" -ne 0 ] || [ -s "$work/output" ]; }; then
		wrong "\`$*\` ended with status $status and printed: $(cat "$work/output")"
	fi
}

packages()
{
	# shellcheck disable=SC2317 # called by asks_for()
	env "$@" build-aux/packages.sh build
}

# build TARGET...: builds in $work/build, and lists the compiled objects in $work/compiled.
build()
{
	make BUILD="$work/build" CC=sometimes "${@/#/"$work/build/"}" >"$work/output" 2>&1 ||
		wrong "$(cat "$work/output")"
	sed -n 's/^  CC *.*\/obj\///p' "$work/output" | sort >"$work/compiled"
}

# compiled 'OBJECT...' WHEN: checks that the last build compiled these objects.
compiled()
{
	[ "$(tr '\n' ' ' <"$work/compiled")" = "$1" ] ||
		wrong "$2: expected \"$1\" to be compiled, but these were: $(cat "$work/compiled")"
}

# ---- packages ----

for command in "$compiler" "env $compiler" "ccache $compiler" \
	"env -u NOTHING LANG=C ccache $compiler -O1"; do
	asks_for '' packages CC="$command"
done
asks_for nosuch-cc packages CC=nosuch-cc
asks_for nosuch-cc packages CC='env nosuch-cc -m32'
asks_for nosuch-cache packages CC="nosuch-cache $compiler"
asks_for gcc-nosuch-linux-gnu packages CC=nosuch-linux-gnu-gcc
asks_for '' make -s BUILD="$work/build" CC=sometimes "$work/build/packages-build"
asks_for nosuch-cc make -s BUILD="$work/build" CC=nosuch-cc "$work/build/packages-build"
asks_for '' make -s BUILD="$work/build" CC=sometimes "$work/build/packages-build"

# At first no header exists, then all headers are in a folder that only the flags name.
all='libc6-dev uuid-dev libmnl-dev libncurses-dev'
asks_for "$all" packages CC="$compiler" CPPFLAGS=-nostdinc
mkdir -p "$work/include/uuid" "$work/include/libmnl" "$work/include/sys"
for header in stddef stdio stdlib uuid/uuid libmnl/libmnl; do
	: >"$work/include/$header.h"
done
asks_for libncurses-dev packages CC="$compiler" CPPFLAGS="-nostdinc '-I$work/include'"
: >"$work/include/curses.h"
asks_for '' packages CC="$compiler" CPPFLAGS="-nostdinc -I$work/include"
asks_for '' packages CC="$compiler" CFLAGS="-nostdinc -I$work/include"

# probes yes|no: checks whether the build finds <sys/sdt.h>, which the probes need.
probes()
{
	make -s BUILD="$work/other" CC="$compiler" CPPFLAGS="-nostdinc -I$work/include" \
		"$work/other/probes" >"$work/output" 2>&1
	[ "$(cat "$work/other/probes" 2>&1)" = "$1" ] ||
		wrong "whether the build finds <sys/sdt.h>: expected \"$1\": $(cat "$work/output")"
}

probes no
: >"$work/include/sys/sdt.h"
probes yes

# ---- rebuilding ----

touch "$work/hidden"
build obj/lib/base/error.o obj/publisher/notices/fanout.o
compiled 'lib/base/error.o publisher/notices/fanout.o ' 'at first'
build obj/lib/base/error.o obj/publisher/notices/fanout.o
compiled '' 'the second time'
rm "$work/hidden"
build obj/lib/base/error.o obj/publisher/notices/fanout.o
compiled 'publisher/notices/fanout.o ' 'once <sys/sdt.h> exists'
build obj/lib/base/error.o obj/publisher/notices/fanout.o
compiled '' 'the time after that'
[ ! -s "$work/output" ] || wrong "a make with nothing to do printed: $(cat "$work/output")"

make -n BUILD="$work/build" CC=other "$work/build/libstele.a" >"$work/output" 2>&1
for name in objcopy ar; do
	grep -q "&& other-$name " "$work/output" ||
		wrong "the archive is not made with the $name of its compiler"
done

# ---- clean ----

mkdir "$work/tree" "$work/tree/build" "$work/tree/x"
cp Makefile "$work/tree"
make -s -C "$work/tree" BUILD=x clean >"$work/output" 2>&1 || wrong "$(cat "$work/output")"
[ -d "$work/tree/build" ] || wrong 'make BUILD=x clean removed build'
[ ! -e "$work/tree/x" ] || wrong 'make BUILD=x clean left x'
! make -s -C "$work/tree" BUILD="$work/tree" clean >"$work/output" 2>&1 ||
	wrong 'make clean took the sources for BUILD'
[ -e "$work/tree/Makefile" ] || wrong 'make clean removed the sources'

[ "$failed" -eq 0 ] && echo 'check-build: ok'
exit "$failed"
