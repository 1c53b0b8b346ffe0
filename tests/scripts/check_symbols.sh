#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that the shared library and the archive in BUILD export exactly the functions that
# include/stele/ declares, that lib/libstele.map names exactly these, each once, and that the shared
# library needs only libc and libuuid.
#
# check_symbols.sh BUILD
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

same()
{
	printf '%s\n' "$2" >"$work/declared"
	printf '%s\n' "$3" >"$work/there"
	if ! diff "$work/declared" "$work/there" >"$work/difference"; then
		echo "$1: the functions differ from those that are declared (< include/stele, > $1):"
		cat "$work/difference"
		failed=1
	fi
}

# A declaration may span several lines, so join them before matching up to the first parenthesis.
declared=$(grep -hv '^#' include/stele/*.h | tr '\n' ' ' | grep -oE 'STELE_API [^;()#]*\(' |
	sed -E 's/.*[ *](stele_[a-z0-9_]+)\($/\1/' | sort)
same "$1/libstele.so" "$declared" \
	"$(nm -D --defined-only "$1/libstele.so" | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | sort)"
same "$1/libstele.a" "$declared" \
	"$(nm -g --defined-only "$1/libstele.a" | awk 'NF == 3 { print $3 }' | sort)"
# The linker accepts a name in the map that the library does not define.
same lib/libstele.map "$declared" "$(sed -n 's/^\t\(stele_[a-z0-9_]*\);$/\1/p' lib/libstele.map | sort)"

others=$(readelf -d "$1/libstele.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vE '^(libc\.so\.6|libuuid\.so\.1|ld-linux.*)$' || true)
if [ -n "$others" ]; then
	echo "$1/libstele.so needs more than libc and libuuid: ${others//$'\n'/ }"
	failed=1
fi
readelf -d "$1/libstele.so" | grep -q 'SONAME.*\[libstele\.so\.0\]' || {
	echo "$1/libstele.so: the soname is not libstele.so.0"
	failed=1
}
[ "$failed" -eq 0 ] && echo 'check-symbols: ok'
exit "$failed"
