/* SPDX-License-Identifier: MIT
 *
 * The walk of a single version, with what is known from the versions walked before. Only survey.c
 * uses these functions. */
#ifndef LIB_REGION_SURVEY_WALK_H
#define LIB_REGION_SURVEY_WALK_H

#include "lib/region/survey.h"

/* Maximum number of faults reported for one version; further ones are only counted. */
#define WALK_DAMAGES 16u

enum walk_kind { WALK_HEAD, WALK_HISTORY, WALK_KEPT };

/* An object that a walk has met. */
struct walk_met {
	ref_t ref;
	uint32_t units;
	/* WALK_KEPT: index of the first older kept version that does not reach the object. */
	uint32_t kept_end;
};

struct walk {
	struct region *region;
	const struct survey_options *options;
	struct survey *survey;
	struct view view;
	/* For each unit of the arena, the object that starts there: 0: not met; UINT32_MAX:
	 * damaged; else the number of rows below the object, plus 1. */
	uint32_t *known;
	uint64_t *covered;    /* one bit for each unit: part of an object */
	unsigned char *value; /* buffer for a copied key or value */

	/* The version that is being walked. */
	uint64_t version;
	enum walk_kind kind;
	uint32_t kept_index;
	/* The figures before this version, to restore if it is stale. */
	struct stele_region_use before;
	/* Objects that this version reaches and that no version walked before reaches. */
	struct walk_met *met;
	size_t met_count, met_capacity;
	bool no_memory;
	char table[STELE_NAME_MAX + 1];    /* the table that is being walked; "": none */
	const struct stele_schema *schema; /* of that table; NULL in the catalog */
	uint64_t damages;                  /* in this version */
	struct {
		uint64_t offset; /* bytes from the start of the file; 0: no object */
		char table[STELE_NAME_MAX + 1];
		const char *what;
	} damage[WALK_DAMAGES];
};

/* Allocates the memory for the walks. Returns 0 or -ENOMEM. */
int walk_open(struct walk *walk);

/* Frees the memory for the walks. */
void walk_close(struct walk *walk);

/* Begins the walk of a version. Version 0 stands for the header, which is never stale. */
void walk_begin(struct walk *walk, uint64_t version, enum walk_kind kind);

/* Walks the catalog and the record of the version. */
void walk_version(struct walk *walk, ref_t catalog, ref_t record);

/* Ends the walk of a version: re-checks the version and reports its faults. Returns 0; -ESTALE if
 * the version was reclaimed: its faults and figures are discarded, and no message is set; -EBADMSG
 * (the file was truncated); or -ENOMEM. */
int walk_end(struct walk *walk);

/* Sets the error message for a walk that has no memory. Returns -ENOMEM. */
int walk_no_memory(const struct walk *walk);

/* Records a fault of the object at `offset`, or of no object if 0. `what` must be a static
 * string. */
void walk_damage(struct walk *walk, uint64_t offset, const char *what);

#endif
