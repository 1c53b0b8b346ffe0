#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make demo`: a demonstration for `stele top`. One region holds a routing table as large as the
# Internet's under churn, with its neighbours and settings. Another holds the kernel's routes in a
# network namespace, where one route comes and goes. A dozen subscribers read them; one is slow, and
# one is stopped. On a terminal the script runs top, and ends with it; otherwise it prints how to
# run top, and ends by Ctrl-C. It removes everything at its end.
#
# demo.sh [COMMAND...]   runs COMMAND instead of top, with the regions' names in $DEMO_NET and
#                        $DEMO_KERNEL
set -eu
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."
stele=${STELE:-build/stele}
case $stele in /*) ;; *) stele=$PWD/$stele ;; esac
publisher=${STELE_DEMO_PUBLISHER:-build/demo_publisher}
routes=${STELE_DEMO_ROUTES:-900000}

# A trap runs safely only between commands: if a signal arrives while bash is in its own `wait` or
# `read`, the commands of the trap may wait for ever. So every long wait here is a loop of short
# sleeps.

# Sends TERM to all background jobs until none is left. A job that has just been started may miss
# the first TERM. A stopped job dies once it is continued.
end_all()
{
	local processes
	trap '' INT TERM HUP
	set +e
	while processes=$(jobs -pr) && [ -n "$processes" ]; do
		# shellcheck disable=SC2086 # a list of processes
		kill $processes
		# shellcheck disable=SC2086 # a list of processes
		kill -CONT $processes
		sleep 0.05
	done 2>/dev/null
}

# ---- in the network namespace: one route comes and goes until this process is killed ----

if [ "${1:-}" = in-namespace ]; then
	ip link set lo up
	if ! ip link add demo0 type dummy 2>/dev/null; then
		demo0=lo
	fi
	ip link set "${demo0:=demo0}" up
	ip address add 198.51.100.1/24 dev "$demo0"
	trap 'end_all; exit' TERM
	"$stele" publish --kernel-routes "$2" >/dev/null &
	while :; do
		ip route replace 203.0.113.0/24 dev "$demo0" metric $((RANDOM % 9 + 1))
		sleep 0.7
		ip route flush 203.0.113.0/24
		sleep 0.4
	done
fi

# ---- the regions and subscribers ----

export DEMO_NET=demo-net-$$ DEMO_KERNEL=demo-kernel-$$
work=$(mktemp -d)

cleanup()
{
	end_all
	"$stele" rm "$DEMO_NET" "$DEMO_KERNEL" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start()
{
	"$@" >/dev/null 2>>"$work/errors" &
}

# subscribe NAME ARGUMENT...: starts a subscriber. The link gives its command the name that top
# shows.
subscribe()
{
	ln -s "$stele" "$work/$1"
	start "$work/$1" watch "${@:2}"
}

until_true()
{
	local tries
	for ((tries = 0; tries < 1500; tries++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.02
	done
	echo "demo: gave up after 30 seconds of waiting for: $*" >&2
	cat "$work/errors" >&2
	exit 1
}

subscribers_are()
{
	"$stele" show --format json "$1" | grep -qE "\"subscribers\": *$2\\b"
}

echo "making a table of $routes routes ..."
start "$publisher" "$DEMO_NET" "$routes"
until_true "$stele" get "$DEMO_NET/config" motd
if [ "$(id -u)" -eq 0 ]; then own=(unshare --net); else own=(unshare --map-root-user --net); fi
if "${own[@]}" true 2>/dev/null; then
	export STELE=$stele
	start "${own[@]}" "$BASH" tests/scripts/demo.sh in-namespace "$DEMO_KERNEL"
	until_true "$stele" show "$DEMO_KERNEL"
	subscribe kernel-log "$DEMO_KERNEL"
else
	echo 'continuing without kernel routes: this user may not create network namespaces'
fi

subscribe forwarder "$DEMO_NET/routes"
subscribe forwarder-2 --notifier socket "$DEMO_NET/routes"
subscribe firewall --notifier futex "$DEMO_NET/config"
subscribe dns --notifier mq "$DEMO_NET/config"
subscribe snmpd --notifier semaphore "$DEMO_NET"
subscribe looking-glass --notifier sysv "$DEMO_NET/neighbours"
subscribe collector --notifier fifo "$DEMO_NET"
subscribe netflow --notifier signal "$DEMO_NET/routes"
subscribe dashboard --notifier futex "$DEMO_NET/neighbours"
subscribe auditor "$DEMO_NET"
subscribe archiver --exec 'cat >/dev/null; sleep 2' "$DEMO_NET"
subscribe lab-router "$DEMO_NET/routes"
until_true subscribers_are "$DEMO_NET" 12
kill -STOP $!

# run COMMAND...: runs a command in the background. In the foreground, a signal to this script would
# be handled only after the command's end.
run()
{
	"$@" <&0 &
	while kill -0 $! 2>/dev/null; do sleep 0.2; done
	wait $!
}

if [ $# -gt 0 ]; then
	run "$@"
elif [ -t 0 ] && [ -t 1 ]; then
	run "$stele" top
else
	echo "the regions are $DEMO_NET and $DEMO_KERNEL; to watch them, run: $stele top"
	echo 'to end the demonstration: Ctrl-C, or kill '$$
	while :; do sleep 0.2; done
fi
