#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make run`: shows the main use. Publishes a table and the kernel's routes, starts two subscribers
# that print the changes they receive, changes a route, and shows the change arrive. Kernel routes
# are changed only in a network namespace; the machine's own routes are only read.
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

# show COMMAND...: prints a command and runs it.
show()
{
	printf '$ %s\n' "${*//"$stele"/stele}"
	"$@"
}

# until_true COMMAND...: waits, for at most ten seconds, until the command succeeds.
until_true()
{
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.02
	done
	echo "$0: gave up after 10 seconds of waiting for: $*" >&2
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

# subscribe TABLE: starts two subscribers, and waits until both are registered.
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

# news SUBSCRIBER: prints the part of a subscriber's output that has not been shown yet.
news()
{
	tail -n "+$((shown[$1] + 1))" "$work/$1"
}

has_news()
{
	news "$1" | grep -F -- "$2"
}

# told TEXT: waits until both subscribers have printed a line with this text, and shows their new
# output.
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

# Runs in a network namespace: changes kernel routes, and shows the changes that subscribers
# receive.
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
		# the kernel has no such links, so the loopback interface carries the route
		ip address add 198.51.100.1/24 dev lo
		hop='dev lo' second='dev lo mtu 1400'
	fi
	printf '$ stele publish --kernel-routes %s &\n' "$region"
	start mirror "$stele" publish --kernel-routes "$region"
	until_true "$stele" dump "$region/fib4"
	subscribe "$region/fib4"
	# shellcheck disable=SC2086 # words
	show ip route add 203.0.113.0/24 $hop
	told 203.0.113.0/24
	show "$stele" lookup "$region/fib4" 254,203.0.113.7
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

step 'Create a region whose table carries its own schema, so that any reader can print it'
show "$stele" create "$region" \
	--table 'routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)'

step 'Publish a table of 5,000 prefixes as one version'
show "$stele" publish "$region/routes" docs/data/prefixes.csv
show "$stele" show "$region"

step 'Look up longest-prefix matches in shared memory'
show "$stele" lookup "$region/routes" 10.177.100.7 100.64.0.1 8.8.8.8

step 'Change one row: two subscribers receive that row and no other'
subscribe "$region/routes"
show "$stele" set "$region/routes" 10.177.100.0/23 next_hop=192.0.2.99
told 10.177.100.0/23

step 'Publish the file again with one line changed: only the difference is committed'
sed 's|^10.0.0.0/8,[^,]*|10.0.0.0/8,192.0.2.77|; s|^10.177.100.0/23,[^,]*|10.177.100.0/23,192.0.2.99|' \
	docs/data/prefixes.csv >"$work/changed.csv"
show "$stele" publish "$region/routes" "$work/changed.csv"
told 10.0.0.0/8
stop

step "Mirror this machine's own routes, which are only read"
printf '$ stele publish --kernel-routes %s &\n' "$region"
start mirror "$stele" publish --kernel-routes "$region"
until_true "$stele" dump "$region/fib4"
show "$stele" dump "$region/fib4" >"$work/live"
head -n 20 "$work/live"
stop

step "Add, change and delete a kernel route in a network namespace"
if [ "$(id -u)" -eq 0 ]; then own=(unshare --net); else own=(unshare --map-root-user --net); fi
if "${own[@]}" ip link set lo up 2>/dev/null; then
	STELE=$stele "${own[@]}" "$BASH" tests/scripts/run.sh in-namespace
else
	echo 'skipped: this user may not create network namespaces; the change above was made with "stele set"'
fi

step 'Done: all regions, queues and processes have been removed'
