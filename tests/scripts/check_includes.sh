#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks who includes whom: lib <- notifier <- publisher and lib <- notifier <- subscriber, never the
# other way, and publisher and subscriber never each other. The command and the sources that feed a region
# use the public headers, as any user does; the command may also look at the layout.
#
# check_includes.sh [ROOT]
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

# the include directives of a folder's files that match none of the patterns allowed
check()
{
	local what=$1 allowed=$2
	shift 2
	local files=()
	for file; do [ -e "$file" ] && files+=("$file"); done
	[ ${#files[@]} -eq 0 ] && return
	grep -HnE '^[[:space:]]*#[[:space:]]*include' "${files[@]}" |
		sed -E 's/^([^:]*:[0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*/\1 /' |
		while read -r where included rest; do
			if [[ $included == \"* ]]; then
				name=${included//\"/}
				# a file of the same folder, or one named from the top
				if [[ $name != */* ]]; then
					[ -e "$(dirname "${where%%:*}")/$name" ] && name=$(dirname "${where%%:*}")/$name
				fi
			else
				name=$included
			fi
			[[ $name =~ ^($allowed)$ ]] || echo "$where: $what may not include $included"
		done
}

public='<stele/[a-z]+\.h>'
system='<[^>]*>'
# what the library that services embed may use: no header of another library but libuuid's
embedded='<(stele|sys|linux|netinet|arpa|uuid)/[a-z_]+\.h>|<[a-z0-9_]+\.h>'
foreign='<(jansson|csv|argp|n?curses|term)\.h>|<libmnl/.*>'

shopt -s nullglob
publisher=() sources=()
for file in publisher/*.[ch]; do
	case $file in publisher/source_*) sources+=("$file") ;; *) publisher+=("$file") ;; esac
done

found=$(
	check 'a public header' "$public|<(sys/types|std[a-z]+)\.h>" include/stele/*.h
	check lib "lib/.*|$embedded" lib/*.[ch]
	check notifier "(lib|notifier)/.*|$embedded" notifier/*.[ch]
	check publisher "(lib|notifier|publisher)/.*|$embedded" "${publisher[@]}"
	check subscriber "(lib|notifier|subscriber)/.*|$embedded" subscriber/*.[ch]
	check 'a source' "publisher/source_[a-z0-9_]+\.h|$system" "${sources[@]}"
	check 'the command' "tools/.*|lib/layout\.h|publisher/source_[a-z0-9_]+\.h|$system" tools/*.[ch]
	grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*($foreign)" \
		lib/*.[ch] notifier/*.[ch] subscriber/*.[ch] "${publisher[@]}" /dev/null |
		sed 's/$/: the library needs libc and libuuid, nothing else/'
	grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"(publisher/)?source_' "${publisher[@]}" /dev/null |
		sed 's/$/: the library does not know its sources/'
)
if [ -n "$found" ]; then
	printf '%s\n' "$found"
	exit 1
fi
echo 'check-includes: ok'
