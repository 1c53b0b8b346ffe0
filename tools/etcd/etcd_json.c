/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tools/etcd/etcd_json.h"

#if __has_include(<yajl/yajl_parse.h>)
#include <yajl/yajl_parse.h>
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/etcd/etcd_base64.h"

enum {
	ETCD_JSON_DEPTH = 16,
	/* Between two keys, events or answers at most these bytes may come: a key and a value of
	 * the 10 MiB that etcd can be configured to take, in base64. */
	ETCD_JSON_TOKEN = 16 << 20,
};

/* What a map or an array is. */
enum etcd_json_place {
	ETCD_JSON_ANY,
	ETCD_JSON_KVS,
	ETCD_JSON_EVENTS,
	ETCD_JSON_EVENT,
	ETCD_JSON_KV
};

struct etcd_json {
	yajl_handle parser;
	etcd_kv_fn *on_kv;
	etcd_answer_fn *on_answer;
	void *context;
	int result; /* of the callback that ended the parsing */
	enum etcd_json_place places[ETCD_JSON_DEPTH];
	int depth;
	char name[32];     /* of the member whose value comes next; "": too long to be known */
	size_t unfinished; /* bytes since the last key, event or answer */
	unsigned parts;
	struct etcd_kv kv;
	struct text key, value;
	struct etcd_answer answer;
};

static enum etcd_json_place etcd_json_place(const struct etcd_json *json)
{
	return json->depth ? json->places[json->depth - 1] : ETCD_JSON_ANY;
}

static bool etcd_json_is(const struct etcd_json *json, const char *name)
{
	return strcmp(json->name, name) == 0;
}

/* ---- values ---- */

/* Returns where an integer of this name is kept, or NULL. */
static int64_t *etcd_json_integer(struct etcd_json *json)
{
	struct {
		const char *name;
		int64_t *at;
	} kv[] =
		{
			{"create_revision", &json->kv.create_revision},
			{"mod_revision", &json->kv.mod_revision},
			{"version", &json->kv.version},
			{"lease", &json->kv.lease},
		},
	  answer[] = {
		  {"revision", &json->answer.revision},
		  {"raft_term", &json->answer.term},
		  {"compact_revision", &json->answer.compacted},
		  {"count", &json->answer.count},
		  {"ID", &json->answer.lease},
		  {"TTL", &json->answer.ttl},
		  {"code", &json->answer.code},
		  {"grpc_code", &json->answer.code},
	  };

	if (etcd_json_place(json) == ETCD_JSON_KV) {
		for (size_t i = 0; i < sizeof(kv) / sizeof(kv[0]); i++)
			if (etcd_json_is(json, kv[i].name))
				return kv[i].at;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(answer) / sizeof(answer[0]); i++)
		if (etcd_json_is(json, answer[i].name))
			return answer[i].at;
	return NULL;
}

/* Takes a number, which stands in quotation marks if it is of 64 bits. */
static int etcd_json_take_number(struct etcd_json *json, const char *text, size_t length)
{
	int64_t *at = etcd_json_integer(json);
	char digits[24], *end;

	if (json->depth == 0)
		return 0; /* not an answer */
	if (!at && !etcd_json_is(json, "cluster_id"))
		return 1;
	if (length == 0 || length >= sizeof(digits))
		return 0;
	memcpy(digits, text, length);
	digits[length] = '\0';
	errno = 0;
	if (at)
		*at = strtoll(digits, &end, 10);
	else
		json->answer.cluster = strtoull(digits, &end, 10);
	return *end == '\0' && errno == 0;
}

static void etcd_json_copy(char *to, size_t size, const char *text, size_t length)
{
	length = length < size ? length : size - 1;
	memcpy(to, text, length);
	to[length] = '\0';
}

static int etcd_json_string(void *context, const unsigned char *bytes, size_t length)
{
	struct etcd_json *json = context;
	struct etcd_answer *answer = &json->answer;
	const char *text = (const char *)bytes;
	enum etcd_json_place place = etcd_json_place(json);

	if (place == ETCD_JSON_KV && etcd_json_is(json, "key"))
		return etcd_base64_decode(&json->key, text, length);
	if (place == ETCD_JSON_KV && etcd_json_is(json, "value"))
		return etcd_base64_decode(&json->value, text, length);
	if (place == ETCD_JSON_EVENT && etcd_json_is(json, "type"))
		json->kv.deleted = length == 6 && memcmp(text, "DELETE", 6) == 0;
	else if (etcd_json_is(json, "message") || etcd_json_is(json, "cancel_reason"))
		etcd_json_copy(answer->text, sizeof(answer->text), text, length);
	else if (etcd_json_is(json, "token") || etcd_json_is(json, "commit"))
		etcd_json_copy(answer->token, sizeof(answer->token), text, length);
	else if (etcd_json_is(json, "origin"))
		etcd_json_copy(answer->origin, sizeof(answer->origin), text, length);
	else
		return etcd_json_take_number(json, text, length);
	return 1;
}

static int etcd_json_number(void *context, const char *text, size_t length)
{
	return etcd_json_take_number(context, text, length);
}

static int etcd_json_boolean(void *context, int value)
{
	struct etcd_json *json = context;
	struct etcd_answer *answer = &json->answer;
	bool *members[] = {&answer->created, &answer->canceled, &answer->fragment, &answer->more,
	                   &answer->succeeded};
	static const char *const names[] = {"created", "canceled", "fragment", "more", "succeeded"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (etcd_json_is(json, names[i]))
			*members[i] = value;
	return 1;
}

/* ---- maps and arrays ---- */

static int etcd_json_name(void *context, const unsigned char *bytes, size_t length)
{
	struct etcd_json *json = context;

	etcd_json_copy(json->name, sizeof(json->name),
	               length < sizeof(json->name) ? (const char *)bytes : "",
	               length < sizeof(json->name) ? length : 0);
	return 1;
}

static void etcd_json_start_kv(struct etcd_json *json)
{
	json->kv = (struct etcd_kv){.part = json->parts ? json->parts - 1 : 0};
	json->key.length = json->value.length = 0;
}

static int etcd_json_start(struct etcd_json *json, bool is_map)
{
	enum etcd_json_place outer = etcd_json_place(json), inner = ETCD_JSON_ANY;

	if (json->depth == ETCD_JSON_DEPTH || (json->depth == 0 && !is_map))
		return 0;
	if (json->depth == 0) {
		json->answer = (struct etcd_answer){0};
		json->parts = 0;
	}
	if (is_map && strncmp(json->name, "response_", 9) == 0)
		json->parts++;
	if (!is_map && etcd_json_is(json, "kvs"))
		inner = ETCD_JSON_KVS;
	else if (!is_map && etcd_json_is(json, "events"))
		inner = ETCD_JSON_EVENTS;
	else if (is_map && outer == ETCD_JSON_EVENTS)
		inner = ETCD_JSON_EVENT;
	else if (is_map &&
	         (outer == ETCD_JSON_KVS || (outer == ETCD_JSON_EVENT && etcd_json_is(json, "kv"))))
		inner = ETCD_JSON_KV;
	if (inner == ETCD_JSON_EVENT || outer == ETCD_JSON_KVS)
		etcd_json_start_kv(json);
	json->places[json->depth++] = inner;
	*json->name = '\0';
	return 1;
}

static int etcd_json_hand_on(struct etcd_json *json)
{
	struct etcd_kv *kv = &json->kv;

	json->unfinished = 0;
	kv->key = json->key.bytes ? json->key.bytes : "";
	kv->key_length = json->key.length;
	kv->value = json->value.bytes ? json->value.bytes : "";
	kv->value_length = json->value.length;
	if (json->on_kv)
		json->result = json->on_kv(json->context, kv);
	return json->result == 0;
}

static int etcd_json_end(void *context)
{
	struct etcd_json *json = context;
	enum etcd_json_place inner = json->places[--json->depth], outer = etcd_json_place(json);

	*json->name = '\0';
	if (inner == ETCD_JSON_EVENT || (inner == ETCD_JSON_KV && outer == ETCD_JSON_KVS))
		return etcd_json_hand_on(json);
	if (json->depth > 0)
		return 1;
	json->unfinished = 0;
	if (json->on_answer)
		json->result = json->on_answer(json->context, &json->answer);
	return json->result == 0;
}

static int etcd_json_start_map(void *context)
{
	return etcd_json_start(context, true);
}

static int etcd_json_start_array(void *context)
{
	return etcd_json_start(context, false);
}

/* ---- parsers ---- */

struct etcd_json *etcd_json_new(etcd_kv_fn *kv, etcd_answer_fn *answer, void *context)
{
	static const yajl_callbacks callbacks = {
		.yajl_boolean = etcd_json_boolean,
		.yajl_number = etcd_json_number,
		.yajl_string = etcd_json_string,
		.yajl_start_map = etcd_json_start_map,
		.yajl_map_key = etcd_json_name,
		.yajl_end_map = etcd_json_end,
		.yajl_start_array = etcd_json_start_array,
		.yajl_end_array = etcd_json_end,
	};
	struct etcd_json *json = heap_realloc(NULL, sizeof(*json));

	*json = (struct etcd_json){.on_kv = kv, .on_answer = answer, .context = context};
	json->parser = yajl_alloc(&callbacks, NULL, json);
	if (!json->parser)
		return etcd_json_free(json);
	yajl_config(json->parser, yajl_allow_multiple_values, 1);
	return json;
}

int etcd_json_feed(struct etcd_json *json, const char *bytes, size_t length)
{
	yajl_status status;

	json->unfinished += length;
	if (json->unfinished > ETCD_JSON_TOKEN + length)
		return -EMSGSIZE;
	status = yajl_parse(json->parser, (const unsigned char *)bytes, length);
	if (status == yajl_status_client_canceled && json->result != 0)
		return json->result;
	return status == yajl_status_ok ? 0 : -EBADMSG;
}

bool etcd_json_is_complete(const struct etcd_json *json)
{
	return json->depth == 0 && json->unfinished == 0;
}

struct etcd_json *etcd_json_free(struct etcd_json *json)
{
	if (!json)
		return NULL;
	if (json->parser)
		yajl_free(json->parser);
	text_free(&json->key);
	text_free(&json->value);
	free(json);
	return NULL;
}

const char *etcd_json_missing(void)
{
	return NULL;
}

#else

/* Without yajl, cmd_mirror.c says what is missing and calls nothing else. */
struct etcd_json *etcd_json_new(etcd_kv_fn *kv, etcd_answer_fn *answer, void *context)
{
	(void)kv;
	(void)answer;
	(void)context;
	return NULL;
}

int etcd_json_feed(struct etcd_json *json, const char *bytes, size_t length)
{
	(void)json;
	(void)bytes;
	(void)length;
	return -ENOSYS;
}

bool etcd_json_is_complete(const struct etcd_json *json)
{
	return !json;
}

struct etcd_json *etcd_json_free(struct etcd_json *json)
{
	return json;
}

const char *etcd_json_missing(void)
{
	return "yajl";
}

#endif
