#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_instructions.sh PROGRAM COMPILER FLAGS...: counts with valgrind how many instructions a get, a
# match, a commit ... take (tests/scripts/instructions.c), and compares them with what they may take. The counts
# are nearly the same from run to run, unlike times. They belong to one compiler and its flags: with others
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

# count: writes lines of NAME INSTRUCTIONS, for one thing done once
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

# exceeded: writes what was not counted and what takes more than its budget
exceeded()
{
	local name budget note number
	while read -r name budget note; do
		[ -n "$name" ] || continue
		number=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$counts")
		if [ -z "$number" ]; then
			echo "check-instructions: $name was not counted"
		elif [ "$number" -gt "$budget" ]; then
			echo "check-instructions: $name ($note) takes $number instructions, its budget is $budget"
		fi
	done <<<"$budgets"
}

# A publisher measures how long its system calls for notices take, and charges the slow ones to a budget
# (publisher/notices/peers.h). When the machine is paused within such a call, the commit executes the code for a slow
# call: `commit` once had 50 instructions more. So the least of up to three runs counts: a pause can only raise a count.
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
