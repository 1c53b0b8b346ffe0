#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make run`: the main job, to look at. Publishes a table and the kernel's routes, has two subscribers print
# what they are told, changes a route and shows the change arrive. Routes are changed in a network namespace of
# its own, never on the machine; its live table is only read.
set -eu
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."
stele=${STELE:-build/stele}
case $stele in /*) ;; *) stele=$PWD/$stele ;; esac

region=demo-$$
work=$(mktemp -d)
processes=()
declare -A shown

cleanup()
{
	local process
	for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
	for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
	"$stele" rm "$region" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step()
{
	printf '\n== %s\n' "$*"
}

# shows a command and runs it
show()
{
	printf '$ %s\n' "${*//"$stele"/stele}"
	"$@"
}

# waits, for at most ten seconds, until a command succeeds
until_true()
{
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.02
	done
	echo "$0: waited in vain for: $*" >&2
	cat "$work"/*.err >&2 2>/dev/null || true
	exit 1
}

start()
{
	local name=$1
	shift
	"$@" >"$work/$name" 2>"$work/$name.err" &
	processes+=($!)
}

subscribers_are()
{
	"$stele" show --format json "$region" | grep -qE "\"subscribers\": *$1\\b"
}

# starts two subscribers of a table and waits until the region knows them
subscribe()
{
	local name
	for name in subscriber-1 subscriber-2; do
		printf '$ stele watch %s &\n' "$1"
		start "$name" "$stele" watch "$1"
		shown[$name]=0
	done
	until_true subscribers_are 2
}

# what a subscriber has printed and was not shown yet
news()
{
	tail -n "+$((shown[$1] + 1))" "$work/$1"
}

has_news()
{
	news "$1" | grep -F -- "$2"
}

# waits until both subscribers have printed a line with this text, then shows what they printed
told()
{
	local name
	for name in subscriber-1 subscriber-2; do
		until_true has_news "$name" "$1"
		news "$name" >"$work/news"
		sed "s/^/  $name | /" "$work/news"
		shown[$name]=$((shown[$name] + $(wc -l <"$work/news")))
	done
}

stop()
{
	local process
	for process in "${processes[@]}"; do kill "$process"; done
	for process in "${processes[@]}"; do wait "$process" || true; done
	processes=()
	"$stele" rm "$region"
}

# in a network namespace of its own: what the kernel's routes do, subscribers are told
in_namespace()
{
	local hop='via 198.51.100.2 dev demo0' second='via 198.51.100.3 dev demo0'

	ip link set lo up
	if ip link add demo0 type dummy 2>/dev/null; then
		ip link set demo0 up
	elif ip link add demo0 type veth peer name demo1 2>/dev/null; then
		ip link set demo0 up
		ip link set demo1 up
	fi
	if ip link show demo0 >/dev/null 2>&1; then
		ip address add 198.51.100.1/24 dev demo0
	else
		# a kernel without such links: the loopback interface carries the route
		ip address add 198.51.100.1/24 dev lo
		hop='dev lo' second='dev lo mtu 1400'
	fi
	printf '$ stele publish --kernel-routes %s &\n' "$region"
	start mirror "$stele" publish --kernel-routes "$region"
	until_true "$stele" dump "$region/routes4"
	subscribe "$region/routes4"
	# shellcheck disable=SC2086 # words
	show ip route add 203.0.113.0/24 $hop
	told 203.0.113.0/24
	show "$stele" lookup "$region/routes4" 203.0.113.7
	# shellcheck disable=SC2086
	show ip route replace 203.0.113.0/24 $second
	told 203.0.113.0/24
	show ip route del 203.0.113.0/24
	told 203.0.113.0/24
	stop
}

if [ "${1:-}" = in-namespace ]; then
	in_namespace
	exit
fi

step 'A region, its table declared in words; anybody who may read it can print it'
show "$stele" create "$region" \
	--table 'routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)'

step 'A whole table of 5,000 prefixes, published as one version'
show "$stele" publish "$region/routes" docs/data/prefixes.csv
show "$stele" show "$region"

step 'Longest-prefix matches, read straight from shared memory'
show "$stele" lookup "$region/routes" 10.177.100.7 100.64.0.1 8.8.8.8

step 'Two subscribers, and a change: both are told that row and no other'
subscribe "$region/routes"
show "$stele" set "$region/routes" 10.177.100.0/23 next_hop=192.0.2.99
told 10.177.100.0/23

step 'The same file again with one line changed: only the difference is committed'
sed 's|^10.0.0.0/8,[^,]*|10.0.0.0/8,192.0.2.77|; s|^10.177.100.0/23,[^,]*|10.177.100.0/23,192.0.2.99|' \
	docs/data/prefixes.csv >"$work/changed.csv"
show "$stele" publish "$region/routes" "$work/changed.csv"
told 10.0.0.0/8
stop

step "This machine's own routes, mirrored (and only read)"
printf '$ stele publish --kernel-routes %s &\n' "$region"
start mirror "$stele" publish --kernel-routes "$region"
until_true "$stele" dump "$region/routes4"
show "$stele" dump "$region/routes4" >"$work/live"
head -n 20 "$work/live"
stop

step "A route of the kernel's added, changed and deleted, in a network namespace of its own"
if [ "$(id -u)" -eq 0 ]; then own=(unshare --net); else own=(unshare --map-root-user --net); fi
if "${own[@]}" ip link set lo up 2>/dev/null; then
	STELE=$stele "${own[@]}" "$BASH" tests/scripts/run.sh in-namespace
else
	echo 'skipped: this user may not make network namespaces here; the change above was made with "stele set"'
fi

step 'Done; regions, queues and processes are gone'
