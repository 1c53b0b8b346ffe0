#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the routes and next-hop objects of a region with those of the kernel, row by row.

compare.py STELE REGION: prints the numbers of routes if there is no difference, or the first
differences; then the exit status is 1. Both sides become lines of text in one format, with the
place of each route among those of its prefix, TOS and metric, and a mark at the route that is in
fib4 or fib6."""

import ipaddress
import glob
import json
import subprocess
import sys

SHOWN = 10  # differences that are printed

TYPES = {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
         "unreachable": 7, "prohibit": 8, "throw": 9}
PREFERENCES = {"high": -1, "medium": 0, "low": 1}


def names(*paths):
    """Reads names of numbers. A name that two numbers have stands for the first."""
    found = {}
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    words = line.split("#")[0].split()
                    if len(words) == 2:
                        found.setdefault(words[1], int(words[0], 0))
        except FileNotFoundError:
            pass
    return found


PROTOCOLS = names("/etc/iproute2/rt_protos", *sorted(glob.glob("/etc/iproute2/rt_protos.d/*.conf")),
                  "/usr/share/iproute2/rt_protos")
SCOPES = names("/etc/iproute2/rt_scopes", "/usr/share/iproute2/rt_scopes")


def number(word, of):
    return of[word] if word in of else int(word)


def hop_line(gateway, link, weight, dead, down, onlink):
    return f"{gateway} {link} {weight}{' dead' * dead}{' linkdown' * down}{' onlink' * onlink}"


# ---- the kernel ----

def kernel_hop(hop):
    flags = hop["flags"]
    gateway = hop.get("gateway") or hop.get("via", {}).get("host") or "-"
    return hop_line(gateway, hop.get("dev", "-"), hop.get("weight", 1), "dead" in flags,
                    "linkdown" in flags, "onlink" in flags)


def kernel_route(family, route):
    """Returns the prefix, what the kernel takes the best route by, and the line."""
    prefix = route["dst"]
    if prefix == "default":
        prefix = "0.0.0.0/0" if family == 4 else "::/0"
    elif "/" not in prefix:
        prefix += "/32" if family == 4 else "/128"
    hops = route.get("nexthops") or ([route] if "dev" in route else [])
    lines = [kernel_hop(hop) for hop in hops]
    dead = bool(hops) and all("dead" in hop["flags"] for hop in hops)
    metric, tos = route.get("metric", 0), int(route.get("tos", "0"), 0)
    mtu = next((m["mtu"] for m in route.get("metrics", []) if "mtu" in m), 0)
    preference = route.get("pref", "medium")
    line = (f"proto {route['protocol']} scope {route['scope']} type {route['type']} src "
            f"{route.get('prefsrc', '-')} mtu {mtu} nhid {route.get('nhid', 0)} pref {preference} "
            f"from {route.get('from', '-')} [{']['.join(lines)}]")
    taken = None if dead or tos or "from" in route else (metric, PREFERENCES[preference])
    return f"{route['table']} {prefix}", f"{tos} {metric}", taken, line


def kernel_routes(family):
    """Returns the lines of all routes of a family."""
    routes = []

    def take(item):
        # Also called for the objects inside of a route; they have no destination.
        if "dst" not in item:
            return item
        routes.append(kernel_route(family, item))
        return None

    with subprocess.Popen(["ip", "-N", "-d", "-j", f"-{family}", "route", "show", "table", "all"],
                          stdout=subprocess.PIPE) as ip:
        text = ip.stdout.read()
    json.loads(text or "[]", object_hook=take)
    best, places = {}, {}
    for i, (prefix, _, taken, _) in enumerate(routes):
        if taken is not None and (prefix not in best or taken < best[prefix][0]):
            best[prefix] = (taken, i)
    lines = []
    for i, (prefix, group, _, line) in enumerate(routes):
        group = f"{prefix} {group}"
        place = places.get(group, 0)
        places[group] = place + 1
        mark = " best" if best.get(prefix, (0, -1))[1] == i else ""
        lines.append(f"{group} {place} {line}{mark}")
    return lines


def kernel_nexthops():
    text = subprocess.run(["ip", "-N", "-d", "-j", "nexthop", "show"], stdout=subprocess.PIPE,
                          check=True).stdout
    lines = []
    for item in json.loads(text or "[]"):
        start = f"nexthop {item['id']}"
        for i, member in enumerate(item.get("group", [])):
            lines.append(f"{start} {i} member {member['id']} weight {member.get('weight', 1)}")
        if "group" not in item:
            lines.append(f"{start} 0 {kernel_hop(item)}")
    return lines


# ---- the region ----

def region_rows(stele, table):
    with subprocess.Popen([stele, "dump", "--format", "ndjson", table],
                          stdout=subprocess.PIPE) as dump:
        for line in dump.stdout:
            if line.strip():
                yield json.loads(line)
    if dump.returncode:
        sys.exit(f"stele dump {table}: exit status {dump.returncode}")


def region_hop(row):
    gateway = next((g for g in (row["gateway"], row.get("gateway6", "::"))
                    if g not in ("0.0.0.0", "::")), "-")
    return hop_line(gateway, row["interface"] or "-", row.get("weight", 1), row["dead"],
                    row["linkdown"], row["onlink"])


def region_hops(hops, links):
    """Yields the lines of a list of next hops, each a struct kernel_hop."""
    for at in range(0, len(hops), 28):
        hop = hops[at:at + 28]
        size = {4: 4, 6: 16, 0: 0}[hop[22]]
        gateway = str(ipaddress.ip_address(hop[:size])) if size else "-"
        yield hop_line(gateway, links[int.from_bytes(hop[16:20], sys.byteorder)],
                       int.from_bytes(hop[20:22], sys.byteorder), hop[24], hop[25], hop[26])


def region_route(row, links):
    prefix = row.get("prefix") or f"{row['address']}/{row['length']}"
    lines = [region_hop(row)] if row["next_hops"] else []
    if row["hops"]:
        lines = list(region_hops(bytes.fromhex(row["hops"]), links))
    source = row["source"] if row["source"] not in ("0.0.0.0", "::") else "-"
    sender = f"{row['from']}/{row['from_length']}" if row.get("from_length") else "-"
    return (f"{row['table']} {prefix} {row.get('tos', 0)} {row['metric']} {row['order']} proto "
            f"{number(row['protocol'], PROTOCOLS)} scope {number(row['scope'], SCOPES)} type "
            f"{TYPES[row['type']]} src {source} mtu {row['mtu']} nhid {row['nexthop_id']} pref "
            f"{row.get('preference', 'medium')} from {sender} [{']['.join(lines)}]"
            f"{' best' * ('prefix' in row)}")


def region_nexthops(stele, region, links):
    for row in region_rows(stele, f"{region}/nexthops"):
        start = f"nexthop {row['id']} {row['row']}"
        if row["member"]:
            yield f"{start} member {row['member']} weight {row['weight']}"
        else:
            row["interface"] = links.get(row["ifindex"], "")
            yield f"{start} {region_hop(row)}"


# ---- comparing ----

def compare(kernel, region, what):
    """Prints the differences. Returns their number."""
    kernel.sort()
    region.sort()
    if kernel == region:
        print(f"{len(region)} {what}", end="; ")
        return 0
    differences = [f"  kernel only: {line}" for line in set(kernel) - set(region)]
    differences += [f"  region only: {line}" for line in set(region) - set(kernel)]
    print(f"\n{len(differences)} differences in {what}, kernel {len(kernel)}, region {len(region)}:")
    for line in sorted(differences, key=lambda line: line[15:])[:SHOWN]:
        print(line)
    return max(len(differences), 1)


def main():
    stele, region = sys.argv[1:]
    links = {row["index"]: row["name"] for row in region_rows(stele, f"{region}/links")}
    differences = 0
    for family in (4, 6):
        has = [region_route(row, links) for table in ("fib", "alternatives")
               for row in region_rows(stele, f"{region}/{table}{family}")]
        differences += compare(kernel_routes(family), has, f"IPv{family} routes")
    differences += compare(kernel_nexthops(), list(region_nexthops(stele, region, links)),
                           "next-hop objects")
    print("equal" if differences == 0 else "")
    return differences > 0


sys.exit(main())
