/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/kernel/kernel_claim.h"
#include "tools/region/mirror.h"

bool mirror_read(struct stele_subscriber *subscriber, struct kernel_status *ret)
{
	static const uint8_t key[1] = {0};
	struct kernel_status status = {0};
	size_t size = sizeof(status);

	if (stele_subscriber_get_copy(subscriber, kernel_table_names[KERNEL_STATUS],
	                              kernel_schemas[KERNEL_STATUS], key, 8, &status, &size,
	                              NULL) != 1)
		return false;
	/* A publisher of another user may have written anything. */
	status.doubt[sizeof(status.doubt) - 1] = '\0';
	for (char *c = status.doubt; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	*ret = status;
	return true;
}

bool mirror_runs(const struct kernel_status *status, const struct stele_region_info *info,
                 int patience_ms)
{
	static const int pause_ms = 50;

	if (!info->publisher_attached)
		return false;
	while (!kernel_claim_is_held(info->path, status->lock)) {
		if (patience_ms <= 0)
			return false;
		poll(NULL, 0, pause_ms);
		patience_ms -= pause_ms;
	}
	return true;
}

const char *mirror_describe(const struct kernel_status *status, bool runs, char buffer[MIRROR_TEXT])
{
	char since[DESCRIBED_MAX], rows[64] = "";

	describe_time(status->since, since);
	if (status->refused)
		snprintf(rows, sizeof(rows), ", %llu rows are left out",
		         (unsigned long long)status->refused);
	if (status->synced)
		snprintf(buffer, MIRROR_TEXT, "synced since %s%s", since,
		         runs ? "" : ", but its publisher is gone");
	else
		snprintf(buffer, MIRROR_TEXT, "in doubt since %s (%s%s)", since, status->doubt,
		         rows);
	return buffer;
}
