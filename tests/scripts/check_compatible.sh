#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs a program that was built against other headers than the library: the program of an older
# release with this library, and the program of a newer release with this library, which is then the
# older one. The other headers are made from those of the library: of every struct with a member
# `size`, the older ones lack the last member, and the newer ones have one more.
#
# check_compatible.sh CC BUILD
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C
cc=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# headers FOLDER OLDER|NEWER: makes the headers
headers()
{
	local header
	mkdir -p "$1/stele"
	for header in include/stele/*.h; do
		awk -v release="$2" '
			# the members of a struct are kept until its end
			/^struct stele_[a-z_]* {$/ { grows = 0; count = 0; last = 0; inside = 1 }
			!inside { print; next }
			{ lines[++count] = $0 }
			/^\tsize_t size;/ { grows = 1 }
			/^\t[a-z].*;/ { last = count }
			/^};$/ {
				for (i = 1; i <= count; i++)
					if (!(grows && release == "OLDER" && i == last)) {
						if (grows && release == "NEWER" && i == count) print "\tuint64_t newer_;"
						print lines[i]
					}
				inside = 0
			}' "$header" >"$1/stele/${header##*/}"
	done
}

# try RELEASE INCLUDE
try()
{
	# shellcheck disable=SC2086 # lists of words
	$cc -std=c17 -D_GNU_SOURCE -D"$1" $LINK -I"$2" -o "$work/$1" tests/scripts/compatible.c \
		"$build/libstele.so" -Wl,-rpath,"$(realpath "$build")" || exit 1
	"$work/$1" || {
		echo "check-compatible: the program of the release $1 fails with this library"
		exit 1
	}
}

headers "$work/older" OLDER
headers "$work/newer" NEWER
for release in older newer; do
	! diff -rq include "$work/$release" >/dev/null || {
		echo "check-compatible: the $release headers are those of this release"
		exit 1
	}
done
# structs that the program does not use
while read -r struct; do
	grep -q "struct $struct $struct\|FILLED($struct)" tests/scripts/compatible.c || {
		echo "check-compatible: tests/scripts/compatible.c does not use struct $struct"
		exit 1
	}
done < <(awk '/^struct stele_[a-z_]* {$/ { name = $2; getline; if (/size_t size;/) print name }' include/stele/*.h)
try THIS include
try OLDER "$work/older"
try NEWER "$work/newer"
echo 'check-compatible: ok'
