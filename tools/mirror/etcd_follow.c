/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/etcd/etcd_backoff.h"
#include "tools/mirror/etcd_follow.h"
#include "tools/mirror/etcd_follower.h"
#include "tools/mirror/etcd_read.h"
#include "tools/etcd/etcd_request.h"

enum {
	ETCD_CHECK_MS = 5000,     /* between two checks that the watch is not cut off */
	ETCD_BATCH_MAX = 1 << 29, /* bytes of events that are kept before all is read again */
};

/* ---- messages and the status ---- */

/* Commits that the tables are up to date, or that they are not and why, which is a failure of this
 * kind. Each kind is told once while the tables are stale: every endpoint and every try may have
 * another text, and a version for each would leave nothing else in history. */
static enum etcd_result etcd_follow_state(struct etcd_follower *follower, enum etcd_state state,
                                          enum etcd_result kind, const char *why)
{
	struct etcd_region *region = &follower->region;
	struct etcd_status *status = &region->status;
	int result;

	if (region->committed.state == ETCD_CURRENT)
		follower->told = 0;
	if (region->committed.state == state &&
	    (state == ETCD_CURRENT || follower->told & 1u << kind ||
	     strncmp(region->committed.why, why, sizeof(status->why) - 1) == 0))
		return ETCD_DONE;
	result = etcd_region_begin(region, false);
	if (result < 0)
		return etcd_follower_fail_region(follower);
	/* The state of a mirror that never read anything began when it was created. */
	if (status->state != state || status->since == 0)
		status->since = clock_wall();
	status->state = state;
	memset(status->why, 0, sizeof(status->why));
	snprintf(status->why, sizeof(status->why), "%s", why);
	result = etcd_region_commit(region, state == ETCD_CURRENT ? "etcd is followed again"
	                                                          : "etcd is away");
	if (result < 0)
		return etcd_follower_fail_region(follower);
	follower->told |= 1u << kind;
	return ETCD_DONE;
}

/* ---- events ---- */

static int etcd_follow_take_kv(void *context, const struct etcd_kv *kv)
{
	struct etcd_follower *follower = context;
	size_t prefix = follower->prefix_length;

	if (kv->key_length < prefix || memcmp(kv->key, follower->prefix, prefix) != 0)
		return 0;
	etcd_batch_add(&follower->batch, kv, kv->key + prefix, kv->key_length - prefix);
	if (etcd_batch_size(&follower->batch) > ETCD_BATCH_MAX)
		follower->overflow = true;
	return follower->overflow;
}

static int etcd_follow_take_answer(void *context, const struct etcd_answer *answer)
{
	struct etcd_follower *follower = context;

	follower->answer = *answer;
	follower->heard = clock_now();
	if (answer->created) {
		follower->created = true;
		follower->created_revision = answer->revision;
		follower->created_cluster = answer->cluster;
	}
	if (answer->canceled)
		follower->canceled = true;
	if (!answer->fragment)
		etcd_batch_complete(&follower->batch);
	return 0;
}

/* Writes the message of a version: where it is from. */
static void etcd_follow_message(const struct etcd_head *head, int64_t revision, char *text,
                                size_t size)
{
	if (*head->origin)
		snprintf(text, size, "etcd revision %" PRId64 ", %s%s%s", revision, head->origin,
		         *head->message ? ": " : "", head->message);
	else
		snprintf(text, size, "etcd revision %" PRId64, revision);
}

/* What is in the events of a version. */
struct etcd_follow_version {
	size_t start, end;
	bool rows, schemas;
	int64_t keys; /* by which the number of keys rises */
	struct etcd_head head;
};

static void etcd_follow_inspect(const struct etcd_batch *batch, struct etcd_follow_version *version)
{
	struct etcd_key key;
	struct etcd_kv kv;

	for (size_t i = version->start; i < version->end; i++) {
		etcd_batch_kv(batch, i, &kv);
		etcd_key_parse(kv.key, kv.key_length, &key);
		version->rows |= key.kind == ETCD_KEY_ROW;
		version->schemas |= key.kind == ETCD_KEY_SCHEMA;
		version->keys += kv.deleted ? -1 : kv.version == 1;
		if (key.kind == ETCD_KEY_HEAD && !kv.deleted)
			etcd_head_parse(kv.value, kv.value_length, &version->head);
	}
}

/* Commits the rows of a version. */
static enum etcd_result etcd_follow_commit(struct etcd_follower *follower,
                                           const struct etcd_follow_version *version)
{
	struct etcd_region *region = &follower->region;
	char message[ETCD_MESSAGE];
	struct etcd_key key;
	struct etcd_kv kv;
	int result;

	result = etcd_region_begin(region, false);
	for (size_t i = version->start; result >= 0 && i < version->end; i++) {
		etcd_batch_kv(&follower->batch, i, &kv);
		etcd_key_parse(kv.key, kv.key_length, &key);
		if (key.kind == ETCD_KEY_ROW)
			result = etcd_region_change(region, &key, &kv, kv.key, kv.key_length);
	}
	if (result < 0)
		return etcd_follower_fail_region(follower);
	etcd_follower_set_status(follower);
	etcd_follow_message(&version->head, follower->revision, message, sizeof(message));
	result = etcd_region_commit(region, message);
	return result < 0 ? etcd_follower_fail_region(follower) : ETCD_DONE;
}

/* Takes the events of a version that is known already, after the watch was opened again: those of
 * the last revision must be the same, or etcd has another history now. */
static enum etcd_result etcd_follow_known(struct etcd_follower *follower, uint64_t digest,
                                          int64_t revision)
{
	if (revision == follower->revision && follower->digest && digest != follower->digest)
		return etcd_follower_fail(follower, ETCD_FUTURE,
		                          "etcd has another history than before: it was restored");
	follower->verified |= revision == follower->revision;
	return ETCD_DONE;
}

static enum etcd_result etcd_follow_version(struct etcd_follower *follower, size_t start,
                                            size_t end)
{
	struct etcd_follow_version version = {.start = start, .end = end};
	const struct etcd_batch *batch = &follower->batch;
	int64_t revision = batch->events[end - 1].revision;
	uint64_t digest = etcd_batch_digest(batch, start, end);

	if (revision <= follower->revision)
		return etcd_follow_known(follower, digest, revision);
	if (follower->digest && !follower->verified)
		return etcd_follower_fail(follower, ETCD_FUTURE,
		                          "etcd has another history than before: it was restored");
	etcd_follow_inspect(batch, &version);
	if (version.schemas) {
		char message[ETCD_MESSAGE];

		etcd_follow_message(&version.head, revision, message, sizeof(message));
		return etcd_read(follower, revision, message);
	}
	follower->revision = revision;
	follower->digest = digest;
	follower->verified = true;
	follower->keys += version.keys;
	return version.rows ? etcd_follow_commit(follower, &version) : ETCD_DONE;
}

/* Applies all complete versions that have arrived. */
static enum etcd_result etcd_follow_apply(struct etcd_follower *follower)
{
	enum etcd_result result = ETCD_DONE;
	size_t start, end;

	while (result == ETCD_DONE && etcd_batch_next(&follower->batch, &start, &end))
		result = etcd_follow_version(follower, start, end);
	etcd_batch_trim(&follower->batch);
	return result;
}

/* ---- the watch ---- */

static void etcd_follow_watch(struct etcd_follower *follower)
{
	struct etcd_range range = {.revision = follower->revision};
	char end[ETCD_PREFIX];

	etcd_batch_clear(&follower->batch);
	follower->created = follower->canceled = follower->overflow = follower->confirmed = false;
	follower->verified = false;
	follower->answer = (struct etcd_answer){0};
	follower->heard = clock_now();
	etcd_range_under(&range, follower->prefix, follower->prefix_length, end);
	etcd_request_watch(&follower->body, &range);
	etcd_http_stream(follower->http, "/v3/watch", &follower->body, etcd_follow_take_kv,
	                 etcd_follow_take_answer, follower);
}

static int etcd_follow_take_head(void *context, const struct etcd_kv *kv)
{
	*(int64_t *)context = kv->mod_revision;
	return 0;
}

/* Reads `head` on another connection: a member that is stopped or cut off does not answer, while
 * its watch would be silent for ever. */
static enum etcd_result etcd_follow_check(struct etcd_follower *follower)
{
	enum etcd_result result;
	int64_t head = 0;

	result = etcd_read_key(follower, "head", 0, etcd_follow_take_head, &head, NULL);
	if (result != ETCD_DONE)
		return result;
	if (follower->created && head > follower->revision && !follower->batch.open &&
	    clock_now() - follower->heard > 2 * ETCD_CHECK_MS * NSEC_PER_MSEC)
		return etcd_follower_fail(follower, ETCD_AWAY,
		                          "the watch is silent, although there are changes");
	if (!follower->created && clock_now() - follower->heard > 2 * ETCD_CHECK_MS * NSEC_PER_MSEC)
		return etcd_follower_fail(follower, ETCD_AWAY, "the watch does not begin");
	return ETCD_DONE;
}

/* Notes that the watch has begun where the tables are. */
static enum etcd_result etcd_follow_confirm(struct etcd_follower *follower)
{
	if (!follower->created || follower->confirmed)
		return ETCD_DONE;
	if (follower->created_cluster != follower->cluster)
		return etcd_follower_fail(follower, ETCD_FUTURE,
		                          "this is another etcd cluster than before");
	if (follower->created_revision < follower->revision)
		return etcd_follower_fail(follower, ETCD_FUTURE,
		                          "the member is behind, or etcd was restored");
	if (follower->digest && !follower->verified)
		return ETCD_DONE;
	follower->confirmed = true;
	follower->behind = 0;
	etcd_backoff_reset(&follower->backoff);
	*follower->said = '\0';
	printf("%s: follows etcd at %s, revision %" PRId64 "\n", follower->options->region,
	       etcd_http_endpoint(follower->http), follower->revision);
	fflush(stdout);
	return etcd_follow_state(follower, ETCD_CURRENT, ETCD_DONE, "");
}

/* Follows until something fails. */
static enum etcd_result etcd_follow_stream(struct etcd_follower *follower)
{
	int64_t check = clock_now() + ETCD_CHECK_MS * NSEC_PER_MSEC, head;
	enum etcd_result result;

	/* A watch of a compacted revision begins like any other, and only then ends: ask before.
	 * This also authenticates. */
	result = etcd_read_key(follower, "head", follower->revision, etcd_follow_take_head, &head,
	                       NULL);
	if (result != ETCD_DONE)
		return result;
	etcd_follow_watch(follower);
	for (;;) {
		result = etcd_follower_fail_http(
			follower, etcd_http_wait(follower->http, ETCD_CHECK_MS / 5, -1));
		if (follower->overflow)
			return etcd_follower_fail(follower, ETCD_COMPACTED,
			                          "a version is too large to be kept in memory");
		if (result == ETCD_DONE && follower->canceled) {
			result = etcd_answer_result(&follower->answer);
			etcd_follower_fail(follower, result, follower->answer.text);
			return result == ETCD_DONE ? ETCD_AWAY : result;
		}
		if (result == ETCD_DONE)
			result = etcd_follow_apply(follower);
		if (result == ETCD_DONE)
			result = etcd_follow_confirm(follower);
		if (result == ETCD_DONE && clock_now() >= check) {
			result = etcd_follow_check(follower);
			check = clock_now() + ETCD_CHECK_MS * NSEC_PER_MSEC;
		}
		if (result != ETCD_DONE)
			return result;
	}
}

/* ---- failures ---- */

/* Goes on after etcd has compacted the revision of the tables: if no key has changed since, at the
 * newest revision; otherwise all rows are read. */
static enum etcd_result etcd_follow_compacted(struct etcd_follower *follower)
{
	enum etcd_result result;
	int64_t revision;
	bool changed;

	if (follower->overflow)
		changed = true;
	else {
		result = etcd_read_changed(follower, &changed, &revision);
		if (result != ETCD_DONE)
			return result;
	}
	follower->must_read = changed;
	if (!changed) {
		follower->revision = revision;
		follower->digest = 0;
	}
	return ETCD_DONE;
}

/* Prints why the tables are stale, once for each reason, and commits it. */
static void etcd_follow_tell(struct etcd_follower *follower, enum etcd_result kind)
{
	const char *why = follower->error;

	if (strcmp(follower->said, why) != 0)
		fail(STATUS_DONE, "%s: %s; trying again", follower->options->region, why);
	snprintf(follower->said, sizeof(follower->said), "%s", why);
	etcd_follow_state(follower, ETCD_STALE, kind, why);
}

/* Waits before the next try, after a failure of this kind. Returns false if a signal came. */
static bool etcd_follow_pause(struct etcd_follower *follower, enum etcd_result kind)
{
	struct pollfd stop = {.fd = follower->options->http->stop_fd, .events = POLLIN};
	int pause = etcd_backoff_next(&follower->backoff);

	if (pause > 0)
		etcd_follow_tell(follower, kind);
	return poll(&stop, 1, pause) == 0;
}

/* Reads or follows until something fails, and decides what to do then. Returns ETCD_DONE if the
 * next try may follow at once. */
static enum etcd_result etcd_follow_try(struct etcd_follower *follower)
{
	enum etcd_result result = ETCD_DONE;

	if (follower->must_read)
		result = etcd_read(follower, 0, NULL);
	if (result == ETCD_DONE)
		result = etcd_follow_stream(follower);
	etcd_http_stream_close(follower->http);
	if (result == ETCD_COMPACTED)
		result = etcd_follow_compacted(follower);
	if (result == ETCD_LOCAL)
		follower->must_read = true;
	if (result == ETCD_FUTURE && ++follower->behind >= follower->options->http->url->count)
		follower->must_read = true;
	return result;
}

enum status etcd_follow(const struct etcd_follow_options *options)
{
	struct etcd_follower follower = {.options = options};
	enum etcd_result result;
	int error;

	error = etcd_region_open(&follower.region, options->path, options->publisher);
	if (error < 0) {
		etcd_region_close(&follower.region);
		return fail_library(error);
	}
	etcd_follower_init(&follower);
	do {
		result = etcd_follow_try(&follower);
		if (result != ETCD_DONE && result != ETCD_STOPPED && result != ETCD_LOCAL)
			etcd_http_next(follower.http);
	} while (result != ETCD_STOPPED && etcd_follow_pause(&follower, result));
	etcd_follow_state(&follower, ETCD_STALE, ETCD_STOPPED, "the mirror was stopped");
	etcd_follower_fini(&follower);
	return STATUS_DONE;
}
