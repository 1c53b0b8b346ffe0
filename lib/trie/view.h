/* SPDX-License-Identifier: MIT
 *
 * A view is the part of a mapped data file that a reader may access. Readers follow every reference
 * through a view, which checks it. So does the publisher for lookups and scans. It changes its own
 * tries without these checks, because it checked them when it attached (publisher/trie/object.h).
 *
 * A reader may read memory that the publisher is reusing, or a region that is damaged. So nothing
 * in lib/trie trusts the words that it loads:
 *
 *   (A) Every reference is checked against the view before it is followed. A node that starts
 *       inside the view ends inside the file, because LAYOUT_GUARD bytes follow the view. Rows and
 *       blobs can be longer than that, so their end is checked.
 *   (B) Every walk ends. Each level of a trie consumes at least one byte of a key, and keys have at
 *       most STELE_KEY_MAX bytes. Scans and differences count what they visit.
 *   (C) Each word is loaded once, and the copy is validated.
 *
 * A walk over such memory returns -EBADMSG or an arbitrary row. The caller must re-check after the
 * read that the version is still in history (region_recheck()), and discard the result otherwise.
 */
#ifndef LIB_TRIE_VIEW_H
#define LIB_TRIE_VIEW_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include "lib/base/atomic.h"
#include "lib/layout.h"

/* A reference to an object: its offset in the data file, divided by LAYOUT_UNIT. 0: none. */
typedef uint32_t ref_t;

struct view {
	/* The mapping of the data file. The other members are offsets from here, in bytes. */
	const unsigned char *base;
	/* Start of the arena. */
	uint64_t start;
	/* No object starts at or after this offset: arena_end, or less if the file is shorter.
	 * Never below `start`. */
	uint64_t limit;
	/* The region's incompatible feature bits, which say how objects are laid out. */
	uint32_t features;
};

/* Returns true if a reference is inside the view, so that an object can start there. */
static inline bool view_has(const struct view *view, ref_t ref)
{
	/* One comparison suffices: for an offset below `start`, the difference wraps around. */
	return (uint64_t)ref * LAYOUT_UNIT - view->start < view->limit - view->start;
}

/* Returns the address of the object at `ref`, or NULL if the reference is 0 or outside the view. */
static inline const unsigned char *view_object(const struct view *view, ref_t ref)
{
	return view_has(view, ref) ? view->base + (uint64_t)ref * LAYOUT_UNIT : NULL;
}

/* Returns the first word of the object at `ref`, or 0 if there is none. The word has the version
 * that made the object, so it tells the object from a later one at the same reference. */
static inline uint64_t view_first_word(const struct view *view, ref_t ref)
{
	const unsigned char *at = view_object(view, ref);

	return at ? data_load(at) : 0;
}

/* Finds the bytes of the blob at `ref`, and checks that the blob ends inside the file. Returns 0 or
 * -EBADMSG. */
int view_blob(const struct view *view, ref_t ref, const unsigned char **ret_bytes,
              size_t *ret_size);

#endif
