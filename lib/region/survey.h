/* SPDX-License-Identifier: MIT
 *
 * The survey of a region: a walk over all objects that any version reaches, for "stele verify" and
 * "stele inspect" (subscriber/inspect/), and for the check of a saved file before it is loaded
 * (publisher/load.c). It validates every object, and adds up the memory of the objects, counting
 * each object once, however many versions share it. The survey only reads: it takes no lock and no
 * slot.
 *
 * It walks the newest version first, as recovery does. So it meets an object first at the newest
 * version that reaches it, and counts the object for that version. It uses 4 bytes of memory for
 * each 8 bytes of the arena, to remember the object that starts there.
 *
 * A publisher may reclaim a version while the survey walks it. So each version is re-checked after
 * its walk (region_recheck()). If the version was reclaimed, its faults and its figures are
 * discarded. */
#ifndef LIB_REGION_SURVEY_H
#define LIB_REGION_SURVEY_H

#include "lib/region/region.h"

/* A version below history that a pin keeps. */
struct survey_kept {
	uint64_t version;
	/* Bytes that this version reaches, but neither history nor the newest version. */
	uint64_t held;
	uint32_t catalog, record; /* references, as in struct layout_kept */
};

struct survey_options {
	/* The newest version to walk, which the caller has pinned. With .version 0: the region's
	 * newest version. */
	struct layout_commit newest;
	/* Called for every fault; may be NULL. */
	stele_damage_fn *found;
	/* Called periodically with the number of objects walked so far; may be NULL. */
	void (*progress)(uint64_t objects, void *context);
	void *context;
};

struct survey {
	struct stele_region_use use;
	struct survey_kept *kept; /* highest version first */
	uint32_t kept_count;
};

/* Surveys a region. Returns 0 even if the region is damaged: `ret->use.damages` counts the faults.
 * Errors: -ESTALE (the newest version was reclaimed during its walk; sets no message), -EBADMSG
 * (the file was truncated), -ENOMEM. */
int survey_region(struct region *region, const struct survey_options *options, struct survey *ret);

/* Frees the memory of a survey. */
void survey_free(struct survey *survey);

#endif
