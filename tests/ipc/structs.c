/* SPDX-License-Identifier: MIT
 *
 * Structs that grow (STRUCTS THAT GROW in <stele/error.h>): programs whose structs are smaller or
 * larger than the library's. Each struct ends at a page that cannot be accessed, so that an access
 * past its size ends the process. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_structs, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;

static int end_at_once(const struct stele_event *event, void *context)
{
	(void)event;
	(void)context;
	return 1;
}

/* ---- the functions that take such structs ---- */

static int open_publisher(void *options)
{
	struct stele_publisher *other;
	int r = stele_publisher_open("another", options, &other);

	if (r == 0) {
		stele_publisher_close(other);
		OK(stele_region_remove("another"));
	}
	return r;
}

static int open_subscriber(void *options)
{
	struct stele_subscriber *other;
	int r = stele_subscriber_open(region, options, &other);

	if (r == 0)
		stele_subscriber_close(other);
	return r;
}

static int follow(void *options)
{
	int r = stele_subscriber_follow(subscriber, options, STELE_FOREVER, end_at_once, NULL);

	return r == 1 ? 0 : r;
}

static int verify_with(void *options)
{
	struct stele_region_use use = {.size = sizeof(use)};
	int r = stele_region_verify(region, options, &use);

	return r == 1 ? 0 : r;
}

static int verify_into(void *ret)
{
	int r = stele_region_verify(region, NULL, ret);

	return r == 1 ? 0 : r;
}

static int stats(void *ret)
{
	return stele_publisher_describe(publisher, ret);
}

static int describe_subscriber(void *ret)
{
	return stele_subscriber_describe(subscriber, ret);
}

static int describe_region(void *ret)
{
	return stele_region_describe(region, ret);
}

static int lock(void *ret)
{
	return stele_region_describe_lock(region, ret);
}

struct taken {
	const char *tag;
	size_t size;
	int (*call)(void *argument);
};
#define TAKEN(tag_, call_) \
	{ \
#tag_, sizeof(struct tag_), call_ \
	}

static const struct taken options[] = {
	TAKEN(stele_publisher_options, open_publisher),
	TAKEN(stele_subscriber_options, open_subscriber),
	TAKEN(stele_follow_options, follow),
	TAKEN(stele_verify_options, verify_with),
};
static const struct taken results[] = {
	TAKEN(stele_region_use, verify_into),
	TAKEN(stele_publisher_stats, stats),
	TAKEN(stele_subscriber_state, describe_subscriber),
	TAKEN(stele_region_info, describe_region),
	TAKEN(stele_region_lock, lock),
};

#define COUNT(array_) (sizeof(array_) / sizeof((array_)[0]))
#define MORE          64u /* bytes by which the program's structs are larger */
#define SMALLEST      (2 * sizeof(size_t))
#define PAGES         8192u

static unsigned char *page_end;

static void begin(void)
{
	unsigned char *pages =
		mmap(NULL, 2 * PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(pages != MAP_FAILED, "%s", strerror(errno));
	page_end = pages + PAGES;
	CHECK(mprotect(page_end, PAGES, PROT_NONE) == 0, "%s", strerror(errno));
	publisher = ipc_publish(region, NULL);
	ipc_commit(publisher);
	subscriber = ipc_subscribe(0, "futex");
}

static void end(void)
{
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Returns a struct of `size` bytes that ends at the page that cannot be accessed. */
static void *make(size_t size, int filler)
{
	unsigned char *made = page_end - size;

	memset(made, filler, size);
	memcpy(made, &size, sizeof(size) < size ? sizeof(size) : size);
	return made;
}

/* Makes options of `size` bytes with the flag that the publisher's need. */
static void *make_options(const struct taken *taken, size_t size)
{
	struct stele_publisher_options *made = make(size, 0);

	if (taken->call == open_publisher)
		made->flags = STELE_CREATE;
	return made;
}

Test(ipc_structs, options_may_be_smaller_or_larger)
{
	begin();
	for (const struct taken *taken = options; taken < options + COUNT(options); taken++) {
		for (size_t size = SMALLEST; size <= taken->size + MORE; size += 8)
			OK(taken->call(make_options(taken, size)));
		for (size_t at = taken->size; at < taken->size + MORE; at++) {
			unsigned char *made = make_options(taken, taken->size + MORE);
			made[at] = 1;
			RETURNS(taken->call(made), -E2BIG, taken->tag);
		}
	}
	end();
}

Test(ipc_structs, results_may_be_smaller_or_larger)
{
	unsigned char whole[4096];

	begin();
	for (const struct taken *taken = results; taken < results + COUNT(results); taken++) {
		OK(taken->call(make(taken->size, 0xa5)));
		memcpy(whole, page_end - taken->size, taken->size);
		for (size_t size = SMALLEST; size <= taken->size + MORE; size += 8) {
			unsigned char *made = make(size, 0xa5);
			size_t known = size < taken->size ? size : taken->size;
			OK(taken->call(made));
			CHECK(memcmp(made, &size, sizeof(size)) == 0, "%s: .size was changed",
			      taken->tag);
			CHECK(memcmp(made + sizeof(size), whole + sizeof(size),
			             known - sizeof(size)) == 0,
			      "%s of %zu bytes differs", taken->tag, size);
			for (size_t i = known; i < size; i++)
				CHECK(made[i] == 0, "%s of %zu bytes: byte %zu is not zero",
				      taken->tag, size, i);
		}
	}
	end();
}

static void refuses(const struct taken *taken)
{
	size_t sizes[] = {0, 1, sizeof(void *), 4097, SIZE_MAX};

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		size_t *made = make(16, 0);
		*made = sizes[i];
		RETURNS(taken->call(made), -EINVAL, taken->tag);
		CHECK(strstr(stele_last_error(), "set .size to sizeof"), "%s", stele_last_error());
		CHECK(*made == sizes[i], "%s was written to", taken->tag);
	}
}

Test(ipc_structs, impossible_sizes_are_refused)
{
	begin();
	for (unsigned i = 0; i < COUNT(options); i++)
		refuses(&options[i]);
	for (unsigned i = 0; i < COUNT(results); i++)
		refuses(&results[i]);
	end();
}

static void verifies(unsigned flags, uid_t owner, int error, const char *part)
{
	struct stele_verify_options wanted = {
		.size = sizeof(wanted), .flags = flags, .owner = owner};

	if (error)
		RETURNS(verify_with(&wanted), error, part);
	else
		OK(verify_with(&wanted));
}

Test(ipc_structs, verify_checks_its_flags_and_the_owner)
{
	begin();
	verifies(0, 0, 0, "");
	verifies(STELE_ANY_OWNER, 0, 0, "");
	verifies(STELE_ONE_OWNER, geteuid(), 0, "");
	verifies(STELE_ONE_OWNER, geteuid() + 1, -EPERM, "was asked for");
	verifies(0, 1, -EINVAL, "STELE_ONE_OWNER");
	verifies(STELE_ANY_OWNER | STELE_ONE_OWNER, 0, -EINVAL, "exclude each other");
	verifies(1, 0, -EINVAL, "unknown flags");
	end();
}
