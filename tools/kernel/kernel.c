/* SPDX-License-Identifier: MIT
 *
 * The loop of the kernel publisher. Each round applies the messages of one burst, reads what is in
 * doubt (kernel_reader.h), and commits one version.
 *
 * A message is committed at once if none has arrived for BUSY_NS before it. Else the kernel is
 * busy: messages are collected for SETTLE_MS, so that a burst is one version.
 *
 * If FRR pushes the routes (kernel_fpm.h), all else is mirrored from the kernel. Where the kernel's
 * routes would be dumped, FRR is made to send its routes again. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include <stele/subscriber.h>

#include "lib/units.h"
#include "tools/kernel/kernel.h"
#include "tools/kernel/kernel_fpm.h"
#include "tools/kernel/kernel_mirror.h"
#include "tools/kernel/kernel_reader.h"
#include "tools/kernel/kernel_region.h"
#include "tools/kernel/kernel_status.h"
#include "tools/netlink/kernel_words.h"

/* Milliseconds between two calls of kernel_region_tidy(); and maximum messages meanwhile. With
 * more, routes are being loaded: the memory that is free now is needed soon. */
#define TIDY_MS       5000
#define TIDY_MESSAGES 1000
/* Milliseconds without a message that end a burst; and nanoseconds without a message after which
 * the next one is no part of a burst. */
#define SETTLE_MS 2
#define BUSY_NS   (5 * NSEC_PER_MSEC)

/* How many times to try a transaction with fewer rows without a pause; and milliseconds of the
 * pauses after that. */
#define FAILURES_MAX 16
#define FULL_MS      1000

/* The kernel publisher. Times are in nanoseconds on CLOCK_MONOTONIC. */
struct source {
	const struct kernel_options *options;
	struct kernel_region region;
	struct kernel_mirror mirror;
	struct kernel_reader reader;
	struct kernel_fpm fpm; /* unused if options->fpm is NULL */
	int64_t tidy_at;       /* time of the next kernel_tidy() */
	uint64_t tidied;       /* messages at the last one */
	unsigned failures;     /* rounds without success for lack of memory */
};

/* Reads everything again: the kernel's objects, and FRR's routes. */
static void kernel_start_over(struct source *source, const char *reason)
{
	kernel_doubts_mark(&source->mirror.doubts, KERNEL_ALL_KINDS, reason);
	if (source->options->fpm)
		kernel_fpm_restart(&source->fpm, reason);
}

/* ---- a round ---- */

/* Applies a burst of messages, and reads what it leaves in doubt, in the open transaction.
 * `settle_ms` is for kernel_reader_burst().
 *
 * If messages were lost, the tables may differ from the kernel's state until the end of a long
 * dump. So that readers know it meanwhile, the dump is left to the next transaction. */
static int kernel_fill(struct source *source, int settle_ms)
{
	bool known = !kernel_status_is_synced(source->mirror.store.tables[KERNEL_STATUS]);
	int r = kernel_reader_burst(&source->reader, settle_ms);

	if (source->reader.drained)
		kernel_mirror_caught_up(&source->mirror);
	if (r >= 0)
		r = kernel_reader_take_routers(&source->reader);
	if (r >= 0 && (known || !source->reader.urgent))
		r = kernel_reader_resolve(&source->reader);
	if (source->reader.again && source->options->fpm)
		kernel_fpm_restart(&source->fpm, "the region is full");
	source->reader.again = false;
	if (r >= 0 && source->options->fpm) {
		r = kernel_fpm_apply(&source->fpm);
		if (r < 0)
			kernel_region_fail_library(&source->region, r);
	}
	if (r >= 0) {
		r = kernel_relink_tidy(&source->mirror.store);
		if (r < 0)
			kernel_region_fail_library(&source->region, r);
	}
	return r;
}

/* Returns why the tables may differ from the state of the kernel and of FRR, or "". */
static const char *kernel_reason(const struct source *source)
{
	const char *reason = kernel_mirror_reason(&source->mirror);

	return *reason || !source->options->fpm ? reason : source->fpm.reason;
}

/* Starts over with fewer rows, after a transaction failed for lack of memory and was aborted: its
 * messages are gone. Waits between later attempts: other publishers may have filled the region. */
static int kernel_make_space(struct source *source)
{
	struct pollfd stop = {.fd = source->options->stop_fd, .events = POLLIN};

	kernel_space_shrink(&source->mirror.store.space);
	kernel_start_over(source, "the region is full");
	source->reader.urgent = true;
	source->region.failed = false;
	if (++source->failures > FAILURES_MAX)
		poll(&stop, 1, FULL_MS);
	return 0;
}

/* Runs a round: one transaction, and a version if it changed something. */
static int kernel_round(struct source *source)
{
	bool busy = kernel_now() - source->reader.last_event < BUSY_NS;
	int r = kernel_region_begin(&source->region);

	if (r <= 0)
		return r;
	if (source->region.dropped)
		kernel_start_over(source, "a table was dropped");
	r = kernel_fill(source, busy ? SETTLE_MS : 0);
	if (r >= 0)
		r = kernel_region_commit(&source->region, kernel_reason(source));
	else
		kernel_region_abort(&source->region);
	if (r == -ENOSPC)
		return kernel_make_space(source);
	if (r >= 0)
		source->failures = 0;
	return r;
}

/* ---- the loop ---- */

/* Waits for something to do. Returns 1 if a round is due, 0 if not, and -ECANCELED if stop_fd is
 * readable. */
static int kernel_wait(struct source *source)
{
	struct pollfd fds[5] = {
		{.fd = source->options->stop_fd, .events = POLLIN},
		{.fd = kernel_events_fd(&source->reader.sockets), .events = POLLIN},
		{.fd = source->reader.routers.fd, .events = POLLIN},
	};
	int64_t rest = kernel_reader_rest(&source->reader), pushed_rest = INT64_MAX;
	bool pushed = false;

	if (source->options->fpm)
		pushed_rest = kernel_fpm_wait(&source->fpm, fds + 3);
	if (pushed_rest < rest)
		rest = pushed_rest;
	if (poll(fds, source->options->fpm ? 5 : 3,
	         (int)((rest + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents)
		return -ECANCELED;
	if (fds[2].revents)
		kernel_reader_hear_routers(&source->reader);
	if (source->options->fpm)
		pushed = kernel_fpm_receive(&source->fpm);
	return fds[1].revents || pushed || kernel_reader_rest(&source->reader) == 0;
}

/* Tidies the region now and then, unless the kernel is busy. */
static void kernel_tidy(struct source *source)
{
	uint64_t messages = source->region.status.messages;
	int64_t now = kernel_now();

	if (now < source->tidy_at)
		return;
	if (messages - source->tidied <= TIDY_MESSAGES)
		kernel_region_tidy(&source->region);
	source->tidy_at = now + TIDY_MS * NSEC_PER_MSEC;
	source->tidied = messages;
}

/* Runs rounds until stop_fd is readable. */
static int kernel_loop(struct source *source)
{
	source->tidy_at = kernel_now() + TIDY_MS * NSEC_PER_MSEC;
	for (;;) {
		int r = kernel_wait(source);

		if (r == -ECANCELED)
			return 0;
		if (r == 1)
			r = kernel_round(source);
		if (r < 0)
			return r;
		kernel_tidy(source);
		if (!source->mirror.doubts.dirty &&
		    !(source->options->fpm && *source->fpm.reason) &&
		    kernel_space_may_fit(&source->mirror.store.space))
			kernel_start_over(source, "the region is full");
	}
}

/* Says that the system gave less memory for messages than the mirror asked for. */
static void kernel_note_buffer(struct source *source)
{
	const struct kernel_sockets *sockets = &source->reader.sockets;
	char note[200];

	if (sockets->receive_buffer >= sockets->receive_wanted)
		return;
	snprintf(note, sizeof(note),
	         "the receive buffer has %d KiB instead of %d, so many changes at once may lose "
	         "messages; CAP_NET_ADMIN or a larger net.core.rmem_max helps",
	         sockets->receive_buffer / 1024, sockets->receive_wanted / 1024);
	kernel_region_note(&source->region, KERNEL_NOTED, note);
}

static int kernel_run_source(struct source *source)
{
	int r;

	kernel_words_load(KERNEL_WORDS_ETC, KERNEL_WORDS_VENDOR);
	kernel_mirror_init(&source->mirror, source->options->fpm);
	/* FRR says itself what router advertisements mean for its routes. */
	r = kernel_reader_open(&source->reader, source->options->receive_buffer,
	                       !source->options->fpm);
	if (source->options->filter)
		source->mirror.store.filter = *source->options->filter;
	if (r >= 0 && source->options->fpm)
		r = kernel_fpm_open(&source->fpm, &source->region, source->options->fpm);
	if (r >= 0)
		r = kernel_region_attach(&source->region);
	if (r > 0) {
		kernel_note_buffer(source);
		if (source->options->fpm)
			kernel_fpm_note(&source->fpm);
		r = kernel_loop(source);
	}
	if (r < 0 && !source->region.failed)
		kernel_region_fail(&source->region, r,
		                   "cannot read the kernel's tables over rtnetlink: %s",
		                   strerror(-r));
	kernel_region_detach(&source->region);
	kernel_fpm_close(&source->fpm);
	kernel_reader_close(&source->reader);
	kernel_mirror_free(&source->mirror);
	return r;
}

int kernel_run(const char *region, const struct kernel_options *options)
{
	struct source *source = calloc(1, sizeof(*source));
	int r;

	if (options->error_size)
		options->error[0] = '\0';
	if (!source) {
		if (options->error_size)
			snprintf(options->error, options->error_size,
			         "no memory for the kernel publisher");
		return -ENOMEM;
	}
	source->options = options;
	source->region = (struct kernel_region){
		.name = region, .options = options, .store = &source->mirror.store};
	source->reader.region = &source->region;
	source->reader.mirror = &source->mirror;
	r = kernel_run_source(source);
	free(source);
	return r;
}
