# SPDX-License-Identifier: MIT
#
# Prints `count` different prefixes of a family (4 or 6), always the same ones, with lengths about as
# in an Internet table:  awk -v family=4 -v count=900000 -f prefixes.awk
#
# 16 of them are nested in each block, a /20 or a /32: the block, parts of it, and ten of the smallest
# size. The blocks are scattered over the address space.

# Prints part number `number` of the parts of this length of a block.
function put(length_, number,   low)
{
	if (count-- <= 0)
		exit
	if (family == 4) {
		low = block * 16 + number * 2 ^ (24 - length_)
		printf "%d.%d.%d.0/%d\n", int(low / 65536), int(low / 256) % 256, low % 256, length_
	} else {
		low = number * 2 ^ (48 - length_)
		printf "%x:%x:%x::/%d\n", 9216 + int(block / 65536), block % 65536, low, length_
	}
}

BEGIN {
	first = family == 4 ? 20 : 32
	step = family == 4 ? 1 : 4
	# An odd stride meets each block once.
	blocks = family == 4 ? 1048576 : 16777216
	for (i = 0; ; i++) {
		block = (i * 611953 + 12345) % blocks
		octet = int(block / 4096)
		if (family == 4 && (octet == 0 || octet == 10 || octet == 127 || octet >= 224))
			continue
		put(first, 0)
		put(first + step, 1)
		put(first + 2 * step, 0)
		put(first + 2 * step, 3)
		put(first + 3 * step, 1)
		put(first + 3 * step, 6)
		for (j = 0; j < 10; j++)
			put(first + 4 * step, j)
	}
}
