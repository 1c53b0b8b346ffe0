/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/mirror/etcd_read.h"
#include "tools/etcd/etcd_pages.h"
#include "tools/etcd/etcd_request.h"

#define ETCD_READ_PATH "/v3/kv/range"

enum {
	/* Each page looks at the index of all keys that are left, so pages are large; but etcd
	 * keeps a whole page in memory. */
	ETCD_PAGE_FIRST = 1000,
	ETCD_PAGE_MIN = 100,
	ETCD_PAGE_MAX = 20000,
	ETCD_PAGE_BYTES = 8 << 20,
};

enum etcd_result etcd_read_key(struct etcd_follower *follower, const char *name, int64_t revision,
                               etcd_kv_fn *kv, void *context, struct etcd_answer *ret)
{
	char key[ETCD_PREFIX + 16];
	struct etcd_range range = {.key = key, .revision = revision};

	range.key_length = (size_t)snprintf(key, sizeof(key), "%s%s", follower->prefix, name);
	etcd_request_range(&follower->body, &range);
	return etcd_follower_fail_http(follower, etcd_http_call(follower->http, ETCD_READ_PATH,
	                                                        &follower->body, kv, context, ret));
}

/* ---- pages ---- */

/* The state of reading a range page by page. */
struct etcd_read_pages {
	struct etcd_follower *follower;
	struct etcd_pages at;
	int64_t bytes, rows; /* of the page */
};

static int etcd_read_take(void *context, const struct etcd_kv *kv)
{
	struct etcd_read_pages *pages = context;
	struct etcd_follower *follower = pages->follower;
	const char *name = kv->key + follower->prefix_length;
	size_t length = kv->key_length - follower->prefix_length;
	struct etcd_key key;
	int result = 0;

	if (!etcd_pages_take(&pages->at, kv))
		return 0;
	pages->rows++;
	pages->bytes += (int64_t)(kv->key_length + kv->value_length);
	etcd_key_parse(name, length, &key);
	if (key.kind == ETCD_KEY_SCHEMA)
		result = etcd_region_define(&follower->region, &key, kv, name, length);
	else if (key.kind == ETCD_KEY_ROW)
		result = etcd_region_change(&follower->region, &key, kv, name, length);
	return result < 0 ? result : 0;
}

/* Returns how many keys the next page shall have. */
static int64_t etcd_read_limit(const struct etcd_read_pages *pages)
{
	int64_t limit =
		pages->rows ? ETCD_PAGE_BYTES / (pages->bytes / pages->rows + 1) : ETCD_PAGE_FIRST;

	limit = limit < ETCD_PAGE_MIN ? ETCD_PAGE_MIN : limit;
	return limit > ETCD_PAGE_MAX ? ETCD_PAGE_MAX : limit;
}

/* Reads the keys of a folder under the prefix at a revision. */
static enum etcd_result etcd_read_folder(struct etcd_follower *follower, const char *folder,
                                         int64_t revision)
{
	struct etcd_read_pages pages = {.follower = follower};
	struct etcd_range range = {.revision = revision};
	char start[ETCD_PREFIX + 16], end[ETCD_PREFIX + 16];
	struct etcd_answer answer = {.more = true};
	enum etcd_result result = ETCD_DONE;
	size_t length;

	length = (size_t)snprintf(start, sizeof(start), "%s%s", follower->prefix, folder);
	etcd_range_under(&range, start, length, end);
	etcd_pages_start(&pages.at, &range);
	while (result == ETCD_DONE && answer.more) {
		range.limit = etcd_read_limit(&pages);
		pages.rows = pages.bytes = 0;
		etcd_request_range(&follower->body, &range);
		result = etcd_http_call(follower->http, ETCD_READ_PATH, &follower->body,
		                        etcd_read_take, &pages, &answer);
		if (result == ETCD_DONE && !etcd_pages_next(&pages.at, &answer, &range)) {
			etcd_pages_free(&pages.at);
			return etcd_follower_fail(follower, ETCD_AWAY, ETCD_PAGES_WRONG);
		}
	}
	etcd_pages_free(&pages.at);
	if (result == ETCD_LOCAL)
		return etcd_follower_fail_region(follower);
	return etcd_follower_fail_http(follower, result);
}

/* ---- the whole prefix ---- */

static int etcd_read_take_open(void *context, const struct etcd_kv *kv)
{
	*(int64_t *)context = kv->create_revision;
	return 0;
}

/* Finds the revision to read at: the newest one, or, while a version is being written, the one
 * before its first part. */
static enum etcd_result etcd_read_find(struct etcd_follower *follower, int64_t *ret_revision)
{
	struct etcd_answer answer;
	enum etcd_result result;
	int64_t open = 0;

	result = etcd_read_key(follower, "open", 0, etcd_read_take_open, &open, &answer);
	if (result != ETCD_DONE)
		return result;
	follower->cluster = answer.cluster;
	*ret_revision = open ? open - 1 : answer.revision;
	return ETCD_DONE;
}

/* Counts the keys under the prefix at a revision. */
static enum etcd_result etcd_read_count(struct etcd_follower *follower, int64_t revision)
{
	struct etcd_range range = {.revision = revision, .count_only = true};
	struct etcd_answer answer;
	enum etcd_result result;
	char end[ETCD_PREFIX];

	etcd_range_under(&range, follower->prefix, follower->prefix_length, end);
	etcd_request_range(&follower->body, &range);
	result = etcd_http_call(follower->http, ETCD_READ_PATH, &follower->body, NULL, NULL,
	                        &answer);
	if (result == ETCD_DONE)
		follower->keys = answer.count;
	return etcd_follower_fail_http(follower, result);
}

/* Commits what was read. */
static enum etcd_result etcd_read_commit(struct etcd_follower *follower, int64_t revision,
                                         const char *message)
{
	char text[ETCD_MESSAGE];

	follower->revision = revision;
	follower->digest = 0;
	follower->must_read = false;
	follower->verified = false;
	etcd_follower_set_status(follower);
	snprintf(text, sizeof(text), "etcd revision %" PRId64 ", read whole", revision);
	if (etcd_region_commit(&follower->region, message ? message : text) < 0) {
		follower->must_read = true;
		return etcd_follower_fail_region(follower);
	}
	return ETCD_DONE;
}

enum etcd_result etcd_read(struct etcd_follower *follower, int64_t revision, const char *message)
{
	enum etcd_result result = ETCD_DONE;

	/* Until this succeeds, the tables are not at follower->revision. */
	follower->must_read = true;
	if (!revision)
		result = etcd_read_find(follower, &revision);
	if (result == ETCD_DONE)
		result = etcd_read_count(follower, revision);
	if (result == ETCD_DONE && etcd_region_begin(&follower->region, true) < 0)
		result = etcd_follower_fail_region(follower);
	if (result == ETCD_DONE)
		result = etcd_read_folder(follower, "schema/", revision);
	if (result == ETCD_DONE)
		result = etcd_read_folder(follower, "rows/", revision);
	if (result == ETCD_DONE)
		return etcd_read_commit(follower, revision, message);
	etcd_region_abort(&follower->region);
	if (result == ETCD_COMPACTED)
		return etcd_follower_fail(follower, ETCD_AWAY,
		                          "etcd compacted the revision that is read");
	return result;
}

static int etcd_read_take_any(void *context, const struct etcd_kv *kv)
{
	(void)kv;
	*(bool *)context = true;
	return 0;
}

enum etcd_result etcd_read_changed(struct etcd_follower *follower, bool *ret_changed,
                                   int64_t *ret_revision)
{
	struct etcd_range range = {
		.limit = 1, .min_mod_revision = follower->revision + 1, .keys_only = true};
	struct etcd_answer answer;
	enum etcd_result result;
	bool changed = false;
	char end[ETCD_PREFIX];

	etcd_range_under(&range, follower->prefix, follower->prefix_length, end);
	etcd_request_range(&follower->body, &range);
	result = etcd_http_call(follower->http, ETCD_READ_PATH, &follower->body, etcd_read_take_any,
	                        &changed, &answer);
	/* A deletion leaves no key with a newer revision, but one key less. */
	*ret_changed = changed || answer.count != follower->keys ||
	               answer.cluster != follower->cluster || answer.revision < follower->revision;
	*ret_revision = answer.revision;
	return etcd_follower_fail_http(follower, result);
}
