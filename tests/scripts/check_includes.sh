#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks the include directives between folders. The table below lists each folder with the folders
# that it may include, besides itself. The library's folders may also include the public headers,
# the C library's headers and libuuid's headers. No others are allowed, since services embed the
# library.
#
# check_includes.sh [ROOT]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

table='
lib                  -
lib/base             lib
lib/types            lib lib/base
lib/schema           lib lib/base lib/types
lib/text             lib lib/base lib/types lib/schema
lib/storage          lib lib/base
lib/region           lib lib/base lib/storage lib/trie
lib/trie             lib lib/base lib/schema lib/types
lib/reading          lib lib/base lib/types lib/region lib/trie
notifier             lib lib/base lib/storage
publisher            lib/* notifier publisher/*
publisher/attach     lib/* notifier publisher/memory publisher/notices
publisher/memory     lib/* notifier
publisher/notices    lib/* notifier
publisher/state      lib/* publisher/attach publisher/memory publisher/notices publisher/trie
publisher/tables     lib/* publisher/memory publisher/notices publisher/state publisher/trie
publisher/trie       lib/* publisher/memory
subscriber           lib/* notifier
subscriber/follow    lib/* notifier subscriber
subscriber/index     lib/* notifier subscriber
subscriber/inspect   lib/* notifier subscriber
tools                tools/*
tools/base           lib
tools/usage          lib tools/base
tools/region         lib tools/base tools/usage tools/fib tools/kernel
tools/rows           lib tools/base
tools/help           -
tools/complete       lib tools/base tools/usage tools/region tools/help
tools/output         lib tools/base tools/region tools/rows
tools/input          lib tools/base tools/region tools/rows tools/output
tools/generate       lib tools/base tools/region tools/rows tools/input
tools/netlink        -
tools/fib            lib tools/netlink
tools/kernel         lib tools/netlink tools/fib
tools/record         lib tools/base tools/usage tools/region tools/output
tools/why            lib tools/base tools/region tools/output tools/record
tools/etcd           lib tools/base
tools/mirror         lib tools/base tools/region tools/etcd
tools/bench          lib tools/base tools/region tools/output
tools/doctor         lib tools/base tools/region tools/output tools/fib
tools/top            lib tools/base tools/region tools/rows tools/output tools/fib
tools/route          lib tools/base tools/region tools/output tools/netlink tools/fib
tools/apply          lib tools/base tools/region tools/rows tools/output tools/input
tools/watch          lib tools/base tools/region tools/output
tools/history        lib tools/base tools/region tools/rows tools/output tools/input
tools/commands       lib tools/base tools/usage tools/region tools/rows tools/output tools/input tools/kernel tools/fib tools/netlink
'

embedded='<(stele|sys|linux|netinet|arpa|uuid)/[a-z_]+\.h>|<[a-z0-9_]+\.h>'
foreign='<(argp|n?curses|term)\.h>'
public='"stele/[a-z]+\.h"|<stele/[a-z]+\.h>|<(sys/types|std[a-z]+)\.h>'

# includes FILE...: prints the include directives, one a line: file, line number, included header.
includes()
{
	grep -HnE '^[[:space:]]*#[[:space:]]*include' "$@" /dev/null |
		sed -E 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*([^[:space:]]*).*/\1 \2 \3/'
}

shopt -s nullglob
found=$(
	while read -r folder allowed; do
		[ -n "$folder" ] || continue
		read -ra patterns <<<"$allowed"
		includes "$folder"/*.[ch] | while read -r file line included; do
			if [[ $included == \<* ]]; then
				case $folder in lib* | notifier | publisher* | subscriber*)
					if [[ ! $included =~ ^($embedded)$ || $included =~ ^($foreign)$ ]]; then
						echo "$file:$line: $included: the library may only need libc and libuuid"
					fi ;;
				esac
				continue
			fi
			name=${included//\"/} ok=
			if [ ! -e "$name" ]; then
				echo "$file:$line: $included: no such header; write its path from the top folder"
				continue
			fi
			[ "${name%/*}" != "$folder" ] || ok=yes
			for pattern in "${patterns[@]}"; do
				# shellcheck disable=SC2053 # a pattern
				[[ ${name%/*} == $pattern ]] && ok=yes
			done
			# lib/* includes lib itself
			[[ ${name%/*} == lib && $allowed == *'lib/*'* ]] && ok=yes
			[ -n "$ok" ] || echo "$file:$line: $folder may not include $included"
		done
	done <<<"$table"
	includes include/stele/*.h | while read -r file line included; do
		[[ $included =~ ^($public)$ ]] || echo "$file:$line: a public header may not include $included"
	done
	for folder in lib lib/*/ notifier publisher publisher/*/ subscriber subscriber/*/ tools tools/*/; do
		grep -q "^${folder%/} " <<<"$table" || echo "${folder%/}: missing from the table of ${0##*/}"
	done
)
if [ -n "$found" ]; then
	printf '%s\n' "$found"
	exit 1
fi
echo 'check-includes: ok'
