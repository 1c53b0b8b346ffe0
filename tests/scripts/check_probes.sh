#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that the shared library has exactly the probes that docs/tracing.md lists, with the same
# numbers of arguments. Probes need <sys/sdt.h>, which `make check` has installed.
#
# check_probes.sh LIBRARY
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C

# Lines of NAME ARGUMENTS. The first argument is the region; the others are separated by commas.
# shellcheck disable=SC2016 # backquotes of Markdown
listed=$(sed -nE 's/^\| `([a-z]+)` \| ([^|]*) \|.*/\1 \2/p' docs/tracing.md | awk '{ print $1, NF }' | sort -u)
there=$(readelf -n "$1" | awk '
	$1 == "Provider:" { provider = $2 }
	$1 == "Name:" { name = $2 }
	$1 == "Arguments:" && provider == "stele" { print name, NF - 1 }' | sort -u)
if [ -z "$there" ]; then
	echo "check-probes: $1 has no probes: it was compiled without <sys/sdt.h>" \
		"(Debian: systemtap-sdt-dev)" >&2
	exit 1
fi
if ! diff <(echo "$listed") <(echo "$there"); then
	echo 'check-probes: the probes differ (< docs/tracing.md, > the library: name, number of arguments)'
	exit 1
fi
echo 'check-probes: ok'
