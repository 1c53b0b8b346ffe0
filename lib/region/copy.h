/* SPDX-License-Identifier: MIT
 *
 * Copies the versions of a region into another region with an empty arena. Objects that several
 * versions share are copied once and stay shared. The newest version is copied first, so that the
 * objects that are read most are close together. For publishers, which compact a region or load a
 * saved file into one, and for saving (subscriber/inspect/). */
#ifndef LIB_REGION_COPY_H
#define LIB_REGION_COPY_H

#include "lib/region/region.h"

/* The arena that receives the copies. */
struct copy_target {
	const struct view *view; /* of the new arena; alloc() keeps it up to date */
	unsigned char *base;     /* of the new region's mapping */
	/* Allocates `size` bytes in the new arena. Returns 0 or a negative errno. */
	int (*alloc)(void *context, size_t size, ref_t *ret);
	void *context;
};

/* Copies history and the kept versions of `from`. `to` is mapped for writing and has an empty
 * arena; its ring and kept table are filled, and head, oldest, reclaimed and kept_used are set. The
 * caller must hold the region's lock, or no process may write the region. Returns 0, an error of
 * alloc(), -ENOMEM, or -EBADMSG (the region is damaged). */
int copy_versions(const struct region *from, const struct view *view, struct region *to,
                  const struct copy_target *target);

/* Copies history like copy_versions(), while a publisher may be writing `from`. Starts with
 * `newest`, which may be pinned and no longer in history. Re-checks each version after its copy,
 * and ends at the first version that was no longer in history by then. Copies no kept versions.
 * Also returns -ESTALE, if even `newest` was revoked. */
int copy_history_live(const struct region *from, const struct view *view,
                      const struct layout_commit *newest, struct region *to,
                      const struct copy_target *target);

#endif
