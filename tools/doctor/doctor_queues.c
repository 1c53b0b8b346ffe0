/* SPDX-License-Identifier: MIT
 * Checks how many message queues there can be: fs.mqueue.queues_max limits those of the IPC
 * namespace, and RLIMIT_MSGQUEUE those of the user. */
#include <stdio.h>
#include <sys/resource.h>
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_examine.h"
#include "tools/doctor/doctor_queues.h"
#include "tools/doctor/doctor_report.h"
#include "tools/region/queues.h"

/* Counts a queue of this IPC namespace. */
static void queues_count_own(void *context, const char *name)
{
	(void)name;
	++*(uint64_t *)context;
}

/* Returns a limit for twice this number of queues: a power of two, at least the kernel's default
 * of 256. */
static uint64_t queues_enough(uint64_t queues)
{
	uint64_t max = 256;

	while (max < 2 * queues)
		max *= 2;
	return max;
}

static void queues_check_max(struct doctor *doctor)
{
	uint64_t max, used = 0, waiting = examine_notified_by(doctor, "futex");
	const char *known = "";
	char fix[64];

	if (!examine_number("/proc/sys/fs/mqueue/queues_max", &max)) {
		doctor_report(
			doctor, VERDICT_NOTE, "queues", NULL, NULL,
			"this kernel has no POSIX message queues; subscribers wait on the futex, "
			"which has no descriptor for an epoll loop");
		return;
	}
	if (queues_each(queues_count_own, &used) < 0) {
		used = examine_notified_by(doctor, "mq");
		known = "at least ";
	}
	snprintf(fix, sizeof(fix), "sysctl -w fs.mqueue.queues_max=%llu",
	         (unsigned long long)queues_enough(used + waiting));
	if (used >= max)
		doctor_report(
			doctor, VERDICT_PROBLEM, "queues", NULL, fix,
			"%s%llu message queues exist, and fs.mqueue.queues_max allows %llu: new "
			"subscribers get none and wait on the futex, as %llu do now",
			known, (unsigned long long)used, (unsigned long long)max,
			(unsigned long long)waiting);
	else if (used + waiting > max)
		doctor_report(
			doctor, VERDICT_NOTE, "queues", NULL, fix,
			"%s%llu message queues exist, and fs.mqueue.queues_max allows %llu: that "
			"is too few if the %llu subscribers that wait on the futex want one too",
			known, (unsigned long long)used, (unsigned long long)max,
			(unsigned long long)waiting);
	else
		doctor_report(
			doctor, VERDICT_OK, "queues", NULL, NULL,
			"%s%llu message queues exist, of %llu that fs.mqueue.queues_max allows",
			known, (unsigned long long)used, (unsigned long long)max);
}

static void queues_check_bytes(struct doctor *doctor)
{
	uint64_t subscribers = examine_subscriber_count(doctor), capacity;
	struct rlimit limit;
	char fix[96];

	if (getrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY) {
		doctor_report(doctor, VERDICT_OK, "msgqueue", NULL, NULL,
		              "RLIMIT_MSGQUEUE does not limit the message queues of this user");
		return;
	}
	capacity = limit.rlim_cur / QUEUE_BYTES;
	snprintf(fix, sizeof(fix), "ulimit -q %llu, or LimitMSGQUEUE=%llu in a unit",
	         (unsigned long long)queues_enough(subscribers) * QUEUE_BYTES,
	         (unsigned long long)queues_enough(subscribers) * QUEUE_BYTES);
	if (capacity == 0)
		doctor_report(
			doctor, VERDICT_PROBLEM, "msgqueue", NULL, fix,
			"RLIMIT_MSGQUEUE is %llu bytes here, less than the %u of one subscriber's "
			"queue: subscribers with this limit wait on the futex",
			(unsigned long long)limit.rlim_cur, QUEUE_BYTES);
	else if (capacity < subscribers)
		doctor_report(
			doctor, VERDICT_NOTE, "msgqueue", NULL, fix,
			"RLIMIT_MSGQUEUE is %llu bytes here, %llu queues of %u bytes for each user: "
			"too few if the %llu subscribers are all of one user",
			(unsigned long long)limit.rlim_cur, (unsigned long long)capacity,
			QUEUE_BYTES, (unsigned long long)subscribers);
	else
		doctor_report(
			doctor, VERDICT_OK, "msgqueue", NULL, NULL,
			"RLIMIT_MSGQUEUE is %llu bytes here, %llu queues of %u bytes for each user",
			(unsigned long long)limit.rlim_cur, (unsigned long long)capacity,
			QUEUE_BYTES);
}

void doctor_check_queues(struct doctor *doctor)
{
	queues_check_max(doctor);
	queues_check_bytes(doctor);
}
