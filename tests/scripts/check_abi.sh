#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compares the ABI of the library in BUILD with that of the last release, whose dump, of
# x86-64, is in build-aux/abi. Additions are allowed: functions, enumerators, macros, members at the end of structs
# with a member `size`, and members in place of `reserved_`. Everything else breaks programs
# (COMPATIBILITY in <stele/version.h>). `check_abi.sh CC BUILD dump` writes the dump; each release has
# one.
#
# abidiff compares functions and types. It does not see macros, unused enumerators and new names of
# members, and a struct that has grown by a member before `reserved_` looks to it like one that uses
# reserved members. So the dump also lists the values of macros and enumerators, the offsets of
# members, and the sizes of structs that must not grow.
#
# check_abi.sh CC BUILD [dump]
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C
cc=$1 library=$2/libstele.so.0
folder=build-aux/abi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
types=(--headers-dir include --drop-private-types --exported-interfaces-only)

# structs GREP_OPTION: prints the names of public structs; -v: those without a member `size`
structs()
{
	awk '/^struct stele_[a-z_]* {$/ { name = $2; getline; print name, $0 }' include/stele/*.h |
		grep "$1" ' .*size_t size;' | sed 's/ .*//' | sort
}

# growing: prints the names of the structs that may grow
growing()
{
	structs -e
	echo stele_damage
	echo stele_leftover
}

# constants: prints the values of macros and enumerators, the offsets of members, and the sizes of
# structs
constants()
{
	printf '#include <stele/stele.h>\n' >"$work/all.c"
	$cc -Iinclude -E -dM "$work/all.c" |
		sed -nE 's/^#define (STELE_[A-Z0-9_]+) (.*[0-9].*)$/\1 = \2/p' | grep -v '^STELE_VERSION'
	$cc -Iinclude -g -fno-eliminate-unused-debug-types -c -o "$work/all.o" "$work/all.c"
	readelf --debug-dump=info "$work/all.o" | sed 's/ *$//' | awk '
		/\(DW_TAG_/ { tag = $NF; name = ""; if (tag == "(DW_TAG_structure_type)") struct = "" }
		/DW_AT_name/ { name = $NF; if (tag == "(DW_TAG_structure_type)") struct = name }
		/DW_AT_const_value/ && tag == "(DW_TAG_enumerator)" && name ~ /^STELE_/ { print name " = " $NF }
		struct !~ /^stele_/ { next }
		/DW_AT_byte_size/ && tag == "(DW_TAG_structure_type)" { print "sizeof(struct " struct ") = " $NF }
		/DW_AT_data_member_location/ && name != "reserved_" {
			print "offsetof(struct " struct ", " name ") = " $NF
		}' | grep -vFf <(growing | sed 's/.*/sizeof(struct &)/')
}

# suppressions: prints what abidiff shall allow
suppressions()
{
	local name
	for name in $(growing); do
		printf '[suppress_type]\n  type_kind = struct\n  name = %s\n' "$name"
		printf '  has_data_member_inserted_at = end\n'
	done
	for name in $(structs -v); do
		printf '[suppress_type]\n  type_kind = struct\n  name = %s\n' "$name"
		printf '  has_data_member_inserted_between = {offset_of(reserved_), end}\n'
	done
}

if ! readelf -S "$library" | grep -q '\.debug_info'; then
	echo "check-abi: left out, as $library has no debug information"
	exit 0
fi
constants | sort -u >"$work/constants"

if [ "${3:-}" = dump ]; then
	version=$(sed -n 's/^#define STELE_VERSION  *"\(.*\)"/\1/p' include/stele/version.h)
	mkdir -p "$folder"
	abidw "${types[@]}" --no-show-locs --no-comp-dir-path --no-corpus-path --no-elf-needed \
		--no-parameter-names --out-file "$folder/libstele-$version.abi" "$library"
	cp "$work/constants" "$folder/libstele-$version.constants"
	echo "abi-dump: wrote $folder/libstele-$version.abi and .constants"
	exit 0
fi

dump=$(printf '%s\n' "$folder"/libstele-*.abi | sort -V | tail -1)
machine=$(readelf -h "$library" | sed -n 's/^ *Machine: *//p')
if [ "$machine" != 'Advanced Micro Devices X86-64' ]; then
	echo "check-abi: left out, as the dump is of x86-64, and the library of $machine"
	exit 0
fi
suppressions >"$work/suppressions"

# differs DUMP: prints how the library differs from a dump; returns 1 if it does not
differs()
{
	! abidiff --no-added-syms --fail-no-debug-info --suppressions "$work/suppressions" \
		--headers-dir2 include --drop-private-types --exported-interfaces-only \
		"$1" "$library" 2>&1
}

# missing CONSTANTS: prints the lines of a list that are not in that of the library; returns 1 if
# there are none
missing()
{
	comm -23 "$1" "$work/constants" | grep .
}

failed=0
if differs "$dump" >"$work/difference"; then
	cat "$work/difference"
	failed=1
fi
if missing "${dump%.abi}.constants" >"$work/difference"; then
	echo 'these values, offsets or sizes have changed, or are gone:'
	cat "$work/difference"
	failed=1
fi
if [ "$failed" -ne 0 ]; then
	echo "check-abi: programs that were built against $(basename "${dump%.abi}") would break"
	exit 1
fi

# Both comparisons must find a planted difference.
sed 's/stele_name_check/stele_name_checked/g' "$dump" >"$work/planted"
sed 's/^STELE_CREATE = .*/STELE_CREATE = 0/' "${dump%.abi}.constants" >"$work/planted_constants"
if ! differs "$work/planted" >/dev/null || ! missing "$work/planted_constants" >/dev/null; then
	echo 'check-abi: a function that is gone, or a constant that has changed, is not found'
	exit 1
fi
echo "check-abi: ok (against $(basename "${dump%.abi}"))"
