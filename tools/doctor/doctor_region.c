/* SPDX-License-Identifier: MIT
 * Checks a region's publisher and subscribers, the namespaces that they are in, and whether a
 * mirror of the kernel is right. The slots and the region's header name the processes, and these
 * are compared with /proc. Another process may have the number by now, or the number may be from
 * another PID namespace. So findings only state what the processes seem to be. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_region.h"
#include "tools/doctor/doctor_report.h"
#include "tools/region/mirror.h"
#include "tools/region/owner.h"
#include "lib/layout.h"
#include "lib/units.h"

/* ---- publisher ---- */

/* Describes how the last publisher detached, if that is known. */
static void doctor_region_describe_end(const struct examined *region, char ret[DESCRIBED_MAX + 32])
{
	char time[DESCRIBED_MAX];

	if (!region->info.publisher_since)
		snprintf(ret, DESCRIBED_MAX + 32, "is gone");
	else
		snprintf(ret, DESCRIBED_MAX + 32, "%s at %s",
		         region->closed ? "ended" : "died, its last commit was",
		         describe_time(region->info.publisher_since, time));
}

static void doctor_region_check_publisher(struct doctor *doctor, const struct examined *region)
{
	const struct stele_region_info *info = &region->info;
	char process[DESCRIBED_MAX], end[DESCRIBED_MAX + 32];

	describe_process(info->publisher_pid, info->publisher_command, process);
	doctor_region_describe_end(region, end);
	if (info->publisher_attached)
		doctor_report(doctor, VERDICT_OK, "publisher", info->name, NULL, "%s publishes",
		              process);
	/* A publisher that closed the region may be a command, as that of a cron job: all is well
	 * without it. */
	else if (region->slot_count && region->closed)
		doctor_report(doctor, VERDICT_OK, "publisher", info->name, NULL,
		              "no publisher is attached: %s %s", process, end);
	else if (region->slot_count)
		doctor_report(
			doctor, VERDICT_NOTE, "publisher", info->name, NULL,
			"no publisher is attached, and %zu subscriber%s: %s %s; when it is started "
			"again, they continue",
			region->slot_count, region->slot_count == 1 ? " waits" : "s wait", process,
			end);
	else
		doctor_report(doctor, VERDICT_OK, "publisher", info->name, NULL,
		              "no publisher is attached, and no subscriber waits");
}

/* ---- the mirror of the kernel ---- */

static void doctor_region_check_mirror(struct doctor *doctor, const struct examined *region)
{
	const struct stele_region_info *info = &region->info;
	const struct kernel_status *mirror = &region->mirror;
	char text[MIRROR_TEXT], time[DESCRIBED_MAX], size[DESCRIBED_MAX], limit[DESCRIBED_MAX];
	char fix[STELE_NAME_MAX + 64];

	if (!region->mirrors)
		return;
	mirror_describe(mirror, region->mirror_runs, text);
	snprintf(fix, sizeof(fix), "stele publish %s with --kernel-routes or --fpm, as before",
	         info->name);
	/* While others publish, the newest version does not tell when the mirror ended. */
	if (!region->mirror_runs)
		doctor_report(doctor, mirror->synced ? VERDICT_PROBLEM : VERDICT_NOTE, "mirror",
		              info->name, fix,
		              "the tables are the routes of an earlier moment%s%s: the "
		              "mirror %s",
		              info->publisher_attached ? "" : ", ",
		              info->publisher_attached ? ""
		                                       : describe_time(info->commit.time, time),
		              mirror->synced ? "died, and its table status still says synced"
		                             : "was stopped");
	else if (mirror->refused)
		doctor_report(doctor, VERDICT_PROBLEM, "mirror", info->name, NULL,
		              "%s; the mirror takes them once there is space: the region has %s, "
		              "and its limit is %s",
		              text, describe_size(info->file_size, size),
		              describe_size(info->limit_size, limit));
	else
		doctor_report(doctor, mirror->synced ? VERDICT_OK : VERDICT_NOTE, "mirror",
		              info->name, NULL, "%s%s", text,
		              mirror->synced ? ""
		                             : "; the tables may differ from what they mirror");
}

/* ---- subscribers ---- */

/* Age in nanoseconds from which a version that a subscriber has not applied is worth a finding. A
 * subscriber that has all its time to look is woken within a second. */
#define LAG_MIN (5 * NSEC_PER_SEC)

static bool doctor_region_lags(const struct examined_slot *slot)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return slot->behind && slot->behind_since &&
	       (int64_t)((uint64_t)now.tv_sec * NSEC_PER_SEC - slot->behind_since) > LAG_MIN;
}

/* Reports the subscribers that are stopped, and those that have long had no look at the newest
 * version, or did not apply it. Returns true if there is one. */
static bool doctor_region_check_lags(struct doctor *doctor, const struct examined *region)
{
	char process[DESCRIBED_MAX], age[DESCRIBED_MAX], lag[2 * DESCRIBED_MAX], fix[64];
	bool found = false;

	for (size_t i = 0; i < region->slot_count; i++) {
		const struct examined_slot *slot = &region->slots[i];

		if (!slot->stopped && !doctor_region_lags(slot))
			continue;
		found = true;
		describe_process(slot->pid, slot->command, process);
		describe_age(slot->behind_since, age);
		snprintf(lag, sizeof(lag), "%llu version%s behind%s%s%s",
		         (unsigned long long)slot->behind, slot->behind == 1 ? "" : "s",
		         *age ? ", for " : "", slot->behind_longer ? "at least " : "", age);
		snprintf(fix, sizeof(fix), "kill -CONT %u", slot->pid);
		if (slot->stopped)
			doctor_report(doctor, slot->behind ? VERDICT_PROBLEM : VERDICT_NOTE,
			              "subscribers", region->info.name, fix,
			              "subscriber %s is stopped%s%s", process,
			              slot->behind ? ", " : "", slot->behind ? lag : "");
		else
			doctor_report(doctor, VERDICT_NOTE, "subscribers", region->info.name, NULL,
			              "subscriber %s runs, but is %s: it is busy, or it fails to "
			              "apply what it reads",
			              process, lag);
	}
	return found;
}

static void doctor_region_check_subscribers(struct doctor *doctor, const struct examined *region)
{
	static const char *const names[] = {"none", "mq",     "futex",     "socket",
	                                    "fifo", "signal", "semaphore", "sysv"};
	size_t length = 0;
	char text[256] = "";

	if (doctor_region_check_lags(doctor, region))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t count = 0;

		for (size_t j = 0; j < region->slot_count; j++)
			count += strcmp(region->slots[j].notifier, names[i]) == 0;
		if (count)
			length += (size_t)snprintf(text + length, sizeof(text) - length,
			                           "%s%zu by %s", length ? ", " : "", count,
			                           names[i]);
	}
	doctor_report(doctor, VERDICT_OK, "subscribers", region->info.name, NULL,
	              region->slot_count ? "woken: %s" : "no subscribers%s", text);
}

/* ---- namespaces ---- */

/* Returns the inode of an IPC namespace, or 0 if it cannot be read. */
static uint32_t doctor_region_namespace_at(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (uint32_t)status.st_ino : 0;
}

static uint32_t doctor_region_namespace_of(uint32_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/ipc", pid);
	return doctor_region_namespace_at(path);
}

/* Checks whether the process that has this number in this namespace has this name. */
static bool doctor_region_seems_to_be(uint32_t pid, const char *command)
{
	char path[64], found[17] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(found, sizeof(found), file))
		found[strcspn(found, "\n")] = '\0';
	fclose(file);
	return strcmp(found, command) == 0;
}

/* Counts of subscribers by their namespaces. */
struct elsewhere {
	size_t all;    /* subscribers that seem to be in another IPC namespace than the publisher */
	size_t queues; /* those in `all` that have a message queue */
	size_t unknown; /* subscribers whose process is not visible here */
};

static struct elsewhere doctor_region_find_others(const struct examined *region)
{
	struct elsewhere elsewhere = {0};

	for (size_t i = 0; i < region->slot_count; i++) {
		const struct examined_slot *slot = &region->slots[i];
		uint32_t theirs = doctor_region_seems_to_be(slot->pid, slot->command)
		                          ? doctor_region_namespace_of(slot->pid)
		                          : 0;

		elsewhere.unknown += theirs == 0;
		if (theirs == 0 || theirs == region->ipc_namespace)
			continue;
		elsewhere.all++;
		elsewhere.queues +=
			strcmp(slot->notifier, "mq") == 0 || strcmp(slot->notifier, "sysv") == 0;
	}
	return elsewhere;
}

/* Describes how to start a subscriber in the publisher's IPC namespace. */
static const char *doctor_region_suggest_namespace(const struct examined *region, char fix[128])
{
	uint32_t pid = region->info.publisher_pid;

	if (doctor_region_namespace_of(pid) == region->ipc_namespace)
		snprintf(fix, 128, "nsenter --ipc=/proc/%u/ns/ipc COMMAND", pid);
	else
		snprintf(fix, 128, "docker run --ipc=container:NAME ..., or --ipc=host for both");
	return fix;
}

static void doctor_region_check_namespaces(struct doctor *doctor, const struct examined *region)
{
	struct elsewhere elsewhere = doctor_region_find_others(region);
	const char *name = region->info.name;
	uint32_t own = doctor_region_namespace_at("/proc/self/ns/ipc");
	char fix[128];

	if (region->ipc_namespace == 0 || own == 0) {
		doctor_report(doctor, VERDICT_OK, "namespaces", name, NULL,
		              "the publisher's IPC namespace is unknown");
		return;
	}
	if (region->ipc_namespace == LAYOUT_NAMESPACES) {
		doctor_report(
			doctor, VERDICT_NOTE, "namespaces", name, NULL,
			"the publishers that share the region are in several IPC namespaces, "
			"so no subscriber has a message queue; the futex or a socket wakes it");
		return;
	}
	doctor_region_suggest_namespace(region, fix);
	if (elsewhere.queues)
		doctor_report(
			doctor, VERDICT_PROBLEM, "namespaces", name, fix,
			"%zu subscribers with message queues seem to be in another IPC namespace than "
			"the publisher, so its notices don't reach them before they have chosen "
			"another notifier, at their next look",
			elsewhere.queues);
	else if (elsewhere.all)
		doctor_report(
			doctor, VERDICT_NOTE, "namespaces", name, fix,
			"%zu of %zu subscribers seem to be in another IPC namespace than the "
			"publisher, where they cannot have message queues; the futex wakes them",
			elsewhere.all, region->slot_count);
	else if (region->ipc_namespace != own)
		doctor_report(
			doctor, VERDICT_NOTE, "namespaces", name, fix,
			"the publisher %s in another IPC namespace than this process; subscribers "
			"that are started from here cannot have message queues, and the futex wakes them",
			region->info.publisher_attached ? "is" : "was");
	else
		doctor_report(doctor, VERDICT_OK, "namespaces", name, NULL,
		              "the publisher %s in this IPC namespace",
		              region->info.publisher_attached ? "is" : "was");
	if (elsewhere.unknown)
		doctor_report(
			doctor, VERDICT_OK, "processes", name, NULL,
			"%zu of %zu subscribers cannot be found by their process numbers, so they seem "
			"to be in other PID namespaces; nothing depends on these numbers",
			elsewhere.unknown, region->slot_count);
}

static void doctor_region_check_owner(struct doctor *doctor, const struct examined *region)
{
	char owner[OWNER_SIZE];

	if (!region->info.owner_trusted)
		doctor_report(
			doctor, VERDICT_NOTE, "owner", region->info.name, NULL,
			"%s owns the region, and is neither this user, nor root, nor the owner of "
			"its directory: root reads it only with --owner",
			owner_name(region->info.owner, owner));
}

void doctor_check_region(struct doctor *doctor, const struct examined *region)
{
	doctor_region_check_owner(doctor, region);
	doctor_region_check_publisher(doctor, region);
	doctor_region_check_mirror(doctor, region);
	doctor_region_check_subscribers(doctor, region);
	doctor_region_check_namespaces(doctor, region);
}
