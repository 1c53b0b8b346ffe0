/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "lib/units.h"
#include "tools/kernel/kernel_reader.h"

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

int kernel_reader_open(struct kernel_reader *reader, int receive_buffer, bool routers)
{
	reader->routers.fd = -1;
	if (routers)
		kernel_routers_open(&reader->routers);
	reader->urgent = true;
	return kernel_sockets_open(&reader->sockets, reader->mirror->doubts.kinds, receive_buffer);
}

void kernel_reader_close(struct kernel_reader *reader)
{
	kernel_sockets_close(&reader->sockets);
	kernel_routers_close(&reader->routers);
}

void kernel_reader_hear_routers(struct kernel_reader *reader)
{
	kernel_routers_hear(&reader->routers, kernel_now() + ROUTER_NS);
}

/* Applies a message of the kernel. */
static int reader_take_event(void *context, const struct nlmsghdr *message)
{
	struct kernel_reader *reader = context;
	int r = kernel_mirror_apply(reader->mirror, message);

	return r < 0 ? kernel_region_fail_library(reader->region, r) : 0;
}

int kernel_reader_burst(struct kernel_reader *reader, int settle_ms)
{
	struct pollfd waiting = {.fd = kernel_events_fd(&reader->sockets), .events = POLLIN};
	int64_t end = kernel_now() + SETTLE_MAX_NS;

	reader->drained = false;
	while (reader->region->messages < BURST_MAX) {
		int r = kernel_events_read(&reader->sockets, reader_take_event, reader);

		if (r >= 0) {
			reader->region->messages += (unsigned)r;
			reader->last_event = kernel_now();
		} else if (r == -ENOBUFS) {
			kernel_doubts_mark(&reader->mirror->doubts, KERNEL_ALL_KINDS,
			                   "messages were lost");
			reader->region->lost = reader->urgent = true;
			reader->region->status.losses++;
		} else if (r == -EAGAIN) {
			reader->drained = true;
			if (!reader->region->messages || kernel_now() >= end ||
			    poll(&waiting, 1, settle_ms) <= 0)
				return 0;
			reader->drained = false;
		} else {
			return r;
		}
	}
	return 0;
}

/* Applies an object of a dump. */
static int reader_take_dumped(void *context, const struct nlmsghdr *message)
{
	struct kernel_reader *reader = context;
	int r;

	reader->mirror->resumed |= (const uint8_t *)message == reader->sockets.buffer;
	r = kernel_mirror_dump_add(reader->mirror, message);
	reader->region->objects++;
	return r < 0 ? kernel_region_fail_library(reader->region, r) : 0;
}

/* Dumps one kind, up to DUMP_TRIES times if the kernel changes meanwhile. Returns 0, 1 if the last
 * dump may be torn too, or a negative errno. */
static int reader_dump_kind(struct kernel_reader *reader, enum kernel_kind kind)
{
	struct kernel_mirror *mirror = reader->mirror;

	for (int i = 0; i < DUMP_TRIES; i++) {
		int interrupted, r = kernel_mirror_dump_start(mirror, kind);

		if (r < 0)
			return kernel_region_fail_library(reader->region, r);
		interrupted = kernel_dump(&reader->sockets, kind, reader_take_dumped, reader);
		if (interrupted < 0)
			return interrupted;
		r = kernel_mirror_dump_end(mirror);
		if (r < 0)
			return kernel_region_fail_library(reader->region, r);
		if (!interrupted && r == 0)
			return 0;
	}
	return 1;
}

/* Dumps the links, and then all kinds that are dirty. */
static int reader_dump_dirty(struct kernel_reader *reader)
{
	struct kernel_mirror *mirror = reader->mirror;
	int64_t start = kernel_now(), took;
	unsigned mask = KERNEL_KIND_MASK(KERNEL_KIND_LINKS), doubtful = 0;
	const char *reason = "the kernel changed during the dumps";

	/* Only a dump of all objects finds out how many rows still have no space. */
	if (mirror->store.space.refused) {
		kernel_doubts_mark(&mirror->doubts, KERNEL_ALL_KINDS, "the region is full");
		reader->again = true;
	}
	mirror->store.space.refused = 0;
	for (int kind = KERNEL_KIND_LINKS; kind < KERNEL_KINDS; kind++) {
		int r = 0;

		/* A dump of links may make other kinds dirty. */
		mask |= mirror->doubts.dirty;
		mirror->doubts.dirty = 0;
		if (mask & KERNEL_KIND_MASK(kind))
			r = reader_dump_kind(reader, (enum kernel_kind)kind);
		if (r < 0)
			return r;
		if (r == 1)
			doubtful |= KERNEL_KIND_MASK(kind);
		reader->region->status.dumps += (mask >> kind) & 1;
		/* What was dumped before this kind must be dumped again. */
		doubtful |= mirror->doubts.dirty & (2u * KERNEL_KIND_MASK(kind) - 1);
		if (mirror->doubts.dirty & (2u * KERNEL_KIND_MASK(kind) - 1))
			reason = mirror->doubts.reason;
	}
	if (doubtful)
		kernel_doubts_mark(&mirror->doubts, doubtful, reason);
	reader->urgent = false;
	took = kernel_now() - start;
	reader->rest_until = kernel_now() +
	                     (took > REST_MIN_NS / REST_FACTOR ? took * REST_FACTOR : REST_MIN_NS);
	return 0;
}

/* Returns the nanoseconds until a dump may start. */
static int64_t reader_rest(const struct kernel_reader *reader)
{
	int64_t quiet = reader->last_event + QUIET_MS * NSEC_PER_MSEC;
	int64_t until = reader->rest_until < quiet ? reader->rest_until : quiet;
	int64_t left = reader->urgent ? 0 : until - kernel_now();

	return left > 0 ? left : 0;
}

/* Takes the answer to a query about a link. */
static int reader_take_answer(void *context, const struct nlmsghdr *message)
{
	struct kernel_reader *reader = context;
	int r;

	reader->mirror->answering = true;
	r = kernel_mirror_apply(reader->mirror, message);
	reader->mirror->answering = false;
	return r < 0 ? kernel_region_fail_library(reader->region, r) : 0;
}

/* Takes a route of a link. */
static int reader_take_route(void *context, const struct nlmsghdr *message)
{
	struct kernel_reader *reader = context;
	int r;

	reader->relink.resumed |= (const uint8_t *)message == reader->sockets.buffer;
	r = kernel_relink_add(&reader->relink, message);
	return r < 0 ? kernel_region_fail_library(reader->region, r) : 0;
}

/* Reads the routes of one link and one family. `gone`: the link does not exist any more. */
static int reader_read_link(struct kernel_reader *reader, uint32_t ifindex, bool wide, bool gone)
{
	unsigned kind = KERNEL_KIND_MASK(wide ? KERNEL_KIND_ROUTES6 : KERNEL_KIND_ROUTES4);
	struct kernel_mirror *mirror = reader->mirror;
	int r = 0, read = gone ? -ENODEV : 0;

	reader->relink = (struct kernel_relink){.doubt = kernel_doubts_add_family,
	                                        .context = &mirror->doubts};
	if (!gone)
		r = kernel_relink_start(&reader->relink, &mirror->store, ifindex, wide);
	if (r == 1) {
		reader->region->status.reads++;
		read = kernel_query_routes(&reader->sockets, wide, ifindex, reader_take_route,
		                           reader);
	}
	if (read == 1 || read == -EOPNOTSUPP) {
		kernel_doubts_mark(&mirror->doubts, kind, "a link has changed");
		r = 0;
	} else if (read == -ENODEV) {
		r = kernel_mirror_forget_link(mirror, ifindex, wide);
	} else if (r == 1) {
		r = read < 0 ? read : kernel_relink_end(&reader->relink);
		if (r == 1)
			kernel_doubts_mark(&mirror->doubts, kind, "a message did not fit");
	}
	kernel_relink_free(&reader->relink);
	return r < 0 && !reader->region->failed && r != read
	               ? kernel_region_fail_library(reader->region, r)
	               : r;
}

/* Dumps the next-hop objects, if there are any: the kernel removes those of a link that goes down
 * without a message. */
static int reader_read_nexthops(struct kernel_reader *reader)
{
	int r = kernel_nexthops_any(&reader->mirror->store);

	if (r < 0)
		return kernel_region_fail_library(reader->region, r);
	r = r ? reader_dump_kind(reader, KERNEL_KIND_NEXTHOPS) : 0;
	if (r == 1)
		kernel_doubts_mark(&reader->mirror->doubts, KERNEL_KIND_MASK(KERNEL_KIND_NEXTHOPS),
		                   "the kernel changed during the dumps");
	return r < 0 ? r : 0;
}

/* Reads the routes of the links in doubt. */
static int reader_read_doubts(struct kernel_reader *reader)
{
	struct kernel_mirror *mirror = reader->mirror;
	struct kernel_doubt links[KERNEL_DOUBTS_MAX];
	bool gone[KERNEL_DOUBTS_MAX];
	size_t count = 0;
	int r = 0;

	/* What is read may put links in doubt again. They wait for the next read. */
	while (count < KERNEL_DOUBTS_MAX && kernel_doubts_take(&mirror->doubts, &links[count]))
		count++;
	/* An answer comes after the change of the link is complete. */
	for (size_t i = 0; i < count; i++) {
		r = kernel_query_link(&reader->sockets, links[i].ifindex, reader_take_answer,
		                      reader);
		gone[i] = r == -ENODEV;
		if (r < 0 && !gone[i])
			return r;
	}
	r = reader_read_nexthops(reader);
	for (size_t i = 0; i < count && r >= 0; i++) {
		if (links[i].kinds & KERNEL_KIND_MASK(KERNEL_KIND_ROUTES4))
			r = reader_read_link(reader, links[i].ifindex, false, gone[i]);
		if (r >= 0 && (links[i].kinds & KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6)))
			r = reader_read_link(reader, links[i].ifindex, true, gone[i]);
	}
	return r < 0 ? r : 0;
}

/* Reads the proxy neighbours. The kernel sends no messages about them. */
static int reader_read_proxies(struct kernel_reader *reader)
{
	int r = reader_dump_kind(reader, KERNEL_KIND_PROXIES4);

	if (r >= 0)
		r = reader_dump_kind(reader, KERNEL_KIND_PROXIES6);
	reader->proxies_at = kernel_now() + PROXIES_NS;
	return r < 0 ? r : 0;
}

/* Reads the buckets of all resilient groups. */
static int reader_read_buckets(struct kernel_reader *reader)
{
	int r = reader_dump_kind(reader, KERNEL_KIND_BUCKETS);

	reader->mirror->buckets_moved |= r == 1;
	return r < 0 ? r : 0;
}

int kernel_reader_resolve(struct kernel_reader *reader)
{
	struct kernel_mirror *mirror = reader->mirror;
	int r = 0;

	for (int i = 0; i < READ_TRIES && r >= 0 && reader->drained; i++) {
		bool dump = mirror->doubts.dirty && reader_rest(reader) == 0;

		if (!dump && !mirror->doubts.link_count) {
			if (mirror->buckets_moved)
				r = reader_read_buckets(reader);
			else if (kernel_now() >= reader->proxies_at)
				r = reader_read_proxies(reader);
			else
				break;
			continue;
		}
		kernel_mirror_read_start(mirror);
		r = dump ? reader_dump_dirty(reader) : reader_read_doubts(reader);
		kernel_mirror_read_end(mirror);
		if (r >= 0)
			r = kernel_await_messages(&reader->sockets);
		if (r >= 0)
			r = kernel_reader_burst(reader, 0);
		/* A very long burst goes on in the next round. */
		if (reader->drained)
			kernel_mirror_caught_up(mirror);
	}
	return r;
}

int kernel_reader_take_routers(struct kernel_reader *reader)
{
	uint32_t ifindex;
	int r = 0;

	while (r >= 0 && kernel_routers_take(&reader->routers, kernel_now(), &ifindex))
		r = kernel_mirror_heard_router(reader->mirror, ifindex);
	if (reader->routers.many)
		kernel_doubts_mark(&reader->mirror->doubts, KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6),
		                   "many links have changed");
	reader->routers.many = false;
	return r < 0 ? kernel_region_fail_library(reader->region, r) : 0;
}

int64_t kernel_reader_rest(const struct kernel_reader *reader)
{
	int64_t router = kernel_routers_next(&reader->routers);
	int64_t next = router < reader->proxies_at ? router : reader->proxies_at;
	int64_t left = next - kernel_now();

	if (reader->mirror->doubts.link_count || reader->mirror->buckets_moved)
		return 0;
	if (reader->mirror->doubts.dirty && reader_rest(reader) < left)
		left = reader_rest(reader);
	return left > 0 ? left : 0;
}
