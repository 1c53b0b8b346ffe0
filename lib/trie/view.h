/* SPDX-License-Identifier: MIT
 *
 * A mapped data file as a reader sees it, and the checks of references into it. Everything that
 * follows a reference, in the library and in the publisher, does so through a view.
 *
 * A reader may be looking at memory that is being reused, or at a region that is damaged. So
 * nothing in lib/trie trusts what it loads:
 *
 *   (A) Every reference is checked against the view before it is followed. A node that starts
 *       inside the view ends inside the file, by LAYOUT_GUARD; rows are checked to their end.
 *   (B) Every walk ends: each level of a trie consumes at least one byte of a key of at most
 *       STELE_KEY_MAX bytes, and scans count the objects they visit.
 *   (C) Each word is loaded once, and the copy is validated.
 *
 * A walk through such memory returns -EBADMSG or any row at all. The caller re-checks afterwards
 * that the version is still in history, and only then believes the result.
 *
 * No function of lib/trie sets an error message.
 */
#ifndef LIB_TRIE_VIEW_H
#define LIB_TRIE_VIEW_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include "lib/base/atomic.h"
#include "lib/layout.h"

/* A reference to an object: layout.h. 0: none. */
typedef uint32_t ref_t;

struct view {
	const unsigned char *base;
	uint64_t start; /* first byte of the arena */
	uint64_t
		limit; /* no object starts at or past it: arena_end, or less if the file is shorter;
	                 * not below start */
};

/* True if an object can be at `ref`. */
static inline bool view_has(const struct view *view, ref_t ref)
{
	/* One comparison: what is before the start wraps around. */
	return (uint64_t)ref * LAYOUT_UNIT - view->start < view->limit - view->start;
}

static inline const unsigned char *view_object(const struct view *view, ref_t ref)
{
	return view_has(view, ref) ? view->base + (uint64_t)ref * LAYOUT_UNIT : NULL;
}

/* Finds the bytes of the blob at `ref`. Returns 0 or -EBADMSG. */
int view_blob(const struct view *view, ref_t ref, const unsigned char **ret_bytes,
              size_t *ret_size);

#endif
