/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/etcd/etcd_http.h"
#include "tools/etcd/etcd_request.h"

enum etcd_result etcd_answer_result(const struct etcd_answer *answer)
{
	const char *text = answer->text;

	if (strstr(text, "has been compacted") || answer->compacted)
		return ETCD_COMPACTED;
	if (strstr(text, "future revision"))
		return ETCD_FUTURE;
	if (strstr(text, "too many operations") || strstr(text, "request is too large") ||
	    strstr(text, "larger than max"))
		return ETCD_LARGE;
	if (strstr(text, "lease not found"))
		return ETCD_NO_LEASE;
	if (strstr(text, "space exceeded"))
		return ETCD_FULL;
	if (answer->http == 401 || answer->http == 403 || strstr(text, "permission denied") ||
	    strstr(text, "PermissionDenied") || strstr(text, "authentication") ||
	    strstr(text, "user name is empty") || strstr(text, "invalid auth token") ||
	    strstr(text, "auth store is old"))
		return ETCD_DENIED;
	if (answer->http == 200 && !answer->canceled && !answer->code)
		return ETCD_DONE;
	return answer->http >= 500 || answer->code == 14 ? ETCD_AWAY : ETCD_REFUSED;
}

#if __has_include(<curl/curl.h>)
#include <curl/curl.h>

enum {
	ETCD_HTTP_CONNECT_MS = 5000,
	/* etcd itself gives up after 7 s. */
	ETCD_HTTP_SILENCE_S = 10,
};

/* A request and its answers. */
struct etcd_exchange {
	struct etcd_http *http;
	CURL *curl;
	struct curl_slist *headers;
	struct etcd_json *json; /* NULL: none is under way */
	struct text body;
	etcd_kv_fn *kv;
	etcd_answer_fn *on_answer;
	void *context;
	struct etcd_answer answer; /* the last one */
	char error[CURL_ERROR_SIZE];
	char refused[200]; /* the start of an answer that is not JSON */
	int local;         /* what a callback returned */
	bool ended, arrived;
	CURLcode code;
};

struct etcd_http {
	const struct etcd_http_options *options;
	CURLM *multi;
	size_t endpoint; /* the present one */
	char token[ETCD_TOKEN];
	struct etcd_exchange call, stream;
	char error[1024];
};

static int etcd_http_take_kv(void *context, const struct etcd_kv *kv)
{
	struct etcd_exchange *exchange = context;

	exchange->local = exchange->kv ? exchange->kv(exchange->context, kv) : 0;
	return exchange->local;
}

static int etcd_http_take_answer(void *context, const struct etcd_answer *answer)
{
	struct etcd_exchange *exchange = context;

	exchange->answer = *answer;
	exchange->arrived = true;
	exchange->local = exchange->on_answer ? exchange->on_answer(exchange->context, answer) : 0;
	return exchange->local;
}

/* Gets the bytes of an answer from libcurl. */
static size_t etcd_http_receive(char *bytes, size_t size, size_t count, void *context)
{
	struct etcd_exchange *exchange = context;
	int result = etcd_json_feed(exchange->json, bytes, size * count);

	if (result == 0)
		return size * count;
	if (exchange->local == 0)
		snprintf(exchange->refused, sizeof(exchange->refused), "%.*s",
		         (int)(size * count < 80 ? size * count : 80), bytes);
	return 0;
}

/* ---- handles ---- */

static bool etcd_http_init(struct etcd_http *http, struct etcd_exchange *exchange)
{
	const struct etcd_http_options *options = http->options;
	CURL *curl = exchange->curl = curl_easy_init();

	exchange->http = http;
	if (!curl)
		return false;
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* A proxy may hold a watch's answers back; http_proxy is not for etcd. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)ETCD_HTTP_CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 10L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, etcd_http_receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, exchange);
	if (options->authority) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, options->authority);
		/* Otherwise libcurl also trusts the authorities in the system's folder. */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (options->certificate)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, options->certificate);
	if (options->key)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, options->key);
	return true;
}

struct etcd_http *etcd_http_open(const struct etcd_http_options *options)
{
	struct etcd_http *http = heap_realloc(NULL, sizeof(*http));

	*http = (struct etcd_http){.options = options};
	curl_global_init(CURL_GLOBAL_DEFAULT);
	http->multi = curl_multi_init();
	if (!http->multi || !etcd_http_init(http, &http->call) ||
	    !etcd_http_init(http, &http->stream))
		return etcd_http_close(http);
	curl_easy_setopt(http->call.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(http->call.curl, CURLOPT_LOW_SPEED_TIME, (long)ETCD_HTTP_SILENCE_S);
	return http;
}

static void etcd_http_end(struct etcd_http *http, struct etcd_exchange *exchange)
{
	if (exchange->json)
		curl_multi_remove_handle(http->multi, exchange->curl);
	exchange->json = etcd_json_free(exchange->json);
}

struct etcd_http *etcd_http_close(struct etcd_http *http)
{
	struct etcd_exchange *exchanges[] = {&http->call, &http->stream};

	for (size_t i = 0; i < 2; i++) {
		etcd_http_end(http, exchanges[i]);
		if (exchanges[i]->curl)
			curl_easy_cleanup(exchanges[i]->curl);
		curl_slist_free_all(exchanges[i]->headers);
		text_free(&exchanges[i]->body);
	}
	if (http->multi)
		curl_multi_cleanup(http->multi);
	curl_global_cleanup();
	free(http);
	return NULL;
}

/* Makes the headers of a request: that a member has no leader shall be an error, also for reads and
 * watches. They must live as long as the exchange. */
static void etcd_http_set_headers(struct etcd_http *http, struct etcd_exchange *exchange)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char authorization[sizeof(http->token) + 32];

	headers = curl_slist_append(headers, "Grpc-Metadata-hasleader: true");
	headers = curl_slist_append(headers, "Expect:");
	if (*http->token) {
		snprintf(authorization, sizeof(authorization), "Authorization: %s", http->token);
		headers = curl_slist_append(headers, authorization);
	}
	curl_easy_setopt(exchange->curl, CURLOPT_HTTPHEADER, headers);
	curl_slist_free_all(exchange->headers);
	exchange->headers = headers;
}

static void etcd_http_begin(struct etcd_http *http, struct etcd_exchange *exchange,
                            const char *path, const struct text *body)
{
	char url[ETCD_HOST + 64];

	etcd_http_end(http, exchange);
	etcd_http_set_headers(http, exchange);
	snprintf(url, sizeof(url), "%s://%s%s", http->options->tls ? "https" : "http",
	         etcd_http_endpoint(http), path);
	exchange->json = etcd_json_new(etcd_http_take_kv, etcd_http_take_answer, exchange);
	exchange->body.length = 0;
	text_append(&exchange->body, body->bytes, body->length);
	exchange->answer = (struct etcd_answer){0};
	exchange->ended = exchange->arrived = false;
	exchange->local = 0;
	*exchange->error = *exchange->refused = '\0';
	curl_easy_setopt(exchange->curl, CURLOPT_URL, url);
	curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDS, exchange->body.bytes);
	curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	                 (curl_off_t)exchange->body.length);
	curl_multi_add_handle(http->multi, exchange->curl);
}

/* ---- waiting ---- */

/* Lets libcurl work, and notes which exchanges have ended. */
static void etcd_http_perform(struct etcd_http *http)
{
	struct etcd_exchange *exchange;
	CURLMsg *message;
	int running, left;
	char *private;

	curl_multi_perform(http->multi, &running);
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		exchange = (struct etcd_exchange *)(void *)private;
		exchange->code = message->data.result;
		exchange->ended = true;
	}
}

/* Blocks until there is work for libcurl, or a descriptor is readable. Returns ETCD_STOPPED if a
 * signal came. */
static enum etcd_result etcd_http_poll(struct etcd_http *http, int timeout_ms, int fd)
{
	struct curl_waitfd fds[2] = {{.fd = http->options->stop_fd, .events = CURL_WAIT_POLLIN},
	                             {.fd = fd, .events = CURL_WAIT_POLLIN}};
	struct pollfd stop = {.fd = http->options->stop_fd, .events = POLLIN};

	curl_multi_poll(http->multi, fds, fd >= 0 ? 2 : 1, timeout_ms, NULL);
	return poll(&stop, 1, 0) > 0 ? ETCD_STOPPED : ETCD_DONE;
}

/* Returns what came of an exchange that has ended, and writes the reason of a failure. */
static enum etcd_result etcd_http_result(struct etcd_http *http, struct etcd_exchange *exchange)
{
	struct etcd_answer *answer = &exchange->answer;
	const char *endpoint = etcd_http_endpoint(http);
	enum etcd_result result;
	long status = 0;

	curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
	answer->http = (unsigned)status;
	if (exchange->local)
		return ETCD_LOCAL;
	if (*exchange->refused || (exchange->code == CURLE_OK && !exchange->arrived)) {
		snprintf(http->error, sizeof(http->error),
		         "%s: the answer (status %ld) is not that of etcd: %s", endpoint, status,
		         exchange->refused);
		return status >= 500 ? ETCD_AWAY : ETCD_REFUSED;
	}
	/* The stream's last answer may say why it ends; then libcurl's error says less. */
	result = exchange->arrived ? etcd_answer_result(answer) : ETCD_AWAY;
	if (exchange->code != CURLE_OK && result == ETCD_DONE)
		result = ETCD_AWAY;
	if (result != ETCD_DONE)
		snprintf(http->error, sizeof(http->error), "%s: %s", endpoint,
		         *answer->text      ? answer->text
		         : *exchange->error ? exchange->error
		                            : curl_easy_strerror(exchange->code));
	return result;
}

void etcd_http_stream_close(struct etcd_http *http)
{
	etcd_http_end(http, &http->stream);
	http->stream.ended = false;
}

enum etcd_result etcd_http_wait(struct etcd_http *http, int timeout_ms, int fd)
{
	struct etcd_exchange *stream = &http->stream;
	enum etcd_result result;

	etcd_http_perform(http);
	if (!stream->ended && !stream->arrived) {
		if (etcd_http_poll(http, timeout_ms, fd) == ETCD_STOPPED)
			return ETCD_STOPPED;
		etcd_http_perform(http);
	}
	stream->arrived = false;
	if (!stream->json || !stream->ended)
		return ETCD_DONE;
	stream->arrived = true;
	result = etcd_http_result(http, stream);
	stream->arrived = false;
	if (stream->code == CURLE_OK && !*stream->answer.text && !*stream->refused)
		snprintf(http->error, sizeof(http->error), "%s: etcd ended the watch",
		         etcd_http_endpoint(http));
	etcd_http_stream_close(http);
	return result == ETCD_DONE || result == ETCD_REFUSED ? ETCD_AWAY : result;
}

void etcd_http_stream(struct etcd_http *http, const char *path, const struct text *body,
                      etcd_kv_fn *kv, etcd_answer_fn *answer, void *context)
{
	http->stream.kv = kv;
	http->stream.on_answer = answer;
	http->stream.context = context;
	etcd_http_begin(http, &http->stream, path, body);
}

/* ---- calls ---- */

static enum etcd_result etcd_http_run(struct etcd_http *http, const char *path,
                                      const struct text *body, etcd_kv_fn *kv, void *context)
{
	struct etcd_exchange *call = &http->call;
	enum etcd_result result = ETCD_DONE;

	call->kv = kv;
	call->on_answer = NULL;
	call->context = context;
	etcd_http_begin(http, call, path, body);
	for (;;) {
		etcd_http_perform(http);
		if (call->ended)
			break;
		if (etcd_http_poll(http, 1000, -1) == ETCD_STOPPED) {
			result = ETCD_STOPPED;
			break;
		}
	}
	if (result == ETCD_DONE)
		result = etcd_http_result(http, call);
	etcd_http_end(http, call);
	return result;
}

static enum etcd_result etcd_http_authenticate(struct etcd_http *http)
{
	struct text body = {0};
	enum etcd_result result;

	*http->token = '\0';
	etcd_request_authenticate(&body, http->options->user, http->options->password);
	result = etcd_http_run(http, "/v3/auth/authenticate", &body, NULL, NULL);
	explicit_bzero(body.bytes, body.capacity);
	explicit_bzero(http->call.body.bytes, http->call.body.capacity);
	text_free(&body);
	if (result != ETCD_DONE)
		return result;
	snprintf(http->token, sizeof(http->token), "%s", http->call.answer.token);
	return ETCD_DONE;
}

enum etcd_result etcd_http_call(struct etcd_http *http, const char *path, const struct text *body,
                                etcd_kv_fn *kv, void *context, struct etcd_answer *ret)
{
	bool fresh = !*http->token;
	enum etcd_result result = ETCD_DONE;

	if (http->options->user && fresh)
		result = etcd_http_authenticate(http);
	if (result == ETCD_DONE)
		result = etcd_http_run(http, path, body, kv, context);
	/* Tokens expire, and are forgotten when a member starts again. A JSON web token is refused
	 * after any change of a user or role. */
	if (result == ETCD_DENIED && http->options->user && !fresh &&
	    (http->call.answer.http == 401 ||
	     strstr(http->call.answer.text, "auth store is old"))) {
		result = etcd_http_authenticate(http);
		if (result == ETCD_DONE)
			result = etcd_http_run(http, path, body, kv, context);
	}
	if (ret)
		*ret = http->call.answer;
	return result;
}

void etcd_http_next(struct etcd_http *http)
{
	http->endpoint = (http->endpoint + 1) % http->options->url->count;
}

const char *etcd_http_endpoint(const struct etcd_http *http)
{
	return http->options->url->endpoints[http->endpoint];
}

const char *etcd_http_error(const struct etcd_http *http)
{
	return http->error;
}

const char *etcd_http_missing(void)
{
	return NULL;
}

#else

/* Without libcurl, cmd_mirror.c says what is missing and calls nothing else. */
struct etcd_http *etcd_http_open(const struct etcd_http_options *options)
{
	(void)options;
	return NULL;
}

struct etcd_http *etcd_http_close(struct etcd_http *http)
{
	return http;
}

enum etcd_result etcd_http_call(struct etcd_http *http, const char *path, const struct text *body,
                                etcd_kv_fn *kv, void *context, struct etcd_answer *ret)
{
	(void)http;
	(void)path;
	(void)body;
	(void)kv;
	(void)context;
	(void)ret;
	return ETCD_REFUSED;
}

void etcd_http_stream(struct etcd_http *http, const char *path, const struct text *body,
                      etcd_kv_fn *kv, etcd_answer_fn *answer, void *context)
{
	(void)http;
	(void)path;
	(void)body;
	(void)kv;
	(void)answer;
	(void)context;
}

enum etcd_result etcd_http_wait(struct etcd_http *http, int timeout_ms, int fd)
{
	(void)http;
	(void)timeout_ms;
	(void)fd;
	return ETCD_REFUSED;
}

void etcd_http_stream_close(struct etcd_http *http)
{
	(void)http;
}

void etcd_http_next(struct etcd_http *http)
{
	(void)http;
}

const char *etcd_http_endpoint(const struct etcd_http *http)
{
	(void)http;
	return "";
}

const char *etcd_http_error(const struct etcd_http *http)
{
	(void)http;
	return "";
}

const char *etcd_http_missing(void)
{
	return "libcurl";
}

#endif
