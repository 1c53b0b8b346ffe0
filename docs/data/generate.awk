# SPDX-License-Identifier: MIT
#
# Makes docs/data/prefixes.csv:  awk -f generate.awk >prefixes.csv
#
# A pseudo-random generator of its own, because that of awk differs from one awk to the next.

function random(n)
{
	state = (state * 69069 + 12345) % 4294967296
	return int(state / 65536) % n
}

# Lengths about as common as in an Internet table, a /8 being the shortest and a /28 the longest.
function pick_length(   p)
{
	p = random(1000)
	if (p < 580) return 24
	if (p < 690) return 22
	if (p < 790) return 23
	if (p < 850) return 20
	if (p < 895) return 21
	if (p < 930) return 19
	if (p < 950) return 18
	if (p < 970) return 16
	if (p < 980) return 17
	if (p < 986) return 14
	if (p < 990) return 12
	return 25 + random(4)
}

function text(address, length_)
{
	return sprintf("%d.%d.%d.%d/%d", int(address / 16777216), int(address / 65536) % 256,
		int(address / 256) % 256, address % 256, length_)
}

function add(address, length_,   size, prefix, hop)
{
	size = 2 ^ (32 - length_)
	address -= address % size
	prefix = text(address, length_)
	if (prefix in seen)
		return
	seen[prefix] = 1
	hop = 1 + random(8)
	printf "%s,%s,%s,%d\n", prefix, "192.0.2." hop, "uplink" (hop % 3), 10 * (1 + random(20))
	count++
}

BEGIN {
	state = 20260101
	print "prefix,next_hop,interface,metric"
	add(0, 0)
	add(10 * 16777216, 8)
	add(100 * 16777216 + 64 * 65536, 10)
	while (count < 5000) {
		if (random(10) == 0)
			add(100 * 16777216 + 64 * 65536 + random(64) * 65536 + random(256) * 256 + random(256),
				10 + random(15))
		else
			add(10 * 16777216 + random(256) * 65536 + random(256) * 256 + random(256),
				pick_length())
	}
}
