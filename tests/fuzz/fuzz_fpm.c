/* SPDX-License-Identifier: MIT
 *
 * Fuzzes what a peer of `stele publish --fpm' sends: the framing, routes and next-hop objects. The
 * mutator repairs the lengths of messages, so that wrong attributes are reached too. */
#include "tests/fuzz/fuzz.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <stele/stele.h>

#include "tools/fib/kernel_push.h"
#include "tools/netlink/kernel_frame.h"

/* Kept small, so that a table is full sometimes. */
#define LIMIT (8u << 20)

static struct stele_publisher *publisher;

static void must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
}

/* ---- mutating ---- */

/* Gives the message at `at` a header, and its first netlink message a length and a type. */
static void repair_message(uint8_t *at, size_t size, uint64_t *random)
{
	static const uint16_t types[] = {RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEXTHOP,
	                                 RTM_DELNEXTHOP};
	struct nlmsghdr header;

	at[0] = at[1] = 1;
	at[2] = (uint8_t)(size >> 8);
	at[3] = (uint8_t)size;
	if (size < KERNEL_FRAME_HEADER + sizeof(header))
		return;
	memcpy(&header, at + KERNEL_FRAME_HEADER, sizeof(header));
	if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size - KERNEL_FRAME_HEADER)
		header.nlmsg_len = (uint32_t)(size - KERNEL_FRAME_HEADER);
	if (header.nlmsg_type < RTM_NEWROUTE || header.nlmsg_type > RTM_DELNEXTHOP)
		header.nlmsg_type = types[random_from(random) % 4];
	memcpy(at + KERNEL_FRAME_HEADER, &header, sizeof(header));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	uint64_t random = seed;

	size = LLVMFuzzerMutate(data, size, capacity);
	if (seed % 4 == 0)
		return size;
	/* The first byte is no message: see below. */
	for (size_t at = 1; size > at && size - at >= KERNEL_FRAME_HEADER;) {
		size_t length = ((size_t)data[at + 2] << 8 | data[at + 3]) & ~(size_t)3;

		if (length < KERNEL_FRAME_HEADER || length > size - at)
			length = (size - at) & ~(size_t)3;
		if (length > 65532)
			length = 65532;
		repair_message(data + at, length, &random);
		at += length;
	}
	return size;
}

/* ---- applying ---- */

static void ignore_link(void *context, uint32_t ifindex)
{
	(void)context;
	(void)ifindex;
}

/* Applies the netlink messages of a message. Returns 0 or more, or an error. */
static int apply_message(struct kernel_push *push, const uint8_t *at, int size)
{
	const struct nlmsghdr *message = (const void *)(at + KERNEL_FRAME_HEADER);
	int left = size - (int)KERNEL_FRAME_HEADER, r = 0;

	for (; r >= 0 && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		r = kernel_push_apply(push, message);
	return r;
}

/* Applies the messages as kernel_fpm.c does, in bursts of `burst` messages. */
static int apply_all(struct kernel_push *push, const uint8_t *bytes, size_t size, unsigned burst)
{
	int length, r = 0;
	unsigned count = 0;

	while (r >= 0 && (length = kernel_frame_check(bytes, size)) > 0) {
		r = apply_message(push, bytes, length);
		if (r >= 0 && ++count % burst == 0)
			r = kernel_push_settle(push);
		bytes += length;
		size -= (size_t)length;
	}
	if (r >= 0)
		r = kernel_push_settle(push);
	return r < 0 ? r : kernel_relink_tidy(push->store);
}

/* Has FRR send the messages over two connections, and ends the sync of the second. */
static void run(struct stele_transaction *tx, const uint8_t *bytes, size_t size, unsigned burst)
{
	struct kernel_store store = {
		.pushed = true, .unnamed = ignore_link, .disagrees = ignore_link};
	struct kernel_push push = {.store = &store};
	int r;

	store.space.publisher = publisher;
	must(kernel_tables_open(tx, store.tables));
	r = kernel_push_sync_start(&push);
	if (r >= 0)
		r = apply_all(&push, bytes, size, burst);
	if (r >= 0)
		r = kernel_push_sync_start(&push);
	if (r >= 0)
		r = apply_all(&push, bytes, size / 2, burst);
	if (r >= 0)
		r = kernel_push_sync_end(&push);
	fuzz_result(r);
	kernel_push_free(&push);
	kernel_index_clear(&store.index[0]);
	kernel_index_clear(&store.index[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stele_publisher_options options = {.size = sizeof(options),
	                                                       .flags = STELE_CREATE,
	                                                       .maximum_size = LIMIT,
	                                                       .limit_size = LIMIT};
	struct stele_transaction *tx;
	uint8_t *bytes;
	char path[128];

	if (!publisher) {
		snprintf(path, sizeof(path), "%s/fuzz", fuzz_directory());
		/* An earlier worker that crashed may have left the region. */
		stele_region_remove(path);
		must(stele_publisher_open(path, &options, &publisher));
		fuzz_capture_output();
	}
	if (size == 0)
		return 0;
	/* A copy of its own, aligned, whose end a sanitizer knows. The first byte is no message. */
	bytes = malloc(size);
	FUZZ_CHECK(bytes, "no memory");
	memcpy(bytes, data + 1, size - 1);
	must(stele_transaction_begin(publisher, &tx));
	run(tx, bytes, size - 1, data[0] % 8 + 1u);
	stele_transaction_abort(tx);
	free(bytes);
	return 0;
}
