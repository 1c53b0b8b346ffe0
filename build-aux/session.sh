#!/bin/bash
# SPDX-License-Identifier: MIT
#
# session.sh FILE: draws FILE, a session in a shell, from the real output of $STELE. The region "net" of the
# session is in a temporary folder.
set -euo pipefail

file=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export STELE folder

# Prints the session with the colours of a terminal. The option --directory is not shown.
play()
{
	local watch
	show() { printf '\e[2m$\e[0m \e[1;37m%-54s\e[0m\e[36m%s\e[0m\n' "$1" "${2:+ $2}"; }
	run() { "$STELE" "$1" --directory "$folder" "${@:2}"; }
	table='routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)'
	show "stele create net --table '$table'"
	run create net --table "$table"
	show 'stele publish net/routes docs/data/prefixes.csv'
	run publish net/routes docs/data/prefixes.csv
	echo
	show 'stele lookup net/routes 10.177.100.7' '# longest-prefix match, read from shared memory'
	run lookup net/routes 10.177.100.7
	echo
	show 'stele watch net &' '# a subscriber; there may be any number'
	run watch net >"$folder/watch" &
	watch=$!
	until "$STELE" subscribers --directory "$folder" --format json net | grep -q '"pid"'; do sleep 0.1; done
	show 'stele set net/routes 10.177.100.0/23 next_hop=192.0.2.99' '# a commit; it wakes the subscriber, which prints (green)'
	run set net/routes 10.177.100.0/23 next_hop=192.0.2.99
	until [ "$(wc -l <"$folder/watch")" -ge 2 ]; do sleep 0.1; done
	sed 's/^.*$/\x1b[32m&\x1b[0m/' "$folder/watch"
	echo
	show 'stele lookup net/routes 10.177.100.7'
	run lookup net/routes 10.177.100.7
	kill "$watch"
	wait "$watch" || true
}

play >"$folder/screen"
build-aux/screen_svg.py 118 "$(wc -l <"$folder/screen")" \
	'A session in a shell: a table is created, filled, looked up, watched and changed' \
	<"$folder/screen" >"$file.new"
mv "$file.new" "$file"
