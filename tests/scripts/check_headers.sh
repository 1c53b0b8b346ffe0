#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks the public headers:
#
#   - each compiles alone, as C11, C17 and C23, and as C++17 and C++20, without a warning, by the
#     build's compilers and by gcc and clang where they are installed
#   - tools may define STELE_API as empty
#   - no member, parameter or result is an enum, whose size depends on the compiler's options
#   - each callback has its context as the last argument
#   - all flags are in <stele/flags.h>, and no two have the same bit
#   - no struct with a member `size` ends in padding, in which the next member would lie within
#     the size that older programs give
#   - a program with every macro in use (tests/scripts/headers.c) compiles likewise, and runs
#
# check_headers.sh CC CXX BUILD
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C
cc=$1 cxx=$2 build=$3
mkdir -p "$build/obj"
headers=$(echo include/stele/*.h)
failed=0

fail()
{
	echo "check-headers: $*" >&2
	failed=1
}

# compilers FIRST OTHER...: prints FIRST and those of the others that are installed, one a line
compilers()
{
	echo "$1"
	for other in "${@:2}"; do
		[ "$other" = "$1" ] || ! command -v "$other" >/dev/null || echo "$other"
	done
}

# compile LANGUAGE STANDARD COMPILER FILE [OPTION...]: the compiler may be several words
compile()
{
	local language=$1 standard=$2 compiler=$3 file=$4
	shift 4
	# shellcheck disable=SC2086 # a list of words
	$compiler -std="$standard" -Wall -Wextra -Wshadow -Wpedantic -Werror -Iinclude "$@" -x "$language" "$file" -x none ||
		fail "$compiler -std=$standard refuses $file"
}

# try LANGUAGE STANDARDS COMPILER
try()
{
	local standard header program=$build/obj/headers
	for standard in $2; do
		echo | $3 -std="$standard" -E -x "$1" - >/dev/null 2>&1 || continue
		for header in $headers; do
			printf '#include <stele/%s>\nextern int something;\n' "${header##*/}" >"$build/obj/header.$1"
			compile "$1" "$standard" "$3" "$build/obj/header.$1" -Wconversion -fsyntax-only
		done
		compile "$1" "$standard" "$3" "$build/obj/header.$1" -fsyntax-only -DSTELE_API=
		compile "$1" "$standard" "$3" tests/scripts/headers.c -c -o "$program.o"
		# shellcheck disable=SC2086 # a list of words
		if ! $3 $LINK -o "$program" "$program.o" "$build/libstele.a" -luuid || ! "$program"; then
			fail "tests/scripts/headers.c, by $3 -std=$standard, fails"
		fi
	done
}

while read -r compiler; do
	try c 'c11 c17 c2x' "$compiler"
done < <(compilers "$cc" gcc clang)
while read -r compiler; do
	try c++ 'c++17 c++20' "$compiler"
done < <(compilers "$cxx" g++ clang++)

# ---- enums, callbacks ----

# code HEADER: prints a header without its comments, each declaration on one line
code()
{
	# shellcheck disable=SC2086 # a list of words
	$cc -std=c17 -w -fpreprocessed -E -P "$1" | grep -v '^ *#' | tr '\n\t' '  ' | sed 's/[;{}]/&\n/g'
}

for header in $headers; do
	enums=$(code "$header" | grep -E '\benum\b' | grep -vE '^ *enum stele_[a-z_]+ \{$' || true)
	[ -z "$enums" ] || fail "$header: write uint32_t instead of an enum: $enums"
	callbacks=$(code "$header" | grep -E '^ *typedef .*_fn ?\(|\(\*[a-z_]+\)\(' | grep -vE 'void \*context\);$' || true)
	[ -z "$callbacks" ] || fail "$header: a callback ends in \`void *context': $callbacks"
done

# ---- flags ----

outside=$(grep -nE '^#define STELE_[A-Z_]+ +\(?1u(l|ll)? *<< *[0-9]+\)?$' include/stele/*.h | grep -v '/flags.h:' || true)
[ -z "$outside" ] || fail "flags belong into <stele/flags.h>: $outside"
twice=$(sed -n 's/^#define STELE_[A-Z_]* *(1u << \([0-9]*\)).*/\1/p' include/stele/flags.h | sort | uniq -d)
[ -z "$twice" ] || fail "<stele/flags.h>: two flags have bit $twice"
other=$(grep -E '^#define STELE_[A-Z_]+ ' include/stele/flags.h | grep -vE ' \(1u << [0-9]+\)$' || true)
[ -z "$other" ] || fail "<stele/flags.h>: write a flag as (1u << BIT): $other"

# ---- padding ----

# gcc names the last line of a struct that ends in padding.
padded()
{
	local file=$1 line=$2 name
	name=$(head -n "$line" "$file" | sed -n 's/^struct \(stele_[a-z_]*\) {$/\1/p' | tail -1)
	! grep -A1 "^struct $name {" "$file" | grep -q 'size_t size;' ||
		fail "$file: struct $name ends in padding; move its small members together, or add a reserved one"
}

printf '#include <stele/stele.h>\n' >"$build/obj/header.c"
if command -v gcc >/dev/null; then
	while IFS=: read -r file line; do
		padded "$file" "$line"
	done < <(gcc -std=c17 -Wpadded -Iinclude -fsyntax-only "$build/obj/header.c" 2>&1 |
		sed -n 's/^\([^:]*:[0-9]*\):.*padding struct size.*/\1/p')
fi

[ "$failed" -eq 0 ] && echo 'check-headers: ok'
exit "$failed"
