#!/bin/bash
# SPDX-License-Identifier: MIT
#
# plots.sh OUTPUT FOLDER: draws FOLDER/bench_PLOT.svg from the lines `plot PLOT SERIES X Y`
# that the benchmarks printed into OUTPUT.
set -euo pipefail

output=$1 folder=$2
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

# draw PLOT TITLE X-AXIS Y-AXIS
draw()
{
	local plots='' series

	# shellcheck disable=SC2013 # a series is one word
	for series in $(awk -v plot="$1" '$1 == "plot" && $2 == plot && !seen[$3]++ { print $3 }' "$output"); do
		awk -v plot="$1" -v series="$series" '$1 == "plot" && $2 == plot && $3 == series { print $4, $5 }' \
			"$output" >"$data/$1.$series"
		plots="$plots${plots:+, }'$data/$1.$series' title '${series//_/ }' with linespoints pointtype 7 pointsize 0.5"
	done
	if [ -z "$plots" ]; then
		echo "plots.sh: $output has nothing for $1" >&2
		return
	fi
	gnuplot <<-END
		set terminal svg size 640,400 dynamic background 'white' font 'sans,12'
		set output '$folder/bench_$1.svg'
		set title '$2'
		set xlabel '$3'
		set ylabel '$4'
		set logscale xy
		set format x '10^{%L}'
		set grid
		set key top left
		plot $plots
	END
	echo "$folder/bench_$1.svg"
}

draw get 'random get' 'rows in the table' 'ns'
draw scan 'ordered scan' 'rows in the table' 'ns a row'
draw commit 'commit of one row' 'rows in the table' 'ns'
draw changed 'changes in a table of 1,000,000 rows' 'rows changed' 'us'
draw subscribers 'commit that wakes all subscribers' 'subscribers' 'us'
