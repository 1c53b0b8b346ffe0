/* SPDX-License-Identifier: MIT
 *
 * The answers of etcd: parsed the same however they are cut, and kept until they make up a
 * version; and the pauses between tries. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tools/base/heap.c"
#include "tools/base/text.c"
#include "tools/etcd/etcd_backoff.c"
#include "tools/etcd/etcd_base64.c"
#include "tools/mirror/etcd_batch.c"
#include "tools/mirror/etcd_head.c"
#include "tools/etcd/etcd_json.c"
#include "tools/mirror/etcd_keys.c"

/* What came out of the parser, as text. */
static struct text seen;

static int see_kv(void *context, const struct etcd_kv *kv)
{
	char line[256];

	(void)context;
	snprintf(line, sizeof(line), "%s%.*s=%.*s %lld %lld %lld part %u\n",
	         kv->deleted ? "gone " : "", (int)kv->key_length, kv->key, (int)kv->value_length,
	         kv->value, (long long)kv->create_revision, (long long)kv->mod_revision,
	         (long long)kv->version, kv->part);
	text_append_string(&seen, line);
	return 0;
}

static int see_answer(void *context, const struct etcd_answer *answer)
{
	char line[1024];

	(void)context;
	snprintf(line, sizeof(line),
	         "cluster %llu revision %lld compacted %lld count %lld%s%s%s%s%s%s%s\n",
	         (unsigned long long)answer->cluster, (long long)answer->revision,
	         (long long)answer->compacted, (long long)answer->count,
	         answer->created ? " created" : "", answer->canceled ? " canceled" : "",
	         answer->fragment ? " fragment" : "", answer->more ? " more" : "",
	         answer->succeeded ? " succeeded" : "", *answer->text ? " " : "", answer->text);
	text_append_string(&seen, line);
	return 0;
}

/* Parses a text in pieces of `step` bytes. Returns the result of the parser. */
static int parse(const char *text, size_t step)
{
	struct etcd_json *json = etcd_json_new(see_kv, see_answer, NULL);
	size_t length = strlen(text);
	int result = 0;

	seen.length = 0;
	for (size_t i = 0; result == 0 && i < length; i += step)
		result = etcd_json_feed(json, text + i, length - i < step ? length - i : step);
	text_append(&seen, "", 1);
	etcd_json_free(json);
	return result;
}

static void skip_without_yajl(void)
{
	if (etcd_json_missing())
		cr_skip_test("no yajl (Debian: libyajl-dev)");
}

static void free_seen(void)
{
	text_free(&seen);
}

TestSuite(etcd_json, .init = skip_without_yajl, .fini = free_seen);

/* Answers of etcd 3.4.23. */
static const char range[] =
	"{\"header\":{\"cluster_id\":\"14841639068965178418\",\"member_id\":\"1\",\"revision\":\"5\","
	"\"raft_term\":\"2\"},\"kvs\":[{\"key\":\"ay8x\",\"create_revision\":\"2\","
	"\"mod_revision\":\"3\",\"version\":\"2\",\"value\":\"djE=\"},{\"key\":\"ay8y\","
	"\"create_revision\":\"4\",\"mod_revision\":\"4\",\"version\":\"1\"}],\"more\":true,"
	"\"count\":\"3\"}";
static const char watch[] =
	"{\"result\":{\"header\":{\"revision\":\"10\"},\"created\":true}}\n"
	"{\"result\":{\"header\":{\"revision\":\"13\"},\"fragment\":true,\"events\":["
	"{\"kv\":{\"key\":\"dy8w\",\"create_revision\":\"13\",\"mod_revision\":\"13\",\"version\":"
	"\"1\",\"value\":\"eA==\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"dy8x\","
	"\"mod_revision\":\"13\"}}]}}\n"
	"{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"18\"}}\n"
	"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\"}}";

Test(etcd_json, answers_are_the_same_however_they_are_cut)
{
	for (size_t step = 1; step < sizeof(watch); step++) {
		cr_assert(parse(range, step) == 0);
		cr_expect_str_eq(
			seen.bytes,
			"k/1=v1 2 3 2 part 0\nk/2= 4 4 1 part 0\n"
			"cluster 14841639068965178418 revision 5 compacted 0 count 3 more\n");
		cr_assert(parse(watch, step) == 0);
		cr_expect_str_eq(
			seen.bytes,
			"cluster 0 revision 10 compacted 0 count 0 created\n"
			"w/0=x 13 13 1 part 0\ngone w/1= 0 13 0 part 0\n"
			"cluster 0 revision 13 compacted 0 count 0 fragment\n"
			"cluster 0 revision 0 compacted 18 count 0 canceled\n"
			"cluster 0 revision 0 compacted 0 count 0 etcdserver: no leader\n");
	}
}

Test(etcd_json, the_answers_of_a_transaction_are_told_apart)
{
	cr_assert(parse("{\"header\":{\"revision\":\"7\"},\"responses\":[{\"response_range\":{"
	                "\"header\":{\"revision\":\"7\"}}},{\"response_range\":{\"kvs\":[{\"key\":"
	                "\"ay8x\"}]}},{\"response_put\":{}}]}",
	                1000) == 0);
	cr_expect_str_eq(seen.bytes, "k/1= 0 0 0 part 1\n"
	                             "cluster 0 revision 7 compacted 0 count 0\n");
}

Test(etcd_json, what_is_not_etcds_is_an_error)
{
	static const char *const wrong[] = {
		"<html>",
		"[]",
		"1 ",
		"\"x\"",
		"{\"header\":{\"revision\":\"x\"}}",
		"{]",
		"{\"header\":{\"revision\":\"99999999999999999999\"}}",
		"{\"count\":1.5}",
		"{\"kvs\":[{\"key\":\"?\"}]}",
		"{\"kvs\":[{\"key\":\"YQ\"}]}",
		"{\"a\":[[[[[[[[[[[[[[[[[1",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(parse(wrong[i], 3) < 0, "%s", wrong[i]);
}

Test(etcd_json, an_answer_without_an_end_is_refused)
{
	struct etcd_json *json = etcd_json_new(see_kv, see_answer, NULL);
	static char filler[1 << 20];
	int result = etcd_json_feed(json, "{\"x\":\"", 6);

	memset(filler, 'x', sizeof(filler));
	for (int i = 0; result == 0 && i < 64; i++)
		result = etcd_json_feed(json, filler, sizeof(filler));
	cr_expect(result == -EMSGSIZE, "%d", result);
	etcd_json_free(json);
}

static int stop(void *context, const struct etcd_kv *kv)
{
	(void)context;
	(void)kv;
	return -EIO;
}

Test(etcd_json, a_callback_ends_the_parsing)
{
	struct etcd_json *json = etcd_json_new(stop, see_answer, NULL);

	cr_expect(etcd_json_feed(json, range, sizeof(range) - 1) == -EIO);
	etcd_json_free(json);
}

Test(etcd_json, the_head_says_where_rows_are_from)
{
	struct etcd_head head;
	const char *text =
		"{\"origin\":\"7@3f2a\",\"commit\":\"c1\",\"message\":\"m\",\"new\":[1]}";

	cr_assert(etcd_head_parse(text, strlen(text), &head));
	cr_expect_str_eq(head.origin, "7@3f2a");
	cr_expect_str_eq(head.commit, "c1");
	cr_expect_str_eq(head.message, "m");
	cr_expect(etcd_head_parse("{}", 2, &head) && !*head.origin);
	for (size_t i = 0; i < strlen(text); i++)
		cr_expect(!etcd_head_parse(text, i, &head));
}

/* ---- versions ---- */

static struct etcd_batch batch;

static void add(const char *key, int64_t revision, bool deleted)
{
	struct etcd_kv kv = {.deleted = deleted,
	                     .mod_revision = revision,
	                     .value = "v",
	                     .value_length = deleted ? 0 : 1};

	etcd_batch_add(&batch, &kv, key, strlen(key));
}

static void expect_version(size_t count, const char *first)
{
	size_t start, end;
	struct etcd_kv kv;

	cr_assert(etcd_batch_next(&batch, &start, &end));
	etcd_batch_kv(&batch, start, &kv);
	cr_expect(end - start == count, "%zu", end - start);
	cr_expect(kv.key_length == strlen(first) && memcmp(kv.key, first, kv.key_length) == 0);
}

static void expect_none(void)
{
	size_t start, end;

	cr_expect(!etcd_batch_next(&batch, &start, &end));
}

Test(etcd_batch, events_without_bytes_have_a_size)
{
	for (int i = 0; i < 1000; i++)
		etcd_batch_add(&batch, &(struct etcd_kv){.deleted = true, .value = ""}, "", 0);
	cr_expect(etcd_batch_size(&batch) >= 1000 * sizeof(struct etcd_event));
	etcd_batch_clear(&batch);
	cr_expect(etcd_batch_size(&batch) == 0);
	etcd_batch_free(&batch);
}

Test(etcd_batch, one_revision_is_one_version)
{
	add("rows/t/1", 5, false);
	add("rows/t/2", 5, false);
	expect_none();
	etcd_batch_complete(&batch);
	add("rows/t/3", 6, false);
	expect_version(2, "rows/t/1");
	expect_none();
	etcd_batch_trim(&batch);
	add("rows/t/4", 6, true);
	etcd_batch_complete(&batch);
	expect_version(2, "rows/t/3");
	etcd_batch_trim(&batch);
	cr_expect(batch.count == 0 && batch.bytes.length == 0);
	etcd_batch_free(&batch);
}

Test(etcd_batch, an_open_version_is_kept_until_it_is_complete)
{
	add("open", 5, false);
	add("rows/t/1", 5, false);
	etcd_batch_complete(&batch);
	expect_none();
	add("rows/t/9", 6, false);
	add("open", 7, false);
	add("rows/t/2", 7, false);
	etcd_batch_complete(&batch);
	expect_none();
	etcd_batch_trim(&batch);
	add("rows/t/3", 8, false);
	add("open", 8, true);
	add("head", 8, false);
	add("rows/t/5", 9, false);
	etcd_batch_complete(&batch);
	expect_version(8, "open");
	expect_version(1, "rows/t/5");
	expect_none();
	etcd_batch_free(&batch);
}

Test(etcd_batch, the_digest_is_that_of_the_last_revision)
{
	uint64_t digest;

	add("rows/t/1", 5, false);
	add("rows/t/2", 6, false);
	digest = etcd_batch_digest(&batch, 0, 2);
	cr_expect(digest == etcd_batch_digest(&batch, 1, 2) && digest != 0);
	cr_expect(digest != etcd_batch_digest(&batch, 0, 1));
	add("rows/t/2", 7, true);
	cr_expect(digest != etcd_batch_digest(&batch, 0, 3));
	etcd_batch_free(&batch);
}

/* ---- pauses ---- */

Test(etcd_backoff, pauses_grow_and_differ)
{
	struct etcd_backoff one = {.random = 1}, other = {.random = 2};
	int most = ETCD_BACKOFF_FIRST_MS, differ = 0;

	cr_expect(etcd_backoff_next(&one) == 0 && etcd_backoff_next(&other) == 0);
	for (int i = 0; i < 20; i++) {
		int pause = etcd_backoff_next(&one);

		cr_expect(pause >= most / 2 && pause <= most, "%d of %d", pause, most);
		differ += pause != etcd_backoff_next(&other);
		most = most * 2 > ETCD_BACKOFF_LAST_MS ? ETCD_BACKOFF_LAST_MS : most * 2;
	}
	cr_expect(differ > 10);
	etcd_backoff_reset(&one);
	cr_expect(etcd_backoff_next(&one) == 0);
}
