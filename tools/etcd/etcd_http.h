/* SPDX-License-Identifier: MIT
 * Speaks with the HTTP gateways of an etcd cluster: calls, of which one runs at a time, and one
 * stream of answers (a watch) beside them. All waiting ends when the descriptor of
 * stop_descriptor() is readable. Used by the mirror in both directions. */
#ifndef TOOLS_ETCD_ETCD_HTTP_H
#define TOOLS_ETCD_ETCD_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_json.h"
#include "tools/etcd/etcd_url.h"

/* What came of a call or of the stream. */
enum etcd_result {
	ETCD_DONE,
	ETCD_STOPPED,   /* a signal came */
	ETCD_AWAY,      /* no answer, or no leader: a write may have been done, or may still be */
	ETCD_COMPACTED, /* the revision is older than what etcd keeps */
	ETCD_FUTURE,    /* etcd does not have the revision yet: restored, or another cluster */
	ETCD_LARGE,     /* the request has too many operations or too many bytes */
	ETCD_NO_LEASE,  /* the lease is gone */
	ETCD_FULL,      /* etcd's quota is used up */
	ETCD_DENIED,    /* the user, the password or a permission */
	ETCD_REFUSED,   /* etcd does not understand the request, or the answer is not etcd's */
	ETCD_LOCAL,     /* a callback ended the call: an error of this machine */
};

struct etcd_http_options {
	const struct etcd_url *url;
	const char *authority; /* file of the certificates that sign etcd's; NULL: the system's */
	const char *certificate, *key; /* files, or NULL */
	bool tls;
	const char *user, *password; /* or NULL */
	int stop_fd;
};

struct etcd_http;

/* Allocates the handles; does not connect. The options must stay valid. Returns NULL without
 * memory. */
struct etcd_http *etcd_http_open(const struct etcd_http_options *options);
struct etcd_http *etcd_http_close(struct etcd_http *http);

/* Posts a request to the present endpoint, and waits for the answer. Authenticates the user if
 * that is needed. `kv` (may be NULL) gets each key. `ret` (may be NULL) is filled also after an
 * error, as far as there was an answer. */
enum etcd_result etcd_http_call(struct etcd_http *http, const char *path, const struct text *body,
                                etcd_kv_fn *kv, void *context, struct etcd_answer *ret);

/* Opens the stream at the present endpoint, in place of any other. The callbacks are called while
 * etcd_http_wait() or etcd_http_call() waits; they must call neither. */
void etcd_http_stream(struct etcd_http *http, const char *path, const struct text *body,
                      etcd_kv_fn *kv, etcd_answer_fn *answer, void *context);

/* Waits until the stream has brought something, or one of two descriptors is readable (-1: none),
 * or for `timeout_ms`. Returns ETCD_DONE, ETCD_STOPPED, or why the stream ended. */
enum etcd_result etcd_http_wait(struct etcd_http *http, int timeout_ms, int fd);

void etcd_http_stream_close(struct etcd_http *http);

/* Goes to the next endpoint for calls and streams from now on. */
void etcd_http_next(struct etcd_http *http);

/* Returns the present endpoint, and why the last call or the stream failed. */
const char *etcd_http_endpoint(const struct etcd_http *http);
const char *etcd_http_error(const struct etcd_http *http);

/* Returns what an answer means, by its HTTP status, code and text. */
enum etcd_result etcd_answer_result(const struct etcd_answer *answer);

/* Returns the name of the library that the command was built without, or NULL. */
const char *etcd_http_missing(void);

#endif
