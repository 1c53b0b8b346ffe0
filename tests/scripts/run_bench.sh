#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the benchmarks one after the other. Writes all of their output to OUTPUT, and all but the
# points of plots to standard output, with the lines `ratio NAME VALUE REACH` collected at the end.
# A slow result is no failure. A wrong answer is: the other benchmarks still run, and the exit
# status is 1.
#
# run_bench.sh OUTPUT BENCHMARK...
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
