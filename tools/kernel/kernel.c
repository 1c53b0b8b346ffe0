/* SPDX-License-Identifier: MIT
 *
 * The loop of the kernel publisher. Each round applies the messages of one burst, dumps the kinds
 * of objects that are dirty, and commits one version.
 *
 * The kernel may change during a dump. The messages that arrive during a dump are applied after it,
 * in the same transaction. Some of them are older than what was dumped (kernel_replay.h).
 *
 * A dump starts at once if messages were lost, and as soon as no message has arrived for QUIET_MS.
 * If messages keep arriving that do not describe all of their change, the loop would always dump.
 * Therefore such a dump waits until a multiple of the duration of the last one has passed. Messages
 * are still applied meanwhile.
 *
 * A message is committed at once if none has arrived for BUSY_NS before it. Else the kernel is
 * busy: messages are collected for SETTLE_MS, so that a burst is one version.
 *
 * Each set of dumps starts with a dump of the links, whichever kinds are dirty. The kernel reports
 * that a link goes down, or that an address is removed, before it removes the routes that depend on
 * it. A dump of routes does not wait for that removal, and could still have these routes. A dump of
 * links waits, because it takes the lock (RTNL) that the kernel holds from the report until the
 * removal.
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
#include "tools/kernel/kernel_region.h"
#include "tools/netlink/kernel_routers.h"
#include "tools/netlink/kernel_socket.h"
#include "tools/fib/kernel_tables.h"
#include "tools/netlink/kernel_words.h"

/* Milliseconds between two calls of kernel_region_tidy(); and maximum messages meanwhile. With
 * more, routes are being loaded: the memory that is free now is needed soon. */
#define TIDY_MS       5000
#define TIDY_MESSAGES 1000
/* Milliseconds without a message that end a burst; and nanoseconds without a message after which
 * the next one is no part of a burst. */
#define SETTLE_MS 2
#define BUSY_NS   (5 * NSEC_PER_MSEC)
/* Milliseconds without a message after which the kernel is quiet. */
#define QUIET_MS 20
/* Maximum nanoseconds and messages of a burst. */
#define SETTLE_MAX_NS (10 * NSEC_PER_MSEC)
#define BURST_MAX     65536
/* The pause between dumps, as a multiple of their duration: dumps take at most a fifth of the
 * time. */
#define REST_FACTOR 4
/* Minimum nanoseconds of the pause between dumps. */
#define REST_MIN_NS (20 * NSEC_PER_MSEC)
/* Nanoseconds between two reads of the proxy neighbours. */
#define PROXIES_NS NSEC_PER_SEC
/* How many times to dump a kind in one round if the kernel changes meanwhile. */
#define DUMP_TRIES 5
/* How many times to read again in one round what messages that arrived meanwhile have changed. */
#define READ_TRIES 8

/* Nanoseconds after which the kernel has applied a router advertisement. */
#define ROUTER_NS (20 * NSEC_PER_MSEC)

/* How many times to try a transaction with fewer rows without a pause; and milliseconds of the
 * pauses after that. */
#define FAILURES_MAX 16
#define FULL_MS      1000

/* The kernel publisher. Times are in nanoseconds on CLOCK_MONOTONIC. */
struct source {
	const struct kernel_options *options;
	struct kernel_region region;
	struct kernel_sockets sockets;
	struct kernel_routers routers;
	struct kernel_mirror mirror;
	struct kernel_fpm fpm;       /* unused if options->fpm is NULL */
	struct kernel_relink relink; /* while the routes of a link are read */
	bool drained;                /* the socket has no more messages */
	bool urgent; /* messages were lost, or there was no dump yet: the next must not wait */
	int64_t last_event; /* time of the last message */
	int64_t rest_until; /* time before which no dump starts while messages arrive */
	int64_t proxies_at; /* time to read the proxy neighbours again */
	int64_t tidy_at;    /* time of the next kernel_tidy() */
	uint64_t tidied;    /* messages at the last one */
	unsigned failures;  /* rounds without success for lack of memory */
};

/* Reads everything again: the kernel's objects, and FRR's routes. */
static void kernel_start_over(struct source *source, const char *reason)
{
	kernel_doubts_mark(&source->mirror.doubts, KERNEL_ALL_KINDS, reason);
	if (source->options->fpm)
		kernel_fpm_restart(&source->fpm, reason);
}

/* ---- a round ---- */

/* Applies a message of the kernel. */
static int kernel_take_event(void *context, const struct nlmsghdr *message)
{
	struct source *source = context;
	int r = kernel_mirror_apply(&source->mirror, message);

	return r < 0 ? kernel_region_fail_library(&source->region, r) : 0;
}

/* Applies messages until none has arrived for `settle_ms`, or until the burst has its maximum
 * size. */
static int kernel_take_burst(struct source *source, int settle_ms)
{
	struct pollfd waiting = {.fd = kernel_events_fd(&source->sockets), .events = POLLIN};
	int64_t end = kernel_now() + SETTLE_MAX_NS;

	source->drained = false;
	while (source->region.messages < BURST_MAX) {
		int r = kernel_events_read(&source->sockets, kernel_take_event, source);

		if (r >= 0) {
			source->region.messages += (unsigned)r;
			source->last_event = kernel_now();
		} else if (r == -ENOBUFS) {
			kernel_doubts_mark(&source->mirror.doubts, KERNEL_ALL_KINDS,
			                   "messages were lost");
			source->region.lost = source->urgent = true;
			source->region.status.losses++;
		} else if (r == -EAGAIN) {
			source->drained = true;
			if (!source->region.messages || kernel_now() >= end ||
			    poll(&waiting, 1, settle_ms) <= 0)
				return 0;
			source->drained = false;
		} else {
			return r;
		}
	}
	return 0;
}

/* Applies an object of a dump. */
static int kernel_take_dumped(void *context, const struct nlmsghdr *message)
{
	struct source *source = context;
	int r;

	source->mirror.resumed = (const uint8_t *)message == source->sockets.buffer;
	r = kernel_mirror_dump_add(&source->mirror, message);
	source->region.objects++;
	return r < 0 ? kernel_region_fail_library(&source->region, r) : 0;
}

/* Dumps one kind, up to DUMP_TRIES times if the kernel changes meanwhile. Returns 0, 1 if the last
 * dump may be torn too, or a negative errno. */
static int kernel_dump_kind(struct source *source, enum kernel_kind kind)
{
	struct kernel_mirror *mirror = &source->mirror;

	for (int i = 0; i < DUMP_TRIES; i++) {
		int interrupted, r = kernel_mirror_dump_start(mirror, kind);

		if (r < 0)
			return kernel_region_fail_library(&source->region, r);
		interrupted = kernel_dump(&source->sockets, kind, kernel_take_dumped, source);
		if (interrupted < 0)
			return interrupted;
		r = kernel_mirror_dump_end(mirror);
		if (r < 0)
			return kernel_region_fail_library(&source->region, r);
		if (!interrupted && r == 0)
			return 0;
	}
	return 1;
}

/* Dumps the links, and then all kinds that are dirty. */
static int kernel_dump_dirty(struct source *source)
{
	struct kernel_mirror *mirror = &source->mirror;
	int64_t start = kernel_now(), took;
	unsigned mask = KERNEL_KIND_MASK(KERNEL_KIND_LINKS), doubtful = 0;

	/* Only a dump of all objects finds out how many rows still have no space. */
	if (mirror->store.space.refused)
		kernel_start_over(source, "the region is full");
	mirror->store.space.refused = 0;
	for (int kind = KERNEL_KIND_LINKS; kind < KERNEL_KINDS; kind++) {
		int r = 0;

		/* A dump of links may make other kinds dirty. */
		mask |= mirror->doubts.dirty;
		mirror->doubts.dirty = 0;
		if (mask & KERNEL_KIND_MASK(kind))
			r = kernel_dump_kind(source, (enum kernel_kind)kind);
		if (r < 0)
			return r;
		if (r == 1)
			doubtful |= KERNEL_KIND_MASK(kind);
		source->region.status.dumps += (mask >> kind) & 1;
	}
	if (doubtful)
		kernel_doubts_mark(&mirror->doubts, doubtful,
		                   "the kernel changed during the dumps");
	source->urgent = false;
	took = kernel_now() - start;
	source->rest_until = kernel_now() +
	                     (took > REST_MIN_NS / REST_FACTOR ? took * REST_FACTOR : REST_MIN_NS);
	return 0;
}

/* Returns the nanoseconds until a dump may start. */
static int64_t kernel_rest(const struct source *source)
{
	int64_t quiet = source->last_event + QUIET_MS * NSEC_PER_MSEC;
	int64_t until = source->rest_until < quiet ? source->rest_until : quiet;
	int64_t left = source->urgent ? 0 : until - kernel_now();

	return left > 0 ? left : 0;
}

/* Takes the answer to a query about a link. */
static int kernel_take_link(void *context, const struct nlmsghdr *message)
{
	struct source *source = context;
	int r;

	source->mirror.answering = true;
	r = kernel_mirror_apply(&source->mirror, message);
	source->mirror.answering = false;
	return r < 0 ? kernel_region_fail_library(&source->region, r) : 0;
}

/* Takes a route of a link. */
static int kernel_take_routes(void *context, const struct nlmsghdr *message)
{
	struct source *source = context;
	int r = kernel_relink_add(&source->relink, message);

	return r < 0 ? kernel_region_fail_library(&source->region, r) : 0;
}

/* Reads the routes of one link and one family. `gone`: the link does not exist any more. */
static int kernel_read_link(struct source *source, uint32_t ifindex, bool wide, bool gone)
{
	unsigned kind = KERNEL_KIND_MASK(wide ? KERNEL_KIND_ROUTES6 : KERNEL_KIND_ROUTES4);
	struct kernel_mirror *mirror = &source->mirror;
	int r = 0, read = gone ? -ENODEV : 0;

	source->relink = (struct kernel_relink){.doubt = kernel_doubts_add_family,
	                                        .context = &mirror->doubts};
	if (!gone)
		r = kernel_relink_start(&source->relink, &mirror->store, ifindex, wide);
	if (r == 1) {
		source->region.status.reads++;
		read = kernel_query_routes(&source->sockets, wide, ifindex, kernel_take_routes,
		                           source);
	}
	if (read == 1 || read == -EOPNOTSUPP) {
		kernel_doubts_mark(&mirror->doubts, kind, "a link has changed");
		r = 0;
	} else if (read == -ENODEV) {
		r = kernel_mirror_forget_link(mirror, ifindex, wide);
	} else if (r == 1) {
		r = read < 0 ? read : kernel_relink_end(&source->relink);
		if (r == 1)
			kernel_doubts_mark(&mirror->doubts, kind, "a message did not fit");
	}
	kernel_relink_free(&source->relink);
	return r < 0 && !source->region.failed && r != read
	               ? kernel_region_fail_library(&source->region, r)
	               : r;
}

/* Dumps the next-hop objects, if there are any: the kernel removes those of a link that goes down
 * without a message. */
static int kernel_read_nexthops(struct source *source)
{
	int r = kernel_nexthops_any(&source->mirror.store);

	if (r < 0)
		return kernel_region_fail_library(&source->region, r);
	r = r ? kernel_dump_kind(source, KERNEL_KIND_NEXTHOPS) : 0;
	if (r == 1)
		kernel_doubts_mark(&source->mirror.doubts, KERNEL_KIND_MASK(KERNEL_KIND_NEXTHOPS),
		                   "the kernel changed during the dumps");
	return r < 0 ? r : 0;
}

/* Reads the routes of the links in doubt. */
static int kernel_read_doubts(struct source *source)
{
	struct kernel_mirror *mirror = &source->mirror;
	struct kernel_doubt doubt;

	while (kernel_doubts_take(&mirror->doubts, &doubt)) {
		int r = kernel_query_link(&source->sockets, doubt.ifindex, kernel_take_link,
		                          source);
		bool gone = r == -ENODEV;

		if (r < 0 && !gone)
			return r;
		/* The answer comes after the change of the link is complete. */
		r = kernel_read_nexthops(source);
		if (r < 0)
			return r;
		if (doubt.kinds & KERNEL_KIND_MASK(KERNEL_KIND_ROUTES4))
			r = kernel_read_link(source, doubt.ifindex, false, gone);
		if (r >= 0 && (doubt.kinds & KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6)))
			r = kernel_read_link(source, doubt.ifindex, true, gone);
		if (r < 0)
			return r;
	}
	return 0;
}

static int kernel_take_nothing(void *context, const struct nlmsghdr *message)
{
	(void)context;
	(void)message;
	return 0;
}

/* Waits until the socket has all messages about changes that a read may have seen. The kernel
 * changes an IPv4 route some time before it sends the message, but does both under the lock RTNL,
 * for which this query waits. It does both to an IPv6 route under the lock of the table, which a
 * dump takes, too. */
static int kernel_await_messages(struct source *source)
{
	int r = kernel_query_link(&source->sockets, 1, kernel_take_nothing, NULL);

	return r == -ENODEV ? 0 : r;
}

/* Reads the proxy neighbours. The kernel sends no messages about them. */
static int kernel_read_proxies(struct source *source)
{
	int r = kernel_dump_kind(source, KERNEL_KIND_PROXIES4);

	if (r >= 0)
		r = kernel_dump_kind(source, KERNEL_KIND_PROXIES6);
	source->proxies_at = kernel_now() + PROXIES_NS;
	return r < 0 ? r : 0;
}

/* Reads the buckets of all resilient groups. */
static int kernel_read_buckets(struct source *source)
{
	int r = kernel_dump_kind(source, KERNEL_KIND_BUCKETS);

	source->mirror.buckets_moved |= r == 1;
	return r < 0 ? r : 0;
}

/* Reads what is dirty or in doubt, and applies what arrived meanwhile. */
static int kernel_read_again(struct source *source)
{
	struct kernel_mirror *mirror = &source->mirror;
	int r = 0;

	for (int i = 0; i < READ_TRIES && r >= 0 && source->drained; i++) {
		bool dump = mirror->doubts.dirty && kernel_rest(source) == 0;

		if (!dump && !mirror->doubts.link_count) {
			if (mirror->buckets_moved)
				r = kernel_read_buckets(source);
			else if (kernel_now() >= source->proxies_at)
				r = kernel_read_proxies(source);
			else
				break;
			continue;
		}
		kernel_mirror_read_start(mirror);
		r = dump ? kernel_dump_dirty(source) : kernel_read_doubts(source);
		kernel_mirror_read_end(mirror);
		if (r >= 0)
			r = kernel_await_messages(source);
		if (r >= 0)
			r = kernel_take_burst(source, 0);
		/* A very long burst goes on in the next round. */
		if (source->drained)
			kernel_mirror_caught_up(mirror);
	}
	return r;
}

/* Doubts the links on which routers have sent advertisements. */
static int kernel_take_routers(struct source *source)
{
	uint32_t ifindex;
	int r = 0;

	while (r >= 0 && kernel_routers_take(&source->routers, kernel_now(), &ifindex))
		r = kernel_mirror_heard_router(&source->mirror, ifindex);
	return r < 0 ? kernel_region_fail_library(&source->region, r) : 0;
}

/* Applies a burst of messages, and reads what it leaves in doubt, in the open transaction.
 * `settle_ms` is for kernel_take_burst().
 *
 * If messages were lost, the tables may differ from the kernel's state until the end of a long
 * dump. So that readers know it meanwhile, the dump is left to the next transaction. */
static int kernel_fill(struct source *source, int settle_ms)
{
	bool known = !kernel_status_is_synced(source->mirror.store.tables[KERNEL_STATUS]);
	int r = kernel_take_burst(source, settle_ms);

	if (source->drained)
		kernel_mirror_caught_up(&source->mirror);
	if (r >= 0)
		r = kernel_take_routers(source);
	if (r >= 0 && (known || !source->urgent))
		r = kernel_read_again(source);
	if (r >= 0 && source->options->fpm) {
		r = kernel_fpm_apply(&source->fpm);
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
	source->urgent = true;
	source->region.failed = false;
	if (++source->failures > FAILURES_MAX)
		poll(&stop, 1, FULL_MS);
	return 0;
}

/* Runs a round: one transaction, and a version if it changed something. */
static int kernel_round(struct source *source)
{
	bool busy = kernel_now() - source->last_event < BUSY_NS;
	int r = kernel_region_begin(&source->region);

	if (r <= 0)
		return r;
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

/* Returns the nanoseconds until a round has something to do even if no message arrives. */
static int64_t kernel_rest_until_round(const struct source *source)
{
	int64_t router = kernel_routers_next(&source->routers);
	int64_t next = router < source->proxies_at ? router : source->proxies_at;
	int64_t left = next - kernel_now();

	if (source->mirror.doubts.link_count || source->mirror.buckets_moved)
		return 0;
	if (source->mirror.doubts.dirty && kernel_rest(source) < left)
		left = kernel_rest(source);
	return left > 0 ? left : 0;
}

/* Waits for something to do. Returns 1 if a round is due, 0 if not, and -ECANCELED if stop_fd is
 * readable. */
static int kernel_wait(struct source *source)
{
	struct pollfd fds[5] = {
		{.fd = source->options->stop_fd, .events = POLLIN},
		{.fd = kernel_events_fd(&source->sockets), .events = POLLIN},
		{.fd = source->routers.fd, .events = POLLIN},
	};
	int64_t rest = kernel_rest_until_round(source), pushed_rest = INT64_MAX;
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
		kernel_routers_hear(&source->routers, kernel_now() + ROUTER_NS);
	if (source->options->fpm)
		pushed = kernel_fpm_receive(&source->fpm);
	return fds[1].revents || pushed || kernel_rest_until_round(source) == 0;
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
		    kernel_space_may_fit(&source->mirror.store.space))
			kernel_start_over(source, "the region is full");
	}
}

/* Says that the system gave less memory for messages than the mirror asked for. */
static void kernel_note_buffer(struct source *source)
{
	const struct kernel_sockets *sockets = &source->sockets;
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

	/* FRR says itself what router advertisements mean for its routes. */
	source->routers.fd = -1;
	if (!source->options->fpm)
		kernel_routers_open(&source->routers);
	kernel_words_load(KERNEL_WORDS_ETC, KERNEL_WORDS_VENDOR);
	kernel_mirror_init(&source->mirror, source->options->fpm);
	r = kernel_sockets_open(&source->sockets, source->mirror.doubts.kinds,
	                        source->options->receive_buffer);
	if (source->options->filter)
		source->mirror.store.filter = *source->options->filter;
	if (r >= 0 && source->options->fpm)
		r = kernel_fpm_open(&source->fpm, &source->region, source->options->fpm);
	if (r >= 0)
		r = kernel_region_attach(&source->region);
	if (r > 0) {
		kernel_note_buffer(source);
		r = kernel_loop(source);
	}
	if (r < 0 && !source->region.failed)
		kernel_region_fail(&source->region, r,
		                   "cannot read the kernel's tables over rtnetlink: %s",
		                   strerror(-r));
	kernel_region_detach(&source->region);
	kernel_fpm_close(&source->fpm);
	kernel_sockets_close(&source->sockets);
	kernel_routers_close(&source->routers);
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
	source->urgent = true;
	r = kernel_run_source(source);
	free(source);
	return r;
}
