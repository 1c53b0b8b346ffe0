/* SPDX-License-Identifier: MIT
 * What the checks of stele doctor share.
 *
 *   cmd_doctor.c       the command: which regions, which checks, how findings are printed
 *   doctor_examine.c   what there is to know of a region without attaching to it
 *   doctor_region.c    its publisher, its subscribers, their namespaces
 *   doctor_queues.c    limits of message queues
 *   doctor_memory.c    the file system of the regions, its pages
 *   doctor_logind.c    RemoveIPC=
 */
#ifndef TOOLS_DOCTOR_DOCTOR_H
#define TOOLS_DOCTOR_DOCTOR_H

#include <stdarg.h>
#include <stdbool.h>
#include "tools/base/options.h"

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
	const char *directory;
	struct examined *regions; /* those that are looked at */
	size_t region_count;
};

/* Prints a finding. `region` and `mend`, a command, may be NULL. */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *check, const char *region,
                const char *mend, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Reads what stands in the files of a region: 0, or a negative errno with the library's sentence.
 * The slots are the caller's to free. */
int doctor_examine(const char *region, struct examined *ret);

/* Subscribers of all regions that are looked at, and those of one notifier among them. */
size_t doctor_subscribers(const struct doctor *doctor);
size_t doctor_notified_by(const struct doctor *doctor, uint32_t notifier);

void doctor_check_queues(struct doctor *doctor);
void doctor_check_memory(struct doctor *doctor);
void doctor_check_logind(struct doctor *doctor);
void doctor_check_region(struct doctor *doctor, const struct examined *region);

/* The first number in a file of /proc or /sys: false where there is none. */
bool doctor_number(const char *path, uint64_t *ret);

#endif
