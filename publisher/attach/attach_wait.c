/* SPDX-License-Identifier: MIT */
#include "publisher/attach/attach_wait.h"

#include <stele/error.h>

#include "lib/base/clock.h"
#include "lib/units.h"

/* The callback is called after this time. Transactions are short, so most waits end before. */
#define ATTACH_WAIT_TELL (200 * NSEC_PER_MSEC)

void attach_wait_start(struct attach_wait *wait, int64_t timeout,
                       void (*waiting)(const char *message, void *context), void *context)
{
	int64_t now = clock_monotonic();

	*wait = (struct attach_wait){
		.until = timeout > INT64_MAX - now ? INT64_MAX : now + (timeout > 0 ? timeout : 0),
		.tell = waiting ? now + ATTACH_WAIT_TELL : INT64_MAX,
		.waiting = waiting,
		.context = context,
	};
}

int64_t attach_wait_next(const struct attach_wait *wait)
{
	return wait->tell < wait->until ? wait->tell : wait->until;
}

bool attach_wait_is_due(const struct attach_wait *wait)
{
	int64_t now = clock_monotonic();

	return now >= wait->tell && now < wait->until;
}

void attach_wait_tell(struct attach_wait *wait)
{
	wait->tell = INT64_MAX;
	wait->waiting(stele_last_error(), wait->context);
}
