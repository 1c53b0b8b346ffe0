#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Checks that the shared library in BUILD has the probes that docs/tracing.md lists, all of them and no more, each
# with as many arguments; that is, where <sys/sdt.h> was there when it was built.
#
# check_probes.sh BUILD
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

if ! grep -q -- -DSTELE_PROBES "$1/flags"; then
	echo 'check-probes: skipped, as there is no <sys/sdt.h> (Debian: systemtap-sdt-dev)'
	exit 0
fi
# name and number of arguments: the region, and what is between commas
listed=$(sed -nE 's/^\| `([a-z]+)` \| ([^|]*) \|.*/\1 \2/p' docs/tracing.md | awk '{ print $1, NF }' | sort -u)
there=$(readelf -n "$1/libstele.so" | awk '
	$1 == "Provider:" { provider = $2 }
	$1 == "Name:" { name = $2 }
	$1 == "Arguments:" && provider == "stele" { print name, NF - 1 }' | sort -u)
if ! diff <(echo "$listed") <(echo "$there"); then
	echo 'check-probes: < is listed in docs/tracing.md, > is there: name and number of arguments'
	exit 1
fi
echo 'check-probes: ok'
