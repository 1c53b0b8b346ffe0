#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_instructions.sh PROGRAM COMPILER FLAGS...: counts with valgrind how many instructions a get, a
# match, a commit ... take (tests/scripts/instructions.c), and compares them with what they may take. The counts
# are the same from run to run, unlike times. They belong to one compiler and its flags: with others
# there is nothing to compare.
set -euo pipefail

# What each may take: a few per cent more than it does. Who makes one cheaper lowers its number; who
# raises one says why in the commit.
budgets='
get       250   of 10,000 rows with 16-byte keys
get_text  540   of 10,000 rows with 35-byte text keys
hash_get  175   the same by a hash index
hash_get_text  225   the same by a hash index
match     410   among 10,000 prefixes of IPv4
scan      156   a row
snapshot  350   to open and close
commit    3520  of one row of 10,000
'
times=1000 # as tests/scripts/instructions.c does each

program=$1 compiler=$2
shift 2
# shellcheck disable=SC2086 # a command, `ccache gcc`
if [ "$(uname -m) $($compiler -dumpfullversion 2>/dev/null | cut -d. -f1) $*" != 'x86_64 12 -O2 -g' ] ||
	$compiler --version | grep -q clang; then
	echo "check-instructions: skipped: the budgets are for gcc 12 -O2 -g on x86-64"
	exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! valgrind --tool=callgrind --callgrind-out-file="$folder/out" "$program" >"$folder/log" 2>&1; then
	cat "$folder/log" >&2
	exit 1
fi
counts=$(callgrind_annotate --inclusive=yes --threshold=100 "$folder/out" |
	sed -n 's/^ *\([0-9,]*\) (.*[0-9]%) .*:do_\([a-z_]*\) \[.*\/'"${program##*/}"'\]$/\2 \1/p' | tr -d ,)
failed=0
while read -r what budget note; do
	[ -n "$what" ] || continue
	count=$(awk -v what="$what" -v times="$times" '$1 == what { printf "%.0f", $2 / times }' <<<"$counts")
	if [ -z "$count" ]; then
		echo "check-instructions: $what was not counted" >&2
		failed=1
	elif [ "$count" -gt "$budget" ]; then
		echo "check-instructions: $what ($note) takes $count instructions, its budget is $budget" >&2
		failed=1
	fi
done <<<"$budgets"
[ "$failed" -eq 0 ] || exit 1
printf 'check-instructions: ok ('
awk -v times="$times" '{ printf "%s%s %.0f", separator, $1, $2 / times; separator = ", " }' <<<"$counts"
echo ')'
