/* SPDX-License-Identifier: MIT
 *
 * Copies what the versions of a region reach into an empty arena, with all that they share: an
 * object that several versions reach is copied once. Newest version first, so that what is read
 * most lies together. */
#ifndef LIB_REGION_COPY_H
#define LIB_REGION_COPY_H

#include "lib/region/region.h"

/* Where the copies go. */
struct copy_target {
	const struct view *view; /* of the new arena, up to date after each alloc */
	unsigned char *base;     /* of the new region's mapping */
	int (*alloc)(void *context, size_t size, ref_t *ret); /* 0 or a negative errno */
	void *context;
};

/* `to` is the other region, mapped for writing, its arena empty: its ring and kept are filled, and
 * head, oldest, reclaimed and kept_used set. For who holds the region's lock, or has a file that
 * nobody writes. 0; what alloc() returned; -ENOMEM; or -EBADMSG: the region does not hold
 * together. Sets no message. */
int copy_versions(const struct region *from, const struct view *view, struct region *to,
                  const struct copy_target *target);

/* The same beside a publisher: of history, from `newest`, which may be pinned and out of history by
 * now, down to the oldest version that was still in history when it had been copied; and of what
 * pins keep below that, nothing. -ESTALE: not even `newest` was held. Sets no
 * message. */
int copy_history_live(const struct region *from, const struct view *view,
                      const struct layout_commit *newest, struct region *to,
                      const struct copy_target *target);

#endif
