/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/units.h"
#include "tools/kernel/kernel_status.h"

/* The key of the only row. */
static const uint8_t status_key[1] = {0};

/* Reads the row. Returns 1, 0 if there is none, or a negative errno. */
static int status_get(struct stele_writable *table, struct kernel_status *ret)
{
	struct stele_row row;
	int r = stele_writable_get(table, status_key, 8, &row);

	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r;
}

/* Returns the nanoseconds since 1970. */
static uint64_t status_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

bool kernel_status_is_synced(struct stele_writable *table)
{
	struct kernel_status status;

	return status_get(table, &status) == 1 && status.synced;
}

/* Compares all members but padding. */
static bool status_equal(const struct kernel_status *a, const struct kernel_status *b)
{
	return a->synced == b->synced && a->since == b->since && a->losses == b->losses &&
	       a->dumps == b->dumps && a->reads == b->reads && a->messages == b->messages &&
	       a->refused == b->refused && a->lock == b->lock && strcmp(a->doubt, b->doubt) == 0;
}

int kernel_status_put(struct stele_writable *table, struct kernel_status *status, const char *doubt,
                      int64_t *last_write)
{
	struct kernel_status old = {0};
	int64_t now = kernel_now();
	int r = status_get(table, &old);

	if (r < 0)
		return r;
	status->synced = !*doubt;
	memset(status->doubt, 0, sizeof(status->doubt));
	snprintf(status->doubt, sizeof(status->doubt), "%s", doubt);
	status->since = r == 1 && old.synced == status->synced ? old.since : status_time();
	if (r == 1 && now < *last_write + NSEC_PER_SEC)
		old.messages = status->messages;
	if (r == 1 && status_equal(&old, status))
		return 0;
	*last_write = now;
	return stele_writable_put(table, status_key, 8, status, sizeof(*status));
}
