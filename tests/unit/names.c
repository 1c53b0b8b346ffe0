/* SPDX-License-Identifier: MIT
 *
 * Region names with a directory: every function that takes such a name reports what is wrong with
 * the directory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <stele/stele.h>

#ifdef NDEBUG
#error "tests need their assertions"
#endif

static void ignore(const struct stele_subscriber_info *subscriber, void *context)
{
	(void)context;
	(void)subscriber;
}

#define EXPECT_REFUSED(call_) \
	do { \
		int result_ = (call_); \
		cr_expect_eq(result_, error, "%s: %d, not %d", #call_, result_, error); \
		cr_expect(strstr(stele_last_error(), directory), "%s: no \"%s\" in: %s", #call_, \
		          directory, stele_last_error()); \
	} while (0)

static void expect_refused(const char *region, int error, const char *directory)
{
	struct stele_publisher_options create = {.size = sizeof(create), .flags = STELE_CREATE};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_region_lock lock = {.size = sizeof(lock)};
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	EXPECT_REFUSED(stele_publisher_open(region, &create, &publisher));
	EXPECT_REFUSED(stele_subscriber_open(region, NULL, &subscriber));
	EXPECT_REFUSED(stele_region_describe(region, &info));
	EXPECT_REFUSED(stele_region_subscribers(region, ignore, NULL));
	EXPECT_REFUSED(stele_region_describe_lock(region, &lock));
	EXPECT_REFUSED(stele_region_verify(region, NULL, &use));
	EXPECT_REFUSED(stele_region_save(region, "/nowhere/file", 0, NULL, NULL));
	EXPECT_REFUSED(stele_region_remove(region));
	EXPECT_REFUSED(stele_region_clean(region, STELE_DRY_RUN, NULL, NULL));
}

Test(unit_names, a_missing_directory_is_named)
{
	expect_refused("/nonexistent/net", -ENOENT, "the directory /nonexistent/ for");
}

Test(unit_names, a_file_is_no_directory)
{
	expect_refused("/etc/passwd/net", -ENOTDIR, "the directory /etc/passwd/ for");
}
