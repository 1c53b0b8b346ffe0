#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Counts with valgrind how many instructions a lookup, a longest-prefix match, a commit and other
# operations take (tests/scripts/instructions.c), and compares the counts with budgets. Unlike
# times, the counts are nearly the same in every run. The budgets are for one compiler and its
# flags; with others the check is skipped.
#
# check_instructions.sh PROGRAM COMPILER FLAGS...
set -euo pipefail

# The budgets: a few per cent above the counts. If you make an operation cheaper, lower its budget;
# if you raise a budget, give the reason in the commit.
budgets='
get       250   of 10,000 rows with 16-byte keys
get_text  540   of 10,000 rows with 35-byte text keys
hash_get  175   of the same rows through a hash index
hash_get_text  225   of the text keys through a hash index
match     410   among 10,000 IPv4 prefixes
get_by_name    280   of the 16-byte keys, by the name of one of 66 tables, with the expected schema
get_by_name_in_turn  215  of no row, from 63 tables in turn, by names that are no constants
get_by_name_parsed  305  the same with a schema that the library allocated
match_by_name  450   among the prefixes, likewise
snapshot_get_by_name  1380  to open a snapshot, get by name, and close the snapshot
live_copy  405   of the newest row with a 16-byte key
copy_by_name   475   of the same by the name of the table, with the expected schema
copy_by_name_parsed  500  the same with a schema that the library allocated
table_open  90   of a table that the snapshot was asked for before
cursor_open  570  to open and close
scan      92    of a row
scan_many  61  of a row, 25 a call
scan_small  79  of a row, in a region that holds only 1,000 rows
scan_small_many  47  of a row, 50 a call
snapshot  350   to open and close
commit    3550  of one row of 10,000
'
times=1000 # TIMES in tests/scripts/instructions.c

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

# count: prints lines of NAME INSTRUCTIONS, the count for one operation.
count()
{
	if ! valgrind --tool=callgrind --callgrind-out-file="$folder/out" "$program" >"$folder/log" 2>&1; then
		cat "$folder/log" >&2
		return 1
	fi
	callgrind_annotate --inclusive=yes --threshold=100 "$folder/out" |
		sed -n 's/^ *\([0-9,]*\) (.*[0-9]%) .*:do_\([a-z_]*\) \[.*\/'"${program##*/}"'\]$/\2 \1/p' | tr -d , |
		awk -v times="$times" '{ printf "%s %.0f\n", $1, $2 / times }'
}

# exceeded: prints the operations that were not counted, and those over their budgets.
exceeded()
{
	local name budget note number
	while read -r name budget note; do
		[ -n "$name" ] || continue
		number=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$counts")
		if [ -z "$number" ]; then
			echo "check-instructions: $name ($note): found no count"
		elif [ "$number" -gt "$budget" ]; then
			echo "check-instructions: $name ($note): $number instructions, over its budget of $budget"
		fi
	done <<<"$budgets"
}

# A publisher measures how long its system calls for notices take, and charges the slow ones to a
# budget (publisher/notices/peers.h). If the machine is paused within such a call, the commit
# executes the code for a slow call: `commit` once had 50 more instructions. A pause can only raise
# a count, so the minimum of up to three runs is compared.
counts=$(count)
for _ in 2 3; do
	[ -n "$(exceeded)" ] || break
	counts=$(printf '%s\n' "$counts" "$(count)" |
		awk '!($1 in least) { order[++n] = $1 } !($1 in least) || $2 < least[$1] { least[$1] = $2 }
			END { for (i = 1; i <= n; i++) print order[i], least[order[i]] }')
done
if [ -n "$(exceeded)" ]; then
	exceeded >&2
	exit 1
fi
printf 'check-instructions: ok ('
awk '{ printf "%s%s %s", separator, $1, $2; separator = ", " }' <<<"$counts"
echo ')'
