/* SPDX-License-Identifier: MIT
 * What the checks of stele doctor share.
 *
 *   cmd_doctor.c       the command: which regions, which checks
 *   doctor_report.c    how findings are printed
 *   doctor_examine.c   what there is to know of a region without attaching to it
 *   doctor_region.c    its publisher, its subscribers, their namespaces
 *   doctor_queues.c    limits of message queues
 *   doctor_memory.c    the file system of the regions, its pages
 *   doctor_logind.c    RemoveIPC=
 */
#ifndef TOOLS_DOCTOR_DOCTOR_H
#define TOOLS_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/region/place.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,    /* works, but not as well as it might */
	VERDICT_PROBLEM, /* something to mend */
};

/* A subscriber that is alive, as its slot says it is. */
struct examined_slot {
	uint32_t notifier; /* LAYOUT_NOTIFIER_... */
	uint32_t pid;      /* as it sees itself */
	char command[16];
};

struct examined {
	struct stele_region_info info;
	uint32_t ipc_namespace; /* of the publisher, or of the last one; 0: not known */
	bool closed;            /* the last publisher closed it: it did not die */
	struct examined_slot *slots;
	size_t slot_count;
};

struct doctor {
	struct output *output; /* NULL: for people */
	bool colour;
	bool problems;
	enum status status; /* of the output */
	const struct place *place;
	const char *directory;    /* of the place, also where it is the default */
	struct examined *regions; /* those that are looked at */
	size_t region_count;
};

#endif
