/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/etcd/etcd_backoff.h"
#include "tools/etcd/etcd_pages.h"
#include "tools/etcd/etcd_request.h"
#include "tools/mirror/etcd_head.h"
#include "tools/mirror/etcd_keys.h"
#include "tools/mirror/etcd_region.h"
#include "tools/mirror/etcd_source.h"
#include "tools/mirror/etcd_txn.h"
#include "tools/mirror/etcd_writer.h"
#include "tools/region/reader.h"

enum {
	ETCD_LEASE_S = 20,          /* after which the lock of a dead writer is free */
	ETCD_RENEW_MS = 3000,       /* between two renewals */
	ETCD_CHUNK_OPS = 124,       /* etcd takes 128, of which `head` and `open` are two */
	ETCD_CHUNK_BYTES = 1 << 20, /* etcd takes 1.5 MiB */
	ETCD_WRITER_PAGE = 5000,    /* keys read at a time */
};

struct etcd_writer {
	const struct etcd_writer_options *options;
	const char *prefix;
	struct etcd_http *http;
	struct text body;
	struct etcd_source source;
	struct reader reader;           /* of the region; .snapshot is what was sent last */
	struct stele_snapshot *sending; /* the version of `ops`; NULL: none */
	struct etcd_ops ops;
	size_t sent;                 /* operations of `ops` that are in etcd */
	size_t max_count, max_bytes; /* of a part */
	char commit[17];             /* random, of the version that is sent */
	unsigned part;               /* number of the next part */
	struct etcd_fence fence;     /* .lock 0: this writer does not have the lock */
	bool known;                  /* etcd has the rows of reader.snapshot */
	int64_t lease, renewed;
	struct etcd_backoff backoff;
	char error[1100], said[1100];
};

static enum etcd_result etcd_writer_fail(struct etcd_writer *writer, enum etcd_result result,
                                         const char *why)
{
	snprintf(writer->error, sizeof(writer->error), "%s: %s", etcd_http_endpoint(writer->http),
	         why);
	return result;
}

/* Calls etcd with writer->body, and keeps the reason of a failure. */
static enum etcd_result etcd_writer_call(struct etcd_writer *writer, const char *path,
                                         etcd_kv_fn *kv, void *context, struct etcd_answer *ret)
{
	enum etcd_result result =
		etcd_http_call(writer->http, path, &writer->body, kv, context, ret);

	if (result != ETCD_DONE && result != ETCD_LOCAL)
		snprintf(writer->error, sizeof(writer->error), "%s", etcd_http_error(writer->http));
	return result;
}

static enum etcd_result etcd_writer_fail_region(struct etcd_writer *writer)
{
	snprintf(writer->error, sizeof(writer->error), "%s", stele_last_error());
	return ETCD_LOCAL;
}

/* ---- the lock ---- */

/* What etcd has at the keys that a fence is about. */
struct etcd_writer_seen {
	struct etcd_fence fence;
	struct etcd_head head, open;
	int64_t lease; /* of the lock */
	char writer[200];
};

/* Gets a key of the answer to a transaction that was not done. */
static int etcd_writer_see(void *context, const struct etcd_kv *kv)
{
	struct etcd_writer_seen *seen = context;

	if (kv->part == 0) {
		seen->fence.head = kv->mod_revision;
		etcd_head_parse(kv->value, kv->value_length, &seen->head);
	} else if (kv->part == 1) {
		seen->fence.open = kv->mod_revision;
		etcd_head_parse(kv->value, kv->value_length, &seen->open);
	} else {
		seen->fence.lock = kv->create_revision;
		seen->lease = kv->lease;
		snprintf(seen->writer, sizeof(seen->writer), "%.*s",
		         (int)(kv->value_length < 199 ? kv->value_length : 199), kv->value);
	}
	return 0;
}

/* Forgets the lock, and what is known of etcd. */
static void etcd_writer_lose(struct etcd_writer *writer)
{
	writer->fence.lock = writer->lease = 0;
	writer->known = false;
	if (writer->sending)
		writer->sending = stele_snapshot_close(writer->sending);
}

/* Renews the lease, if it is time. */
static enum etcd_result etcd_writer_renew(struct etcd_writer *writer)
{
	int64_t now = clock_now();
	struct etcd_answer answer;
	enum etcd_result result;

	if (!writer->lease || now - writer->renewed < ETCD_RENEW_MS * NSEC_PER_MSEC)
		return ETCD_DONE;
	writer->body.length = 0;
	etcd_request_format(&writer->body, "{\"ID\":\"%" PRId64 "\"}", writer->lease);
	result = etcd_writer_call(writer, "/v3/lease/keepalive", NULL, NULL, &answer);
	if (result != ETCD_DONE)
		return result;
	writer->renewed = now;
	if (answer.ttl == 0) {
		etcd_writer_lose(writer);
		return etcd_writer_fail(writer, ETCD_AWAY, "the lease of the lock has expired");
	}
	return ETCD_DONE;
}

/* Takes the lock. Only the revision at which it was created says who has it, never a clock. */
static enum etcd_result etcd_writer_lock(struct etcd_writer *writer)
{
	struct etcd_writer_seen holder = {.lease = 0};
	char host[65] = "", who[100], why[300];
	struct etcd_answer answer;
	enum etcd_result result;

	if (!writer->lease) {
		writer->body.length = 0;
		etcd_request_format(&writer->body, "{\"TTL\":\"%d\"}", ETCD_LEASE_S);
		result = etcd_writer_call(writer, "/v3/lease/grant", NULL, NULL, &answer);
		if (result != ETCD_DONE)
			return result;
		writer->lease = answer.lease;
		writer->renewed = clock_now();
	}
	gethostname(host, sizeof(host) - 1);
	snprintf(who, sizeof(who), "%s, process %d", host, (int)getpid());
	etcd_txn_lock(&writer->body, writer->prefix, writer->lease, who);
	result = etcd_writer_call(writer, "/v3/kv/txn", etcd_writer_see, &holder, &answer);
	if (result == ETCD_NO_LEASE)
		writer->lease = 0;
	if (result != ETCD_DONE)
		return result;
	/* An earlier request, whose answer was lost, may have taken the lock for this lease. */
	if (!answer.succeeded && holder.lease != writer->lease) {
		snprintf(why, sizeof(why), "another mirror writes this prefix: %s", holder.writer);
		return etcd_writer_fail(writer, ETCD_AWAY, why);
	}
	writer->fence.lock = answer.succeeded ? answer.revision : holder.fence.lock;
	writer->known = false;
	return ETCD_DONE;
}

/* ---- comparing with what is in etcd ---- */

/* What reading the prefix page by page has found. */
struct etcd_writer_read {
	struct etcd_writer *writer;
	struct etcd_ops present;
	struct etcd_fence fence;
	struct etcd_pages pages;
};

static int etcd_writer_take(void *context, const struct etcd_kv *kv)
{
	struct etcd_writer_read *read = context;
	size_t prefix = strlen(read->writer->prefix);
	struct etcd_key key;

	if (!etcd_pages_take(&read->pages, kv))
		return 0;
	etcd_key_parse(kv->key + prefix, kv->key_length - prefix, &key);
	if (key.kind == ETCD_KEY_HEAD)
		read->fence.head = kv->mod_revision;
	if (key.kind == ETCD_KEY_OPEN)
		read->fence.open = kv->mod_revision;
	if (key.kind == ETCD_KEY_WRITER)
		read->fence.lock = kv->create_revision;
	if (key.kind != ETCD_KEY_ROW && key.kind != ETCD_KEY_SCHEMA)
		return 0;
	etcd_ops_start(&read->present);
	text_append(&read->present.bytes, kv->key, kv->key_length);
	etcd_ops_end_key(&read->present);
	text_append(&read->present.bytes, kv->value, kv->value_length);
	etcd_ops_end(&read->present, false);
	return 0;
}

/* Reads all keys of the prefix at one revision. */
static enum etcd_result etcd_writer_read(struct etcd_writer *writer, struct etcd_writer_read *read)
{
	struct etcd_range range = {.limit = ETCD_WRITER_PAGE};
	struct etcd_answer answer = {.more = true};
	enum etcd_result result = ETCD_DONE;
	char end[ETCD_PREFIX];

	etcd_range_under(&range, writer->prefix, strlen(writer->prefix), end);
	etcd_pages_start(&read->pages, &range);
	while (result == ETCD_DONE && answer.more) {
		result = etcd_writer_renew(writer);
		if (result != ETCD_DONE)
			break;
		etcd_request_range(&writer->body, &range);
		result = etcd_writer_call(writer, "/v3/kv/range", etcd_writer_take, read, &answer);
		if (!range.revision)
			range.revision = answer.revision;
		if (result == ETCD_DONE && !etcd_pages_next(&read->pages, &answer, &range))
			result = etcd_writer_fail(writer, ETCD_AWAY, ETCD_PAGES_WRONG);
	}
	return result;
}

static void etcd_writer_name_commit(struct etcd_writer *writer)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint64_t)clock_now();
	snprintf(writer->commit, sizeof(writer->commit), "%016" PRIx64, random);
	writer->part = 0;
	writer->sent = 0;
}

/* Compares the newest version with what is in etcd, and makes what differs the version to send. */
static enum etcd_result etcd_writer_compare(struct etcd_writer *writer)
{
	struct etcd_writer_read read = {.writer = writer};
	enum etcd_result result = etcd_writer_read(writer, &read);
	int error;

	etcd_ops_clear(&writer->ops);
	if (result == ETCD_DONE && read.fence.lock != writer->fence.lock) {
		etcd_writer_lose(writer);
		result = etcd_writer_fail(writer, ETCD_AWAY, "another mirror has taken the lock");
	}
	if (result == ETCD_DONE) {
		error = stele_snapshot_open(writer->reader.subscriber, 0, &writer->sending);
		if (error == 0)
			error = etcd_source_all(&writer->source, writer->sending, &writer->ops);
		if (error < 0)
			result = etcd_writer_fail_region(writer);
	}
	if (result == ETCD_DONE) {
		etcd_ops_sort(&read.present);
		etcd_ops_subtract(&writer->ops, &read.present);
		writer->fence = read.fence;
		etcd_writer_name_commit(writer);
	}
	etcd_ops_free(&read.present);
	etcd_pages_free(&read.pages);
	return result;
}

/* ---- sending a version ---- */

/* Writes the value of `head` or `open`. */
static void etcd_writer_value(const struct etcd_writer *writer, struct text *text)
{
	struct stele_commit commit = {.version = 0};
	struct stele_position position;
	char token[DESCRIBED_MAX];

	stele_snapshot_position(writer->sending, &position);
	describe_token(position.version, position.region, token);
	text_append_string(text, "{\"origin\":");
	etcd_request_string(text, token);
	etcd_request_format(text, ",\"commit\":\"%s.%u\"", writer->commit, writer->part);
	if (stele_snapshot_commit(writer->sending, &commit) == 0 && *commit.message) {
		text_append_string(text, ",\"message\":");
		etcd_request_string(text, commit.message);
	}
	text_append(text, "}", 2);
}

/* The version is in etcd. */
static void etcd_writer_sent(struct etcd_writer *writer)
{
	reader_close_table(&writer->reader);
	writer->reader.snapshot = writer->sending;
	writer->sending = NULL;
	writer->known = true;
	stele_subscriber_applied(writer->reader.subscriber,
	                         stele_snapshot_version(writer->reader.snapshot));
	etcd_ops_clear(&writer->ops);
}

/* Takes over what a part has changed. */
static void etcd_writer_advance(struct etcd_writer *writer, const struct etcd_part *part,
                                int64_t revision)
{
	writer->sent += part->count;
	writer->part++;
	if (part->last) {
		writer->fence.head = revision;
		writer->fence.open = 0;
		etcd_writer_sent(writer);
	} else {
		writer->fence.open = revision;
	}
}

/* Finds out why a part was not done: it may have been before, without an answer. */
static enum etcd_result etcd_writer_refused(struct etcd_writer *writer,
                                            const struct etcd_part *part,
                                            const struct etcd_writer_seen *seen)
{
	const struct etcd_head *head = part->last ? &seen->head : &seen->open;
	char commit[40];

	snprintf(commit, sizeof(commit), "%s.%u", writer->commit, writer->part);
	if (seen->fence.lock == writer->fence.lock && strcmp(head->commit, commit) == 0) {
		etcd_writer_advance(writer, part, part->last ? seen->fence.head : seen->fence.open);
		return ETCD_DONE;
	}
	if (seen->fence.lock == writer->fence.lock) {
		/* Somebody has changed `head` or `open` by hand. */
		writer->sending = stele_snapshot_close(writer->sending);
		writer->known = false;
		return ETCD_DONE;
	}
	etcd_writer_lose(writer);
	return etcd_writer_fail(writer, ETCD_AWAY, "another mirror has taken the lock");
}

/* Makes parts smaller after etcd refused one as too large. */
static enum etcd_result etcd_writer_shrink(struct etcd_writer *writer, size_t count)
{
	const struct etcd_op *op = &writer->ops.list[writer->sent];
	char why[400];

	if (count <= 1) {
		snprintf(why, sizeof(why), "etcd refuses the row at %.*s as too large",
		         (int)(op->key_length < 300 ? op->key_length : 300),
		         writer->ops.bytes.bytes + op->key);
		/* A later version may have another row. */
		writer->sending = stele_snapshot_close(writer->sending);
		writer->known = false;
		return etcd_writer_fail(writer, ETCD_LARGE, why);
	}
	if (writer->max_count > count)
		writer->max_count = count;
	writer->max_count /= 2;
	writer->max_bytes /= 2;
	return ETCD_DONE;
}

/* Sends the next part of the version. */
static enum etcd_result etcd_writer_part(struct etcd_writer *writer)
{
	struct etcd_writer_seen seen = {.fence = {0}};
	struct etcd_part part = {
		.prefix = writer->prefix, .ops = &writer->ops, .start = writer->sent};
	struct etcd_answer answer;
	enum etcd_result result;
	struct text value = {0};

	part.count =
		etcd_ops_chunk(&writer->ops, writer->sent, writer->max_count, writer->max_bytes);
	part.last = writer->sent + part.count == writer->ops.count;
	etcd_writer_value(writer, &value);
	part.value = value.bytes;
	etcd_txn_part(&writer->body, &writer->fence, &part);
	text_free(&value);
	result = etcd_writer_call(writer, "/v3/kv/txn", etcd_writer_see, &seen, &answer);
	if (result == ETCD_LARGE)
		return etcd_writer_shrink(writer, part.count);
	if (result != ETCD_DONE)
		return result;
	if (!answer.succeeded)
		return etcd_writer_refused(writer, &part, &seen);
	etcd_backoff_reset(&writer->backoff);
	etcd_writer_advance(writer, &part, answer.revision);
	return ETCD_DONE;
}

/* ---- versions of the region ---- */

/* Opens the next version: the one after the last that was sent, or, if history no longer has it,
 * the newest. */
static int etcd_writer_next_snapshot(struct etcd_writer *writer)
{
	uint64_t version = stele_snapshot_version(writer->reader.snapshot);
	int result = stele_snapshot_open(writer->reader.subscriber, version + 1, &writer->sending);

	if (result == -ESTALE)
		result = stele_snapshot_open(writer->reader.subscriber, 0, &writer->sending);
	return result;
}

/* Makes what the next version has changed the operations to send. */
static enum etcd_result etcd_writer_next(struct etcd_writer *writer)
{
	int error = etcd_writer_next_snapshot(writer);

	etcd_ops_clear(&writer->ops);
	if (error == -ENODATA)
		return ETCD_DONE;
	if (error == 0)
		error = etcd_source_changes(&writer->source, writer->reader.snapshot,
		                            writer->sending, &writer->ops);
	if (error < 0) {
		if (writer->sending)
			writer->sending = stele_snapshot_close(writer->sending);
		/* A version that was reclaimed meanwhile can't be compared with. */
		writer->known = false;
		return error == -ESTALE ? ETCD_DONE : etcd_writer_fail_region(writer);
	}
	etcd_writer_name_commit(writer);
	return ETCD_DONE;
}

/* Waits for a new version, at most until the lease must be renewed. */
static enum etcd_result etcd_writer_wait(struct etcd_writer *writer)
{
	uint64_t since = stele_snapshot_version(writer->reader.snapshot), version;
	int fd = stele_subscriber_fd(writer->reader.subscriber);
	int result = stele_subscriber_wait(writer->reader.subscriber, since, 0, &version);

	if (fd < 0)
		return etcd_writer_fail_region(writer);
	if (result == 0) {
		if (etcd_http_wait(writer->http, ETCD_RENEW_MS / 3, fd) == ETCD_STOPPED)
			return ETCD_STOPPED;
		result = stele_subscriber_wait(writer->reader.subscriber, since, 0, &version);
	}
	if (result == 1)
		return etcd_writer_next(writer);
	if (result == -ENOENT || result == -EIDRM) {
		/* The prefix keeps its rows until there is a region of the name again. */
		writer->known = false;
		reader_close_table(&writer->reader);
		if (stele_subscriber_reopen(writer->reader.subscriber, 0) < 0)
			return etcd_writer_fail_region(writer);
		return ETCD_DONE;
	}
	return result < 0 ? etcd_writer_fail_region(writer) : ETCD_DONE;
}

/* ---- the loop ---- */

static void etcd_writer_confirm(struct etcd_writer *writer)
{
	*writer->said = '\0';
	printf("%s: writes to etcd at %s, version %" PRIu64 "\n", writer->options->region,
	       etcd_http_endpoint(writer->http), stele_snapshot_version(writer->reader.snapshot));
	fflush(stdout);
}

/* Does the next step: takes the lock, compares, sends, or waits for a version. */
static enum etcd_result etcd_writer_step(struct etcd_writer *writer)
{
	enum etcd_result result = etcd_writer_renew(writer);
	bool was_known = writer->known;

	if (result != ETCD_DONE)
		return result;
	if (!writer->fence.lock)
		return etcd_writer_lock(writer);
	if (writer->sending && writer->ops.count == 0 && !writer->fence.open) {
		/* A version that changes nothing here. */
		etcd_writer_sent(writer);
	} else if (writer->sending) {
		result = etcd_writer_part(writer);
	} else if (!writer->known) {
		result = etcd_writer_compare(writer);
		if (result != ETCD_DONE && writer->sending)
			writer->sending = stele_snapshot_close(writer->sending);
	} else {
		result = etcd_writer_wait(writer);
	}
	if (writer->known && !was_known)
		etcd_writer_confirm(writer);
	return result;
}

/* Prints why the writer does not write, once for each reason, and waits before the next try.
 * Returns false if a signal came. */
static bool etcd_writer_pause(struct etcd_writer *writer)
{
	struct pollfd stop = {.fd = writer->options->http->stop_fd, .events = POLLIN};
	int pause = etcd_backoff_next(&writer->backoff);

	/* The lease must be renewed. */
	if (pause > ETCD_RENEW_MS)
		pause = ETCD_RENEW_MS / 2 + pause % (ETCD_RENEW_MS / 2);
	if (pause > 0 && strcmp(writer->said, writer->error) != 0) {
		fail(STATUS_DONE, "%s: %s; trying again", writer->options->region, writer->error);
		snprintf(writer->said, sizeof(writer->said), "%s", writer->error);
	}
	return poll(&stop, 1, pause) == 0;
}

/* Frees the lock, so that another mirror need not wait for the lease. */
static void etcd_writer_unlock(struct etcd_writer *writer)
{
	struct etcd_http_options options = *writer->options->http;
	struct etcd_http *http;

	if (!writer->lease)
		return;
	/* The signal that stops the writer must not stop this call. */
	options.stop_fd = -1;
	http = etcd_http_open(&options);
	writer->body.length = 0;
	etcd_request_format(&writer->body, "{\"ID\":\"%" PRId64 "\"}", writer->lease);
	if (http)
		etcd_http_call(http, "/v3/lease/revoke", &writer->body, NULL, NULL, NULL);
	etcd_http_close(http);
}

static void etcd_writer_run(struct etcd_writer *writer)
{
	enum etcd_result result, last = ETCD_DONE;

	for (;;) {
		result = etcd_writer_step(writer);
		if (result == ETCD_STOPPED)
			break;
		last = result;
		if (result == ETCD_DONE)
			continue;
		if (result != ETCD_LOCAL)
			etcd_http_next(writer->http);
		if (!etcd_writer_pause(writer))
			break;
	}
	/* Where etcd is away, the lease has to expire. */
	if (last == ETCD_DONE)
		etcd_writer_unlock(writer);
}

/* Refuses to write a region to the prefix that it is mirrored from. */
static enum status etcd_writer_check(const struct etcd_writer *writer)
{
	char source[ETCD_PREFIX];

	if (!etcd_region_source(writer->reader.subscriber, source, sizeof(source)) ||
	    strcmp(source, writer->prefix) != 0)
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "region \"%s\" is mirrored from the prefix %s; it cannot be written there",
	            writer->options->region, source);
}

enum status etcd_writer(const struct etcd_writer_options *options)
{
	struct stele_subscriber_options subscriber = {.flags = STELE_DESCRIPTOR, .label = "mirror"};
	struct etcd_writer writer = {
		.options = options,
		.prefix = options->http->url->prefix,
		.max_count = ETCD_CHUNK_OPS,
		.max_bytes = ETCD_CHUNK_BYTES,
		.backoff = {.random = (uint64_t)clock_now() ^ (uint64_t)getpid() << 32},
	};
	enum status status;

	status = reader_open_waiting(&writer.reader, options->place, options->region, &subscriber,
	                             options->wait);
	if (status == STATUS_DONE && writer.reader.subscriber)
		status = etcd_writer_check(&writer);
	if (status == STATUS_DONE && writer.reader.subscriber) {
		writer.http = etcd_http_open(options->http);
		writer.source = (struct etcd_source){writer.reader.subscriber, options->tables,
		                                     writer.prefix};
		etcd_writer_run(&writer);
		etcd_http_close(writer.http);
	}
	if (writer.sending)
		stele_snapshot_close(writer.sending);
	reader_close(&writer.reader);
	etcd_ops_free(&writer.ops);
	text_free(&writer.body);
	return status;
}
