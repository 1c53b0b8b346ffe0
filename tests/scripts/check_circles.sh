#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that calls form no circle: between the source files of a program (the library or the
# command), and between its folders. A file depends on another if its object needs a symbol that the
# other's object defines.
#
# check_circles.sh NAME OBJECT...
set -euo pipefail
export LC_ALL=C

name=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines of FROM TO SYMBOL. Files are named without the folder of objects and the suffix.
nm -A -P "$@" | awk '
	{
		file = $1
		sub(/\[.*|:$/, "", file); sub(/.*\/obj\//, "", file); sub(/\.o$/, "", file)
	}
	$3 == "U" { needs[file, $2] = 1; next }
	$3 ~ /^[TDBRVWC]$/ { defined[$2] = file }
	END {
		for (pair in needs) {
			split(pair, part, SUBSEP)
			to = defined[part[2]]
			if (to != "" && to != part[1]) print part[1], to, part[2]
		}
	}' | sort >"$work/files"

# Lines of FROM TO CALL: the calls between files of different folders.
awk '
	function folder(file) { sub(/\/[^\/]*$/, "", file); return file }
	folder($1) != folder($2) { print folder($1), folder($2), $1 ">" $2 }' "$work/files" >"$work/folders"

status=0
for what in files folders; do
	[ -s "$work/$what" ] || { echo "check-circles: $name: found no calls between its $what" >&2; exit 1; }
	if ! cut -d ' ' -f 1,2 "$work/$what" | sort -u | tsort >/dev/null 2>"$work/loops"; then
		status=1
		echo "check-circles: $name: the $what form a circle by these calls:"
		# tsort lists the members of each loop in turn
		sed -n 's/^tsort: //p' "$work/loops" | grep -v 'contains a loop' | sort -u >"$work/members"
		awk 'NR == FNR { member[$1] = 1; next } ($1 in member) && ($2 in member) { print "    " $1 " -> " $2 ": " $3 }' \
			"$work/members" "$work/$what"
	fi
done
[ "$status" -eq 0 ] && echo "check-circles: $name: ok ($(cut -d ' ' -f 1,2 "$work/files" | sort -u | wc -l) edges)"
exit "$status"
