/* SPDX-License-Identifier: MIT
 *
 * Uses the macros and structs of the public headers as a program would. check_headers.sh compiles
 * this file as C and as C++, with warnings as errors, and runs it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <stele/stele.h>

#if STELE_VERSION_NUMBER < 2000
#error "this release is too old"
#endif

struct route {
	uint32_t next_hop;
	char interface[16];
	uint32_t metric;
};

struct link {
	uint8_t state;
	uint32_t load[3];
};

struct note {
	uint64_t time;
	char text[1]; /* C++ has no flexible array members */
};

static const struct stele_column route_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, next_hop, STELE_IPV4),
	STELE_VALUE(struct route, interface, STELE_CHAR),
	STELE_VALUE(struct route, metric, STELE_U32),
};
static const struct stele_schema route_schema = STELE_SCHEMA(struct route, route_columns);

static const struct stele_word states[] = {{"up", 1}, {"down", 2}};
static const struct stele_column link_columns[] = {
	STELE_KEY_ENUM("kind", STELE_U8, states),
	STELE_VALUE_ENUM(struct link, state, STELE_U8, states),
#ifdef __cplusplus
	STELE_VALUE_ARRAY(struct link, load, STELE_U32),
#else
	STELE_VALUE_WITH(struct link, load, STELE_U32, .count = 3, .unit = "1/min"),
#endif
};
static const struct stele_schema link_schema = STELE_SCHEMA(struct link, link_columns);

static const struct stele_column note_columns[] = {
	STELE_KEY_CHAR("name", 8),
	STELE_VALUE(struct note, time, STELE_TIME),
	STELE_VALUE_VARIABLE(struct note, text, STELE_TEXT),
};
static const struct stele_schema note_schema =
	STELE_SCHEMA_VARIABLE(struct note, text, note_columns);

static int refuses(int result, const char *what)
{
	if (result == 0)
		return 0;
	fprintf(stderr, "headers: %s: %s\n", what, stele_last_error());
	return 1;
}

int main(void)
{
	struct stele_publisher_options publisher;
	struct stele_subscriber_options subscriber;
	struct stele_change change;
	struct stele_key_ref key = {"\x0a", 8};
	enum stele_step_kind kind = STELE_STEP_NODE;

	memset(&publisher, 0, sizeof(publisher));
	publisher.size = sizeof(publisher);
	publisher.flags = STELE_CREATE | STELE_SHARED | STELE_SHARED_REGION;
	publisher.memory = STELE_MEMORY_SHM;
	memset(&subscriber, 0, sizeof(subscriber));
	subscriber.size = sizeof(subscriber);
	subscriber.flags = STELE_UNREGISTERED | STELE_ANY_OWNER;
	memset(&change, 0, sizeof(change));
	change.kind = STELE_ADDED;
	if (kind == STELE_STEP_ROW || change.kind == STELE_REMOVED || key.bits != 8)
		return 1;
	if (strcmp(stele_version(), STELE_VERSION) != 0 ||
	    stele_version_number() != STELE_VERSION_NUMBER)
		return 1;
	return refuses(stele_schema_check(&route_schema), "routes") ||
	       refuses(stele_schema_check(&link_schema), "links") ||
	       refuses(stele_schema_check(&note_schema), "notes");
}
