#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make check-routers`: runs bird and FRR beside `stele publish --kernel-routes`, with large tables.
# After each change the region must equal what `ip -j route` prints, row by row (routers/compare.py).
# Prints progress and figures. Needs root.
#
#   STELE_ROUTERS_ROUTES=N   IPv4 routes (default: 900000); 8/45 as many IPv6 routes
#   STELE_ROUTERS=PARTS      some of the parts bird, bgp, frr, fpm (default: all)
#   STELE_PREFIXES=FILE      a routing table, one prefix a line (default: prefixes of routers/prefixes.awk)
#
# Everything runs in namespaces of its own, with /run and /dev/shm of its own, and ends with this
# script.
set -eu
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/frr
cd "$(dirname "$0")/../.."
stele=${STELE:-build/stele}
case $stele in /*) ;; *) stele=$PWD/$stele ;; esac
routes=${STELE_ROUTERS_ROUTES:-900000}

if [ "${1:-}" != inside ]; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "$0: needs root, for network namespaces" >&2
		exit 1
	fi
	exec unshare --mount --net --ipc --pid --fork --kill-child --mount-proc "$0" inside
fi
for place in /run /dev/shm; do mount -t tmpfs -o size=90% tmpfs "$place"; done
work=/run/work
mkdir -p $work /run/netns
here=tests/scripts/routers

failed=0
began=$SECONDS
say()
{
	printf '%4d s  %s\n' $((SECONDS - began)) "$*"
}

fail()
{
	say "FAILED: $*"
	failed=1
}

# until_true SECONDS COMMAND...: waits until the command succeeds.
until_true()
{
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then
			fail "gave up waiting for: $*"
			return 1
		fi
		sleep 0.2
	done
}

# ---- processes: NAME has its output in $work/NAME, its process in pid[NAME] ----

declare -A pid

start()
{
	local name=$1
	shift
	"$@" >"$work/$name" 2>&1 &
	pid[$name]=$!
}

stop()
{
	local name
	for name; do
		[ -n "${pid[$name]:-}" ] || continue
		kill "${pid[$name]}" 2>/dev/null || true
		wait "${pid[$name]}" 2>/dev/null || true
		unset "pid[$name]"
	done
}

# ticks NAME: prints the processor time of a process so far, in seconds.
ticks()
{
	sed 's/.*) //' "/proc/${pid[$1]}/stat" | awk -v hz="$(getconf CLK_TCK)" '{printf "%.1f", ($12 + $13) / hz}'
}

# memory NAME: prints the memory of a process in MB, shared memory included.
memory()
{
	awk '/^VmRSS/ {printf "%d", $2 / 1000}' "/proc/${pid[$1]}/status"
}

ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", (b > 0 ? a / b : 0)}'
}

# ---- the mirror ----

# mirror NAMESPACE: starts the mirror, and `ip monitor` to compare its processor time with.
mirror()
{
	space=$1
	start mirror ip netns exec "$space" "$stele" publish routers --kernel-routes
	until_true 30 "$stele" get routers/status 0
	start monitor ip netns exec "$space" ip -rcvbuf 134217728 monitor route
}

status()
{
	"$stele" dump --format ndjson routers/status | jq -r ".$1"
}

rows()
{
	"$stele" show --format json routers | jq ".tables[] | select(.table == \"$1\") | .rows"
}

# has COUNT4 COUNT6: the region has at least so many routes.
has()
{
	[ "$(rows fib4)" -ge "$1" ] && [ "$(rows fib6)" -ge "$2" ]
}

# has_few COUNT: the region has fewer routes than this.
has_few()
{
	[ "$(rows fib4)" -lt "$1" ] && [ "$(rows fib6)" -lt "$1" ]
}

equal()
{
	[ "$(status synced)" = true ] && ip netns exec "$space" $here/compare.py "$stele" routers >"$work/compare"
}

# The kernel may still change what it has: the routes of a link, long after the link.
compare()
{
	local tries
	for tries in 1 2 3 4; do
		if equal; then
			say "$1: $(cat "$work/compare"), in try $tries"
			return
		fi
		sleep $((tries * 2))
	done
	fail "$1: $(cat "$work/compare")"
	"$stele" get routers/status 0 || true
}

# figures DAEMON...: prints what mirror and daemons have used.
figures()
{
	local name ours peer
	ours=$(ticks mirror)
	say "  mirror: $ours s of processor time, $(memory mirror) MB;" \
		"$(status losses) losses, $(status dumps) dumps, $(status reads) reads of a link"
	for name in monitor "$@"; do
		peer=$(ticks "$name")
		say "  $name: $peer s, $(memory "$name") MB; the mirror: $(ratio "$ours" "$peer") times the time," \
			"$(ratio "$(memory mirror)" "$(memory "$name")") times the memory"
	done
}

# compacted DAEMON: waits until the memory of the mirror falls no more, since it compacts the region when
# the kernel is quiet, and compares memory. It is a figure, and fails nothing: in a small table the
# libraries of both weigh more than the routes.
compacted()
{
	local before now tries
	for ((tries = 0; tries < 6; tries++)); do
		before=${now:-0}
		now=$(memory mirror)
		[ "$now" -ne "$before" ] || break
		sleep 8
	done
	say "  compacted: mirror $(memory mirror) MB, $1 $(memory "$1") MB:" \
		"$(ratio "$(memory mirror)" "$(memory "$1")") times the memory"
}

unmirror()
{
	stop mirror monitor
	"$stele" rm routers >/dev/null 2>&1 || true
}

# ---- namespaces ----

# Two ends of a cable between two namespaces, or inside of one.
cable()
{
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

space()
{
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip netns exec "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.route.max_size=10000000 2>/dev/null || true
}

# prefixes FAMILY COUNT: prints prefixes of a family.
prefixes()
{
	if [ -z "${STELE_PREFIXES:-}" ]; then
		awk -v family="$1" -v count="$2" -f $here/prefixes.awk
	else
		tr -d '\r' <"$STELE_PREFIXES" |
			awk -v family="$1" -v count="$2" '(family == 6) == /:/ && count-- > 0'
	fi
}

# bird_routes FAMILY COUNT GATEWAY...: prints routes for bird, through the gateways in turn.
bird_routes()
{
	local family=$1 count=$2
	shift 2
	prefixes "$family" "$count" |
		awk -v gateways="$*" 'BEGIN {n = split(gateways, g, " ")} {print "route " $0 " via " g[NR % n + 1] ";"}'
}

bird_start()
{
	start "$1" ip netns exec "$1" bird -f -c "$work/$1.conf" -s "/run/$1.ctl" -P "/run/$1.pid"
}

# ---- a full table, from bird's static protocols ----

part_bird()
{
	local four=$1 six=$2

	space full
	cable full r0 full r1
	ip -n full address add 10.255.0.1/24 dev r0
	ip -n full address add fd00:ffff::1/64 dev r0
	{
		echo 'router id 10.255.0.1; protocol device {}'
		echo 'protocol kernel kernel4 {ipv4 {export all;};}'
		echo 'protocol kernel kernel6 {ipv6 {export all;};}'
		echo 'protocol static static4 {ipv4;'
		bird_routes 4 "$four" 10.255.0.2 10.255.0.3 10.255.0.4 10.255.0.5
		echo '}'
		echo 'protocol static static6 {ipv6;'
		bird_routes 6 "$six" fd00:ffff::2 fd00:ffff::3
		echo '}'
	} >$work/full.conf
	mirror full
	bird_start full
	say "bird: $four IPv4 and $six IPv6 routes, from bird to the kernel"
	until_true 900 has "$four" "$six" || return 0
	compare 'bird: loaded'
	figures full
	compacted full

	ip -n full link set r0 down
	until_true 120 has_few 100 || return 0
	compare 'bird: the link is down'
	figures full
	stop full
	unmirror
	ip netns delete full
}

# ---- two birds with BGP ----

# bgp_conf ROUTER-ID OWN PEER AS PEER-AS EXPORT: prints a bird's BGP session and kernel protocols.
bgp_conf()
{
	cat <<-END
		router id $1;
		protocol device {}
		protocol bgp peer {
			local $2 as $4;
			neighbor $3 as $5;
			connect delay time 1;
			connect retry time 2;
			error wait time 1, 2;
			ipv4 {import all; export $6; next hop self; extended next hop off;};
			ipv6 {import all; export $6; next hop self;};
		}
	END
}

# Makes the bird that sends routes to a namespace by BGP: feeder SPACE IPV4 IPV6.
feeder()
{
	local space=$1 four=$2 six=$3
	local next_hop='ipv6 {import all; export filter {bgp_next_hop = fd00:ffff::1; accept;};}'

	space feeder
	cable feeder f0 "$space" r0
	ip -n feeder address add 10.255.0.1/24 dev f0
	ip -n feeder address add fd00:ffff::1/64 dev f0
	ip -n "$space" address add 10.255.0.2/24 dev r0
	ip -n "$space" address add fd00:ffff::2/64 dev r0
	{
		bgp_conf 10.255.0.1 10.255.0.1 10.255.0.2 65001 65002 all
		echo 'protocol static static4 {ipv4;'
		bird_routes 4 "$four" 10.255.0.1
		echo '}'
		echo 'protocol static static6 {ipv6;'
		bird_routes 6 "$six" fd00:ffff::1
		echo '}'
	} | sed "s/ via .*;/ blackhole;/; s/ipv6 {import all; export all; next hop self;}/$next_hop/" \
		>$work/feeder.conf
}

part_bgp()
{
	local four=$1 six=$2

	space router
	feeder router "$four" "$six"
	{
		bgp_conf 10.255.0.2 10.255.0.2 10.255.0.1 65002 65001 none
		echo 'protocol kernel kernel4 {ipv4 {export all;};}'
		echo 'protocol kernel kernel6 {ipv6 {export all;};}'
	} >$work/router.conf
	mirror router
	bird_start feeder
	bird_start router
	say "bgp: two birds, $four IPv4 and $six IPv6 routes"
	until_true 900 has "$four" "$six" || return 0
	compare 'bgp: loaded'
	figures router

	birdc -s /run/feeder.ctl disable peer >/dev/null
	until_true 300 has_few 100 || return 0
	compare 'bgp: the session is down'
	birdc -s /run/feeder.ctl enable peer >/dev/null
	until_true 900 has "$four" "$six" || return 0
	compare 'bgp: the session is up again'
	figures router
	compacted router
	stop feeder router
	unmirror
	ip netns delete feeder
	ip netns delete router
}

# ---- FRR: bgpd and zebra, with two peers that announce the same routes ----

# frr NAME DAEMON ARGUMENT...: starts a daemon of FRR in the namespace.
frr()
{
	local name=$1 daemon=$2
	shift 2
	start "$name" ip netns exec frr "$daemon" -f "$work/$name.conf" -i "/run/frr/$name.pid" \
		-z /run/frr/zserv.api --vty_socket /run/frr -A 127.0.0.1 "$@"
}

part_frr()
{
	local four=$1 six=$2 peer

	space frr
	install -d -o frr -g frr /run/frr
	for peer in 1 2; do
		space "peer$peer"
		cable "peer$peer" p0 frr "f$peer"
		ip -n "peer$peer" address add "10.255.$peer.2/24" dev p0
		ip -n "peer$peer" address add "fd00:ffff:$peer::2/64" dev p0
		ip -n frr address add "10.255.$peer.1/24" dev "f$peer"
		ip -n frr address add "fd00:ffff:$peer::1/64" dev "f$peer"
		{
			bgp_conf "10.255.$peer.2" "10.255.$peer.2" "10.255.$peer.1" 65001 65002 all
			echo 'protocol static static4 {ipv4;'
			bird_routes 4 "$four" 10.255.0.1
			echo '}'
			echo 'protocol static static6 {ipv6;'
			bird_routes 6 "$six" fd00:ffff::1
			echo '}'
		} | sed "s/ via .*;/ blackhole;/; s/ipv6 {import all; export all; next hop self;}/ipv6 {import all; export filter {bgp_next_hop = fd00:ffff:$peer::2; accept;};}/" \
			>"$work/peer$peer.conf"
	done
	cat >$work/zebra.conf <<-END
		hostname frr
	END
	cat >$work/bgpd.conf <<-END
		router bgp 65002
		 bgp router-id 10.255.1.1
		 no bgp ebgp-requires-policy
		 no bgp network import-check
		 timers bgp 3 9
		 neighbor 10.255.1.2 remote-as 65001
		 neighbor 10.255.1.2 timers connect 2
		 neighbor 10.255.2.2 remote-as 65001
		 neighbor 10.255.2.2 timers connect 2
		 address-family ipv4 unicast
		  neighbor 10.255.1.2 activate
		  neighbor 10.255.2.2 activate
		  maximum-paths 2
		 exit-address-family
		 address-family ipv6 unicast
		  neighbor 10.255.1.2 activate
		  neighbor 10.255.2.2 activate
		  maximum-paths 2
		 exit-address-family
	END
	mirror frr
	frr zebra zebra
	until_true 30 test -e /run/frr/zserv.api || return 0
	frr bgpd bgpd
	bird_start peer1
	bird_start peer2
	say "frr: $four IPv4 and $six IPv6 routes from each of two peers"
	until_true 900 has "$four" "$six" || return 0
	until_true 300 frr_has "$four" 2
	compare 'frr: loaded, with two next hops each'
	figures zebra

	ip -n frr link set f2 down
	until_true 300 frr_has "$four" 1
	compare 'frr: a link is down'
	ip -n frr link set f2 up
	# The kernel has taken the hops of the link out of zebra's next-hop groups. zebra 8.4 does not
	# put them back, so the number of hops says nothing.
	ip -n frr address replace fd00:ffff:2::1/64 dev f2
	until_true 300 frr_established
	compare 'frr: the link is up again'
	figures zebra

	# As watchfrr does: bgpd 8.4 does not find a new zebra.
	stop bgpd zebra
	compare 'frr: zebra has stopped'
	frr zebra zebra
	until_true 30 test -e /run/frr/zserv.api || return 0
	frr bgpd bgpd
	until_true 300 frr_has "$four" 2 || return 0
	compare 'frr: zebra is back'
	say "  next-hop objects: $(rows nexthops) rows"
	figures zebra
	stop bgpd zebra peer1 peer2
	unmirror
	for peer in frr peer1 peer2; do ip netns delete "$peer"; done
}

# frr_has COUNT HOPS: so many rows of fib4 have so many next hops.
frr_has()
{
	[ "$("$stele" dump --format ndjson routers/fib4 | grep -c "\"next_hops\": $2,")" -ge "$1" ]
}

# Both sessions are up for both families.
frr_established()
{
	[ "$(vtysh --vty_socket /run/frr -c 'show bgp summary json' | grep -c '"state":"Established"')" -eq 4 ]
}

# ---- FRR pushes its routes over TCP: zebra with dplane_fpm_nl, and bgpd with one peer ----

# pushed_routes: prints prefix and router of each route of BGP in the region.
pushed_routes()
{
	local table
	for table in fib4 fib6; do
		"$stele" dump --format csv "routers/$table" | awk -F, '
			NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; next}
			$at["protocol"] == "bgp" {print $at["prefix"], $at["gateway"]}'
	done | sort
}

# installed_routes: prints the same of the kernel, where zebra installs its routes, too.
installed_routes()
{
	local family all
	for family in 4 6; do
		all=$((family == 4 ? 32 : 128))
		ip -n fpm "-$family" route show proto bgp | awk -v all="$all" -v default="$([ $family = 4 ] && echo 0.0.0.0/0 || echo ::/0)" '
			{
				prefix = $1 == "default" ? default : index($1, "/") ? $1 : $1 "/" all
				for (i = 2; i < NF; i++)
					if ($i == "via")
						print prefix, $(i + 1)
			}'
	done | sort
}

# compare_pushed WHAT: the routes of BGP are those of the kernel.
compare_pushed()
{
	until_true 120 synced || return 0
	if ! cmp -s <(pushed_routes) <(installed_routes); then
		fail "$1: the region has other routes than the kernel"
		diff <(pushed_routes) <(installed_routes) | head -n 20
		return
	fi
	say "$1: $(rows fib4) IPv4 routes; $(rows fib6) IPv6 routes; equal"
}

synced()
{
	[ "$(status synced)" = true ]
}

frr_fpm()
{
	local name=$1 daemon=$2
	shift 2
	start "$name" ip netns exec fpm "$daemon" -f "$work/$name.conf" -i "/run/frr/$name.pid" \
		-z /run/frr/zserv.api --vty_socket /run/frr -A 127.0.0.1 "$@"
}

part_fpm()
{
	local four=$1 six=$2

	space fpm
	install -d -o frr -g frr /run/frr
	rm -f /run/frr/zserv.api
	feeder fpm "$four" "$six"
	echo 'fpm address 127.0.0.1 port 2620' >$work/zebra.conf
	cat >$work/bgpd.conf <<-END
		router bgp 65002
		 no bgp ebgp-requires-policy
		 no bgp network import-check
		 neighbor 10.255.0.1 remote-as 65001
		 neighbor 10.255.0.1 timers connect 2
		 address-family ipv6 unicast
		  neighbor 10.255.0.1 activate
		 exit-address-family
	END
	start mirror ip netns exec fpm "$stele" publish routers --fpm 2620
	until_true 30 "$stele" get routers/status 0
	frr_fpm zebra zebra -s 90000000 -M dplane_fpm_nl
	until_true 30 test -e /run/frr/zserv.api || return 0
	frr_fpm bgpd bgpd
	bird_start feeder
	say "fpm: $four IPv4 and $six IPv6 routes, from zebra over TCP"
	until_true 1800 has "$four" "$six" || return 0
	compare_pushed 'fpm: loaded'
	pushed_figures

	# The walk of the new connection sends all routes again.
	stop mirror
	"$stele" rm routers >/dev/null
	start mirror ip netns exec fpm "$stele" publish routers --fpm 2620
	until_true 1800 has "$four" "$six" || return 0
	compare_pushed 'fpm: the mirror has started again'
	pushed_figures

	birdc -s /run/feeder.ctl disable peer >/dev/null
	until_true 900 has_few 100 || return 0
	compare_pushed 'fpm: the session is down'
	pushed_figures
	stop bgpd zebra feeder
	unmirror
	ip netns delete fpm
	ip netns delete feeder
}

pushed_figures()
{
	say "  mirror: $(ticks mirror) s of processor time, $(memory mirror) MB;" \
		"zebra: $(ticks zebra) s, $(memory zebra) MB;" \
		"$(ratio "$(ticks mirror)" "$(ticks zebra)") times the time," \
		"$(ratio "$(memory mirror)" "$(memory zebra)") times the memory"
}

for part in ${STELE_ROUTERS:-bird bgp frr fpm}; do
	count=$routes
	[ "$part" != frr ] || count=$((routes * 4 / 45))
	"part_$part" "$count" $((count * 8 / 45))
	stop "${!pid[@]}"
	unmirror
done
if [ $failed -ne 0 ]; then
	say 'check-routers: failed'
	exit 1
fi
say 'check-routers: ok'
