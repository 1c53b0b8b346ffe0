/* SPDX-License-Identifier: MIT
 * Walking one version of a region, with all that is known of those walked before: for survey.c. */
#ifndef LIB_REGION_SURVEY_WALK_H
#define LIB_REGION_SURVEY_WALK_H

#include "lib/region/survey.h"

#define WALK_DAMAGES 16u /* that are told of in one version; more are only counted */

enum walk_kind { WALK_HEAD, WALK_HISTORY, WALK_KEPT };

struct walk {
	struct region *region;
	const struct survey_options *options;
	struct survey *survey;
	struct view view;
	uint32_t *
		known; /* of the object that starts at each unit: 0, rows below it + 1, or WALK_BAD */
	uint64_t *covered; /* a bit for each unit: an object is there */
	unsigned char *value;

	/* The version that is being walked. */
	uint64_t version;
	enum walk_kind kind;
	uint32_t kept_index;
	struct stele_region_use before; /* to go back to */
	struct walk_met {
		ref_t ref;
		uint32_t units;
		uint32_t kept_end; /* WALK_KEPT: the first kept version that does not reach it */
	} * met;                   /* objects that no version before it reaches */
	size_t met_count, met_capacity;
	bool no_memory;
	char table[STELE_NAME_MAX + 1];    /* where the walk is; "" */
	const struct stele_schema *schema; /* of it; NULL: in the catalog */
	uint64_t damages;
	struct {
		uint64_t offset;
		char table[STELE_NAME_MAX + 1];
		const char *what;
	} damage[WALK_DAMAGES];
};

/* Memory for a walk. 0 or -ENOMEM. */
int walk_open(struct walk *walk);
void walk_close(struct walk *walk);

void walk_begin(struct walk *walk, uint64_t version, enum walk_kind kind);
void walk_version(struct walk *walk, ref_t catalog, ref_t record);
/* Judges: 0, and what was found wrong is told; -ESTALE: nothing of it counts, and no
 * message is set; -EBADMSG or -ENOMEM. Version 0 stands for none, and is whole. */
int walk_end(struct walk *walk);

/* Sets the error message for a walk that has no memory. Returns -ENOMEM. */
int walk_no_memory(const struct walk *walk);

/* Takes note that something is wrong, with the object at an offset, or 0. `what` is static. */
void walk_damage(struct walk *walk, uint64_t offset, const char *what);

#endif
