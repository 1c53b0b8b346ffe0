#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks the rules of CONTRIBUTING.md about files and names:
#
#   - a folder has at most 25 files, a file at most 600 lines (public headers may have more), a
#     function, a test or a macro at most 60 lines
#   - no line is wider than 100 columns, except for a line with a string
#   - within the library, and within the command, no two files define functions with the same name,
#     inline functions in headers included
#   - the name of a static function in a .c file contains its file's noun: arena_grow() in arena.c
#   - a file declares its extern functions in a header of its own, or, if their names start with
#     stele_, in include/stele
#
# Relies on the format that make check-format enforces: functions begin in the first column.
#
# check_sources.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}" || exit 2
export LC_ALL=C

# functions FILE...: prints the functions, one a line: file, line, number of lines, static or
# extern, name. Macros that define functions, such as Test(), count as functions of that name.
functions()
{
	awk '
		# returns whether "static", or a macro that stands for it, is in front of the name
		function is_static(line,    n, i, words) {
			sub(/\(.*/, "", line)
			n = split(line, words, " ")
			for (i = 1; i < n; i++) if (words[i] == "static" || words[i] in static_macros) return 1
			return 0
		}
		FNR == 1 { start = 0; split("", static_macros) }
		/^#define [A-Z0-9_]+ +static / { static_macros[$2] }
		{
			line = $0
			gsub(/__attribute__\(\([a-z_]*(\([^()]*\))?\)\) ?/, "", line)
		}
		# the return type may be on the line before the name
		line ~ /^[A-Za-z].*\(/ && !/;$/ && !/^(struct|enum|union) [a-z_]* =/ {
			kind = is_static(line) || is_static(last " name") ? "static" : "extern"
			name = line
			sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
			start = FNR
		}
		{ last = line ~ /^[A-Za-z][^(;]*$/ ? line : "" }
		/;$/ && !/^\t/ { start = 0 }
		/^{$/ { open = start }
		/^}$/ && open { print FILENAME, open, FNR - open + 1, kind, name; open = 0; start = 0 }
	' "$@"
}

# macros FILE...: prints the macros of several lines, one a line: file, line, number of lines, name.
macros()
{
	awk '
		FNR == 1 { start = 0 }
		/^[ \t]*#[ \t]*define[ \t]/ && !start {
			start = FNR
			name = $0
			sub(/^[ \t]*#[ \t]*define[ \t]+/, "", name); sub(/[^A-Za-z0-9_].*/, "", name)
		}
		start && !/\\$/ {
			if (FNR > start) print FILENAME, start, FNR - start + 1, name
			start = 0
		}
	' "$@"
}

shopt -s nullglob
library=(lib/*.[ch] lib/*/*.[ch] notifier/*.[ch] publisher/*.[ch] publisher/*/*.[ch] subscriber/*.[ch] subscriber/*/*.[ch])
command=(tools/*.[ch] tools/*/*.[ch])
tests=(tests/*/*.[ch] tests/support/*/*.[ch])
all=(include/stele/*.h docs/examples/*.c "${library[@]}" "${command[@]}" "${tests[@]}")

complaints()
{
	for folder in lib lib/*/ notifier publisher publisher/*/ subscriber subscriber/*/ tools tools/*/ tests/*/ tests/support/*/ include/stele; do
		files=("${folder%/}"/*.[ch])
		[ "${#files[@]}" -le 25 ] || echo "${folder%/}: ${#files[@]} files, more than 25"
	done
	# a tab advances to the next multiple of 8
	awk '
		FNR == 601 && FILENAME !~ /^include/ { print FILENAME ": more than 600 lines" }
		length($0) > 60 {
			line = $0
			while ((at = index(line, "\t")) > 0)
				line = substr(line, 1, at - 1) substr("        ", 1, 8 - (at - 1) % 8) substr(line, at + 1)
			gsub(/[\200-\277]/, "", line)
			if (length(line) > 100 && line !~ /"/) print FILENAME ":" FNR ": " length(line) " columns, more than 100"
		}
	' "${all[@]}"
	functions "${all[@]}" | awk '$3 > 60 { print $1 ":" $2 ": " $5 "() has " $3 " lines, more than 60" }'
	macros "${all[@]}" | awk '$3 > 60 { print $1 ":" $2 ": the macro " $4 " has " $3 " lines, more than 60" }'
	for part in library command; do
		# shellcheck disable=SC2178 # a reference to one of the lists
		declare -n files=$part
		functions "${files[@]}" | awk '
			$5 in file && file[$5] != $1 { print $1 ":" $2 ": " $5 "() is also in " file[$5] }
			{ file[$5] = $1 }'
		functions "${files[@]}" | awk '
			function known(word) { return length(word) > 1 && index("_" name "_", "_" word) > 0 }
			$4 == "static" && $1 ~ /c$/ {
				name = $5
				stem = $1; sub(/.*\//, "", stem); sub(/\.[ch]$/, "", stem)
				n = split(stem, words, "_")
				for (i = 1; i <= n; i++) {
					word = words[i]
					if (known(word)) next
					if (sub(/ies$/, "y", word) && known(word)) next
					word = words[i]
					if (sub(/s$/, "", word) && known(word)) next
				}
				print $1 ":" $2 ": " name "() does not contain its file'"'"'s noun"
			}'
	done
	functions "${library[@]}" "${command[@]}" | awk '$1 ~ /c$/ && $4 == "extern" && $5 != "main" { print $1, $2, $5 }' |
		while read -r file line name; do
			header=${file%.c}.h
			if [[ $name == stele_* ]]; then
				grep -qw "$name" include/stele/*.h "$header" 2>/dev/null ||
					echo "$file:$line: $name() is extern, but not declared in include/stele or $header"
			elif [ ! -e "$header" ]; then
				echo "$file:$line: $name() is extern, but $header does not exist"
			elif ! grep -qw "$name" "$header"; then
				echo "$file:$line: $name() is extern, but not declared in $header"
			fi
		done
}

found=$(complaints)
if [ -n "$found" ]; then
	printf '%s\n' "$found"
	echo "check-sources: $(wc -l <<<"$found") faults"
	exit 1
fi
echo 'check-sources: ok'
