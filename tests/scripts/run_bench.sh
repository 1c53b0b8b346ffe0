#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run_bench.sh OUTPUT BENCHMARK...: runs the benchmarks one after the other. What they print goes into
# OUTPUT as well, where the points of plots are too; the lines `ratio NAME VALUE REACH` come together at
# the end. No value is a failure, but a wrong answer is: then the others run all the same, and the exit
# status is 1.
set -euo pipefail

output=$1
shift
failed=
: >"$output"
for benchmark; do
	echo "== ${benchmark##*/}"
	"$benchmark" | tee -a "$output" | sed -u '/^ratio /d; /^plot /d' || failed="$failed ${benchmark##*/}"
done
grep '^ratio ' "$output" || true
if [ -n "$failed" ]; then
	echo "failed:$failed" >&2
	exit 1
fi
