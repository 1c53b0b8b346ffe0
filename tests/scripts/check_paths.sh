#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that documents, and comments in sources, name only files and functions that exist:
#
#   - a path, from the top of the tree or from a folder that contains the text, or the bare name of
#     a file or folder anywhere in the tree; a word in capitals matches any name: tests/KIND/NAME.c
#   - <stele/NAME.h>
#   - a function, as in lookup(): the sources define or call it
#   - in a document, an identifier with an underscore: the sources have it
#
# Reads the text in backticks and the targets of links of documents, but no code blocks, which
# check_examples.sh compares. Reads the comments of sources.
#
# check_paths.sh FILE...
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

# Names that may be used although the tree does not have them.
excepted='
build/*         what make makes
/*              files of the machine, and what is installed
./*             commands in an example
sys/*.h         headers of the system
pan.c           written by spin
ipc/mqueue.c    in the kernel
net/ipv*/*.c    in the kernel
fib*()          in the kernel
clone()         a system call that only libc makes
pthread_*()     functions of libc, of which a comment may say why they are not called
'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -oE '^[^ ]+' <<<"$excepted" >"$work/excepted"

find . \( -name .git -o -path ./build \) -prune -o -print | sed 's|^\./||' >"$work/files"

# comments BOOLEAN FILE...: prints FILE:LINE: and the text of the comments (1) or of the code (0)
comments()
{
	awk -v inside="$1" '
		FNR == 1 { open = 0 }
		{
			line = $0; text = ""; code = ""
			while (line != "") {
				at = index(line, open ? "*/" : "/*")
				part = at ? substr(line, 1, at - 1) : line
				line = at ? substr(line, at + 2) : ""
				if (open) text = text " " part; else code = code " " part
				if (at) open = !open
			}
			if (inside && text ~ /[^ *]/) print FILENAME ":" FNR ": " text
			if (!inside) print code
		}' "${@:2}"
}

shopt -s globstar nullglob
sources=({lib,notifier,publisher,subscriber,tools,tests,include,docs}/**/*.[ch] docs/models/*.pml)
comments 0 "${sources[@]}" >"$work/code"
cat tests/scripts/*.sh build-aux/*.sh >>"$work/code"
grep -oE '[A-Za-z_][A-Za-z0-9_]*' "$work/code" | sort -u >"$work/words"
grep -oE '[A-Za-z_][A-Za-z0-9_]* *\(' "$work/code" | tr -d ' (' | sort -u >"$work/functions"

# spans FILE...: prints FILE:LINE: and each text in backticks, and each target of a link
spans()
{
	awk '
		FNR == 1 { block = 0 }
		/^ *```/ { block = !block; next }
		block { next }
		{
			text = ""; line = $0
			while (match(line, /`[^`]+`/)) {
				text = text " " substr(line, RSTART + 1, RLENGTH - 2)
				line = substr(line, RSTART + RLENGTH)
			}
			line = $0
			while (match(line, /\]\([^)#]+/)) {
				text = text " " substr(line, RSTART + 2, RLENGTH - 2)
				line = substr(line, RSTART + RLENGTH)
			}
			if (text != "") print FILENAME ":" FNR ": " text
		}' "$@"
}

for file; do
	case $file in
	*.md) spans "$file" ;;
	*.litmus) sed 's/(\*/\/*/; s/\*)/*\//' "$file" | comments 1 - | sed "s|^-:|$file:|" ;;
	*) comments 1 "$file" ;;
	esac
done >"$work/text"

awk -v work="$work" '
	function load(name, set,    line) {
		while ((getline line <(work "/" name)) > 0) set[line] = 1
	}
	function pattern(name) { # a shell pattern, and words in capitals, as a regular expression
		gsub(/[.+()]/, "\\\\&", name)
		gsub(/\*/, ".*", name)
		return "^" name "$"
	}
	function is_excepted(name,    i) {
		for (i in excepted) if (name ~ pattern(i)) return 1
		return 0
	}
	function exists(name, folder,    i) {
		sub(/\/$/, "", name)
		while (sub(/^\.\.\//, "", name)) sub(/\/?[^\/]*$/, "", folder)
		if (name in files || (name !~ /\// && name in bases)) return 1
		for (; folder != ""; sub(/\/?[^\/]*$/, "", folder))
			if ((folder "/" name) in files) return 1
		if (name !~ /[A-Z*]/) return 0
		gsub(/[A-Z][A-Z_]*/, "*", name)
		for (i in files) if (i ~ pattern(name) || (name !~ /\// && i ~ pattern("*/" name))) return 1
		return 0
	}
	BEGIN {
		load("files", files); load("words", words); load("functions", functions); load("excepted", excepted)
		for (i in files) {
			base = i; sub(/.*\//, "", base); bases[base] = 1
			top = i; sub(/\/.*/, "", top); tops[top] = 1
		}
	}
	{
		place = $1; folder = $1; document = $1 ~ /\.md:/
		sub(/:[0-9]+:$/, "", folder)
		if (!sub(/\/[^\/]*$/, "", folder)) folder = ""
		for (n = 2; n <= NF; n++) {
			name = $n
			while (sub(/^["\x27(\[{]+|["\x27,.;:!?\]}]+$/, "", name)) ;
			if (name ~ /\)$/ && name !~ /\(/) sub(/\)+$/, "", name)
			while (sub(/["\x27,.;:!?]+$/, "", name)) ;
			top = name; sub(/\/.*/, "", top)
			if (name == "" || is_excepted(name)) continue
			if (name ~ /^<stele\/[a-z_]+\.h>$/)
				ok = ("include/" substr(name, 2, length(name) - 2)) in files
			else if (name ~ /^[A-Za-z][A-Za-z0-9_]*\(\)/) {
				sub(/\(\).*/, "", name)
				ok = name in functions
				name = name "()"
			} else if (name ~ /^[A-Za-z0-9_.*\/-]+\.(c|h|sh|md|pml|litmus|awk|py|svg|csv)$/ ||
				(document && name ~ /^[a-z_\/-]+\/$/) || (name ~ /^[A-Za-z0-9_.\/-]+$/ && name ~ /\// && top in tops))
				ok = exists(name, folder)
			else if (document && name ~ /^[a-z][a-z0-9]*_[a-z0-9_]+$/)
				ok = name in words
			else continue
			checked++
			if (!ok) print place, name " does not exist"
		}
	}
	END { print checked + 0 >(work "/checked") }' "$work/text" >"$work/found"

if [ -s "$work/found" ]; then
	cat "$work/found"
	echo "check-paths: $(wc -l <"$work/found") names that do not exist"
	exit 1
fi
echo "check-paths: ok ($(<"$work/checked") names)"
