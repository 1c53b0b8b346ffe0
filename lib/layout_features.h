/* SPDX-License-Identifier: MIT
 *
 * The features of a region's layout: what the layout has beyond that of LAYOUT_VERSION with no
 * features at all, which the first libraries wrote.
 *
 * The header has three words of feature bits, in its immutable part. A region keeps its bits from
 * generation to generation; only an upgrade (stele_publisher_upgrade()) adds any.
 *
 *   incompatible           a library that does not know one of these bits must not read the region
 *   read_only_compatible   a library that does not know one of these bits may read the region, but
 *                          must not publish it
 *   compatible             a library that does not know one of these bits may do both
 *
 * A library that refuses a bit names it (lib/region/features.h), and changes nothing. In particular
 * STELE_CREATE does not replace such a region. `checksum` covers the words and does not depend on
 * them, so a damaged word is never mistaken for a feature.
 *
 * The names of bits that no library uses yet are reserved for what is planned. A library that comes
 * to know such a bit adds it to the mask of known bits, and says here what the bit means. */
#ifndef LIB_LAYOUT_FEATURES_H
#define LIB_LAYOUT_FEATURES_H

/* Incompatible bits. */
enum {
	/* A NUL follows each value of variable size, and each key whose last column is text or
	 * bytes. */
	LAYOUT_TERMINATED = 1u << 0,
	/* A table's entry in the catalog is a complete struct layout_table. */
	LAYOUT_WIDE_TABLES = 1u << 1,
	/* The stored form of a schema may have arrays, and the attributes of its columns
	 * (lib/schema/schema_store.c). */
	LAYOUT_SCHEMA_ATTRIBUTES = 1u << 2,
	/* The checksum of a saved file's contents is CRC-32C, and not a variant of FNV-1a. */
	LAYOUT_CRC32C = 1u << 3,
	/* Reserved: nodes of a further form, compiled for longest-prefix match. A library that does
	 * not know it cannot walk the trie of such a table. */
	LAYOUT_COMPILED_NODES = 1u << 4,
};

/* Read-only-compatible bits. */
enum {
	/* Reserved: struct layout_table's `flags` and `options` are in use. A publisher that does
	 * not know them would lose them at the next commit that changes the table. */
	LAYOUT_TABLE_OPTIONS = 1u << 0,
	/* Reserved: rows belong to living processes. Readers see them as other rows. The publisher
	 * deletes them when their process dies. */
	LAYOUT_OWNED_ROWS = 1u << 1,
	/* Reserved: rows expire. Readers see them as other rows, until the publisher, which has to
	 * know when, has deleted them. */
	LAYOUT_EXPIRING_ROWS = 1u << 2,
};

/* Compatible bits. */
enum {
	/* All publishers share the region, as if each had STELE_SHARED: the flag
	 * STELE_SHARED_REGION of the open that created it. A publisher that does not know the bit
	 * attaches alone, and then excludes the others, but harms nothing. */
	LAYOUT_SHARED_REGION = 1u << 0,
};

/* The bits that this library knows, and gives to new regions; except for compatible bits, which are
 * given to no region without being asked for. A test builds a second library that
 * knows fewer, to play an older one. */
#ifndef LAYOUT_INCOMPATIBLE_KNOWN
#define LAYOUT_INCOMPATIBLE_KNOWN \
	(LAYOUT_TERMINATED | LAYOUT_WIDE_TABLES | LAYOUT_SCHEMA_ATTRIBUTES | LAYOUT_CRC32C)
#endif
#ifndef LAYOUT_READ_ONLY_KNOWN
#define LAYOUT_READ_ONLY_KNOWN 0u
#endif

#endif
