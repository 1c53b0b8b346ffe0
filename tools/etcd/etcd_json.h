/* SPDX-License-Identifier: MIT
 * Parses the JSON answers of etcd's gateway as they arrive. Keys, values and events are handed on
 * one by one, so an answer may be larger than memory; one answer may follow the other, as in a
 * watch.
 *
 * The parser knows the members by their names, wherever they stand: etcd uses each name for one
 * thing, except for those of a key and its value, which are only looked for there. Members that are
 * not known are skipped, and members that are missing are 0, as etcd leaves out what is 0.
 *
 * Used by etcd_http.c, and by the mirror for the value of the key `head`, which is JSON too. */
#ifndef TOOLS_ETCD_ETCD_JSON_H
#define TOOLS_ETCD_ETCD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key and its value, or an event of a watch. Valid during the callback. */
struct etcd_kv {
	bool deleted;  /* the event is a deletion, and there is no value */
	unsigned part; /* of a transaction: the index of the answered operation */
	int64_t create_revision, mod_revision, version, lease;
	const char *key, *value;
	size_t key_length, value_length;
};

/* Size of a token. Those of etcd have some 25 bytes; JSON web tokens have a signature of the size
 * of etcd's key, and what else the key's owner puts there. */
enum { ETCD_TOKEN = 4096 };

/* The rest of an answer. */
struct etcd_answer {
	uint64_t cluster;       /* cluster_id */
	int64_t revision;       /* of the header: the newest revision of the member */
	int64_t term;           /* raft_term */
	int64_t compacted;      /* compact_revision: 0, or the watch is of a compacted revision */
	int64_t count;          /* keys in the whole range */
	int64_t lease, ttl;     /* ID, TTL */
	int64_t code;           /* of an error, as in gRPC */
	bool created, canceled; /* of a watch */
	bool fragment;          /* the rest of this answer follows in the next one */
	bool more, succeeded;
	unsigned http;          /* status of the answer; set by etcd_http.c */
	char text[512];         /* an error, or the reason why a watch was canceled */
	char token[ETCD_TOKEN]; /* of a user; or the member "commit" of `head` */
	char origin[64];        /* the member "origin" of `head` */
};

/* Get a key, or an answer once it is complete. Return 0; any other value ends the parsing. */
typedef int etcd_kv_fn(void *context, const struct etcd_kv *kv);
typedef int etcd_answer_fn(void *context, const struct etcd_answer *answer);

struct etcd_json;

/* Makes a parser. Either function may be NULL. Returns NULL without memory. */
struct etcd_json *etcd_json_new(etcd_kv_fn *kv, etcd_answer_fn *answer, void *context);

/* Parses so many bytes more. Returns 0, -EBADMSG if they are not what etcd sends, -EMSGSIZE if a
 * key, a value or an answer without either is larger than etcd allows, or what a callback
 * returned. */
int etcd_json_feed(struct etcd_json *json, const char *bytes, size_t length);

/* Returns true if the bytes so far end between two answers. */
bool etcd_json_is_complete(const struct etcd_json *json);

struct etcd_json *etcd_json_free(struct etcd_json *json);

/* Returns the name of the library that the command was built without, or NULL. */
const char *etcd_json_missing(void);

#endif
