/* SPDX-License-Identifier: MIT
 * Types that the checks of stele doctor share.
 *
 *   cmd_doctor.c       the command: chooses the regions, runs the checks
 *   doctor_report.c    prints findings
 *   doctor_examine.c   reads the files of a region without attaching to it
 *   doctor_region.c    checks the publisher, the subscribers and the namespaces of a region
 *   doctor_kernel.c    checks what regions need of the kernel and of /proc
 *   doctor_queues.c    checks the limits of message queues
 *   doctor_memory.c    checks the file system of the regions, and the size of its pages
 *   doctor_logind.c    checks RemoveIPC=
 *   doctor_bus.c       asks systemd-logind over D-Bus
 *
 * Only the sources in this folder include this header. */
#ifndef TOOLS_DOCTOR_DOCTOR_H
#define TOOLS_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/fib/kernel_tables.h"
#include "tools/output/output.h"
#include "tools/region/place.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,    /* works, but could work better */
	VERDICT_PROBLEM, /* needs a fix; the exit status is 1 */
};

/* A living subscriber, with values from its slot. */
struct examined_slot {
	const char *notifier; /* static */
	uint32_t pid;         /* in the subscriber's own PID namespace */
	char command[16];
	bool stopped;          /* it seems to be stopped */
	uint64_t behind;       /* versions, as in struct stele_subscriber_info */
	uint64_t behind_since; /* 0: unknown */
	bool behind_longer;
};

/* The state of a region. */
struct examined {
	struct stele_region_info info;
	uint32_t ipc_namespace; /* inode, of the attached or last publisher; 0: unknown */
	bool closed;            /* the last publisher closed the region: it did not die */
	bool mirrors;           /* the region is a mirror of the kernel, and: */
	struct kernel_status mirror;
	bool mirror_runs;
	struct examined_slot *slots;
	size_t slot_count;
};

/* A run of the command. */
struct doctor {
	struct output *output; /* NULL: the format for people */
	bool colour;           /* use colours in the format for people */
	bool problems;         /* there was a VERDICT_PROBLEM */
	enum status status;    /* the first error in writing the output */
	const struct place *place;
	const char *directory;    /* of `place`, never NULL */
	struct examined *regions; /* the regions that are checked */
	size_t region_count;
};

#endif
