/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/units.h"
#include "tools/kernel/kernel_region.h"
#include "tools/kernel/kernel_status.h"

/* Nanoseconds to wait for another publisher to go away; the default of the library. */
#define ATTACH_NS (5 * NSEC_PER_SEC)
/* Maximum bytes of old versions in a region that the mirror creates. A session of a daemon that
 * flaps replaces all routes, which would be kept for as many versions as history has. */
#define HISTORY_BYTES (UINT64_C(4) << 20)
/* Minimum bytes that a compaction returns to the system, and minimum part of the region. */
#define COMPACT_BYTES (UINT64_C(4) << 20)
#define COMPACT_PART  32
/* Nanoseconds between two looks at stop_fd while waiting for another publisher. */
#define SLICE_NS (100 * NSEC_PER_MSEC)
/* How often to try, and milliseconds between two attempts, to say in the table `status` that the
 * mirror has stopped, while another publisher has a transaction open. */
#define STOPPED_TRIES 20
#define STOPPED_MS    50

int kernel_region_fail(struct kernel_region *region, int r, const char *format, ...)
{
	va_list arguments;

	if (region->options->error_size) {
		va_start(arguments, format);
		vsnprintf(region->options->error, region->options->error_size, format, arguments);
		va_end(arguments);
	}
	region->failed = true;
	return r;
}

int kernel_region_fail_library(struct kernel_region *region, int r)
{
	return kernel_region_fail(region, r, "%s", stele_last_error());
}

static void region_report(const struct kernel_region *region, enum kernel_event event,
                          uint64_t version, const char *note)
{
	const struct kernel_report report = {
		.event = event,
		.version = version,
		.objects = region->objects,
		.messages = region->messages,
		.status = &region->status,
		.note = note,
	};

	if (region->options->report)
		region->options->report(region->options->context, &report);
}

void kernel_region_note(struct kernel_region *region, enum kernel_event event, const char *note)
{
	if (event == KERNEL_DISCONNECTED)
		region->state = event;
	region_report(region, event, 0, note);
}

/* Returns true if stop_fd is readable, at the latest after `timeout_ms`. */
static bool region_stops(const struct kernel_region *region, int timeout_ms)
{
	struct pollfd stop = {.fd = region->options->stop_fd, .events = POLLIN};

	return poll(&stop, 1, timeout_ms) > 0;
}

/* ---- attaching ---- */

/* Holds the claim on the region's present file. */
static void region_hold(struct kernel_region *region)
{
	if (*region->path)
		kernel_claim_hold(&region->claim, region->path);
}

/* Claims the region: finds the path of its data file, which stays the same. */
static void region_claim(struct kernel_region *region)
{
	struct stele_region_info info = {.size = sizeof(info)};

	kernel_claim_init(&region->claim);
	region->status.lock = region->claim.byte;
	if (stele_region_describe(region->name, &info) == 0)
		snprintf(region->path, sizeof(region->path), "%s", info.path);
	region_hold(region);
}

int kernel_region_attach(struct kernel_region *region)
{
	struct stele_publisher_options slice = {.size = sizeof(slice), .flags = STELE_CREATE};
	int64_t timeout, end;
	int r;

	if (region->options->publisher)
		slice = *region->options->publisher;
	if (!slice.history_bytes)
		slice.history_bytes = HISTORY_BYTES;
	timeout = slice.attach_timeout_ns ? slice.attach_timeout_ns : ATTACH_NS;
	end = kernel_now() + timeout;
	if (timeout > SLICE_NS)
		slice.attach_timeout_ns = SLICE_NS;
	for (;;) {
		r = stele_publisher_open(region->name, &slice, &region->publisher);
		if (r != -EBUSY || kernel_now() >= end)
			break;
		if (region_stops(region, 10))
			return 0;
	}
	if (r < 0)
		return kernel_region_fail_library(region, r);
	region_claim(region);
	region->store->space.publisher = region->publisher;
	if (*stele_publisher_note(region->publisher))
		kernel_region_note(region, KERNEL_NOTED, stele_publisher_note(region->publisher));
	return 1;
}

/* Says in the table `status` that the tables are not followed any more. Without this, readers know
 * by the lock that the mirror has ended. */
static void region_say_stopped(struct kernel_region *region)
{
	int r, tries = STOPPED_TRIES;

	while ((r = stele_transaction_begin(region->publisher, &region->tx)) == -EBUSY &&
	       --tries > 0)
		poll(NULL, 0, STOPPED_MS);
	if (r < 0)
		return;
	if (kernel_tables_open(region->tx, region->store->tables) < 0 ||
	    kernel_status_put(region->store->tables[KERNEL_STATUS], &region->status,
	                      "the publisher has stopped", &region->status_at) < 0)
		stele_transaction_abort(region->tx);
	else
		(void)stele_transaction_commit(region->tx, "kernel mirror stopped", NULL);
	region->tx = NULL;
}

void kernel_region_detach(struct kernel_region *region)
{
	if (!region->publisher)
		return;
	region_say_stopped(region);
	kernel_claim_fini(&region->claim);
	region->publisher = stele_publisher_close(region->publisher);
	if (!region->failed)
		region_report(region, KERNEL_STOPPED, 0, "");
}

/* ---- memory ---- */

void kernel_region_tidy(struct kernel_region *region)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	uint64_t unused;

	stele_publisher_reap(region->publisher);
	if (stele_publisher_describe(region->publisher, &stats) < 0)
		return;
	unused = stats.arena_size - stats.arena_used;
	if (unused < region->unusable)
		region->unusable = unused;
	if (unused - region->unusable < COMPACT_BYTES || unused < stats.arena_size / COMPACT_PART ||
	    stele_publisher_compact(region->publisher) < 0)
		return;
	region_hold(region);
	if (stele_publisher_describe(region->publisher, &stats) == 0)
		region->unusable = stats.arena_size - stats.arena_used;
}

/* ---- transactions ---- */

/* Opens the tables. Returns 0 or a negative errno. */
static int region_open_tables(struct kernel_region *region)
{
	uint64_t version = stele_publisher_version(region->publisher);
	int r;

	if (region->version && region->version == version)
		return kernel_tables_find(region->tx, region->store->tables);
	r = kernel_tables_open(region->tx, region->store->tables);
	region->dropped = r == 1 && region->version;
	return r < 0 ? r : 0;
}

int kernel_region_begin(struct kernel_region *region)
{
	int r;

	region->messages = region->objects = 0;
	region->lost = region->dropped = false;
	/* The other publisher may have replaced the file, long before its transaction ends. */
	while ((r = stele_transaction_begin(region->publisher, &region->tx)) == -EBUSY) {
		region_hold(region);
		if (region_stops(region, 100))
			return 0;
	}
	if (r < 0)
		return kernel_region_fail_library(region, r);
	region_hold(region);
	r = region_open_tables(region);
	if (r < 0) {
		kernel_region_fail_library(region, r);
		kernel_region_abort(region);
		return r;
	}
	return 1;
}

void kernel_region_abort(struct kernel_region *region)
{
	region->tx = stele_transaction_abort(region->tx);
}

/* Reports a version, if there is one, and what the transaction means for the tables. Called after
 * the commit, because a slow reader of the reports must not keep the region locked. */
static void region_report_version(struct kernel_region *region, uint64_t version, bool known)
{
	enum kernel_event state = region->state;

	if (version)
		region_report(region, region->objects ? KERNEL_DUMPED : KERNEL_UPDATED, version,
		              "");
	if (region->lost)
		state = KERNEL_LOST;
	else if (region->status.synced)
		state = KERNEL_SYNCED;
	else if (region->status.refused && known)
		state = KERNEL_FULL;
	if (state != region->state)
		region_report(region, state, version, "");
	region->state = state;
}

int kernel_region_commit(struct kernel_region *region, const char *doubt)
{
	const char *message = region->options->message;
	uint64_t version = 0;
	bool full = !*doubt && region->store->space.refused;
	int r;

	if (!message)
		message = region->objects ? "kernel dump" : "kernel update";
	region->status.messages += region->messages;
	region->status.refused = region->store->space.refused;
	r = kernel_status_put(region->store->tables[KERNEL_STATUS], &region->status,
	                      full ? "the region is full" : doubt, &region->status_at);
	if (r < 0) {
		kernel_region_abort(region);
	} else {
		r = stele_transaction_commit(region->tx, message, &version);
		region->tx = NULL;
		region_hold(region);
	}
	if (r == -ENOSPC)
		return r;
	if (r < 0)
		return kernel_region_fail_library(region, r);
	region->version = stele_publisher_version(region->publisher);
	region_report_version(region, r == 1 ? version : 0, full);
	return 0;
}
