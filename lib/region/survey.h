/* SPDX-License-Identifier: MIT
 *
 * A walk over all that any version of a region reaches. It checks whatever can be checked, and
 * counts what takes how much memory, each object once however many versions share it. It reads,
 * and nothing else: no lock, no slot.
 *
 * Newest version first, as recovery goes: so an object is met first at the newest version that
 * reaches it, and that tells whose it is. For each 8 bytes of the arena it takes 4 of memory, for
 * what is known of the object that starts there.
 *
 * Beside a live publisher, a version may be given up while it is walked. Each is judged at its end
 * (region_recheck), and of one that was given up nothing is kept: neither what looked wrong, nor its
 * figures. */
#ifndef LIB_REGION_SURVEY_H
#define LIB_REGION_SURVEY_H

#include "lib/region/region.h"

/* A version below history that somebody's pin keeps. */
struct survey_kept {
	uint64_t version;
	uint64_t
		held; /* bytes that neither history nor the newest version reaches, and this one does */
	uint32_t catalog, record;
};

struct survey_options {
	/* The newest version to look at, which is pinned; its version 0: the one that there is. */
	struct layout_commit newest;
	stele_damage_fn *found;                            /* may be NULL */
	void (*progress)(void *context, uint64_t objects); /* now and then; may be NULL */
	void *context;
};

struct survey {
	struct stele_region_use use;
	struct survey_kept *kept; /* highest version first */
	uint32_t kept_count;
};

/* 0, whatever was found: `use.damages` counts it. -ESTALE: the newest version was given up
 * under the walk; this sets no message. -EBADMSG: the file was truncated. -ENOMEM. */
int survey_region(struct region *region, const struct survey_options *options, struct survey *ret);
void survey_free(struct survey *survey);

#endif
