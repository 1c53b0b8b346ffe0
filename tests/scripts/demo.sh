#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make demo`: a small scene to look at with `stele top`: a routing table as large as that of the Internet under
# churn, with its neighbours and settings; the kernel's routes in a network namespace of its own, where one comes and goes; a
# dozen subscribers, one of them slow and one stopped. On a terminal it opens top, and ends with it; else it says
# how to look, and ends when it is told to (Ctrl-C). At its end everything is gone.
#
# demo.sh [COMMAND...]   runs COMMAND in place of top; the regions' names are in $DEMO_NET and $DEMO_KERNEL
set -eu
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."
stele=${STELE:-build/stele}
case $stele in /*) ;; *) stele=$PWD/$stele ;; esac
publisher=${STELE_DEMO_PUBLISHER:-build/demo_publisher}
routes=${STELE_DEMO_ROUTES:-900000}

# A trap's commands run safely only between others: bash that is told to end while it is in its own wait or read may
# wait for ever in the commands of the trap. So all that takes long here is a short sleep, again and again.

# TERM until all that was started is gone, as one may not have come so far as to take it; the stopped one dies when it goes on
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

# ---- in the network namespace: one route comes and goes, until this is killed

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

# ---- the scene

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

# a subscriber is known by the name of its command
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
	echo "demo: waited in vain for: $*" >&2
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
	echo 'without the kernel: this user may not make network namespaces here'
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

# not in the foreground, where a signal to this would wait for its end
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
	echo "the regions are $DEMO_NET and $DEMO_KERNEL; look at them with: $stele top"
	echo 'to end the scene: Ctrl-C, or kill '$$
	while :; do sleep 0.2; done
fi
