/* SPDX-License-Identifier: MIT
 *
 * stele mirror and a server that is not as etcd is, or whose answers are lost. Needs no etcd. */
#include "tests/support/cli.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* What the server and the test share. */
struct shared {
	int calls, reads, locks, logins;
};

/* Returns the body of the answer to a request; NULL: closes the connection without an answer. */
typedef const char *answer_fn(const char *request, int *status);

static struct shared *shared;
static struct cli_process mirror;
static char url[64];

static void begin(void)
{
	cli_begin();
	if (strstr(STELE("mirror", "--from", "etcd://127.0.0.1/x", "no/name").err, "built without"))
		cr_skip_test("stele was built without libcurl or yajl");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	cr_assert(shared != MAP_FAILED);
}

TestSuite(etcd_fake, .init = begin, .fini = cli_end, .timeout = 300);

/* Reads a request, with its body. Returns false if the client has gone. */
static bool receive(int client, char *request, size_t size)
{
	size_t length = 0, wanted = size - 1;
	ssize_t got;

	while (length < wanted && (got = read(client, request + length, wanted - length)) > 0) {
		char *end, *header;

		length += (size_t)got;
		request[length] = '\0';
		end = strstr(request, "\r\n\r\n");
		header = strcasestr(request, "content-length:");
		if (end && header && header < end)
			wanted =
				(size_t)(end + 4 - request) + (size_t)strtol(header + 15, NULL, 10);
		if (length >= wanted)
			return true;
	}
	return false;
}

static void serve(int listener, answer_fn *answer)
{
	static char request[1 << 16], head[256];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int client = accept(listener, NULL, NULL), status = 200;
		const char *body;

		if (client < 0)
			_exit(1);
		if (receive(client, request, sizeof(request))) {
			__atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
			body = answer(request, &status);
			if (body) {
				snprintf(head, sizeof(head),
				         "HTTP/1.1 %d x\r\nConnection: close\r\n"
				         "Content-Length: %zu\r\n\r\n",
				         status, strlen(body));
				(void)!send(client, head, strlen(head), MSG_NOSIGNAL);
				(void)!send(client, body, strlen(body), MSG_NOSIGNAL);
			}
		}
		close(client);
	}
}

/* Starts a server on loopback, and writes the URL of a prefix there. */
static void start_server(answer_fn *answer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	cr_assert(bind(listener, (struct sockaddr *)&address, size) == 0 &&
	          listen(listener, 16) == 0 &&
	          getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0)
		serve(listener, answer);
	close(listener);
	snprintf(url, sizeof(url), "etcd://127.0.0.1:%d/stele/net", ntohs(address.sin_port));
}

/* Waits until a number has been reached. */
static void await_count(const int *count, int wanted)
{
	for (int tries = 0; __atomic_load_n(count, __ATOMIC_RELAXED) < wanted; tries++) {
		cr_assert(tries < CLI_PATIENCE / 20, "%s", cli_read_all(dup(mirror.err)));
		usleep(20000);
	}
}

/* Waits until the mirror has written this text to standard error. */
static void await_error(const char *text)
{
	for (int tries = 0; !strstr(cli_read_all(dup(mirror.err)), text); tries++) {
		cr_assert(tries < CLI_PATIENCE / 50, "\"%s\" is not in: %s", text,
		          cli_read_all(dup(mirror.err)));
		usleep(50000);
	}
}

static void stop(void)
{
	kill(mirror.pid, SIGTERM);
	cr_expect(cli_wait(&mirror) == 0);
}

/* ---- the writer ---- */

#define HEADER "\"header\":{\"cluster_id\":\"1\",\"revision\":\"5\",\"raft_term\":\"2\"}"
#define WRITER \
	"{\"key\":\"L3N0ZWxlL25ldC93cml0ZXI=\",\"create_revision\":\"4\"," \
	"\"mod_revision\":\"4\",\"version\":\"1\",\"lease\":\"7\",\"value\":\"bWU=\"}"

/* Takes the lock for the first request, and closes the connection. */
static const char *lose_the_lock(const char *request, int *status)
{
	(void)status;
	if (strstr(request, "/v3/lease/grant"))
		return "{" HEADER ",\"ID\":\"7\",\"TTL\":\"20\"}";
	if (strstr(request, "/v3/lease/keepalive"))
		return "{\"result\":{" HEADER ",\"ID\":\"7\",\"TTL\":\"20\"}}";
	if (strstr(request, "/v3/lease/revoke"))
		return "{" HEADER "}";
	if (strstr(request, "/v3/kv/range"))
		return "{" HEADER ",\"kvs\":[" WRITER "],\"count\":\"1\"}";
	/* Only the request for the lock names a lease. */
	if (!strstr(request, "\"lease\":\"7\""))
		return "{" HEADER ",\"succeeded\":true}";
	if (__atomic_fetch_add(&shared->locks, 1, __ATOMIC_RELAXED) == 0)
		return NULL;
	return "{" HEADER ",\"responses\":[{\"response_range\":{" HEADER "}},"
	       "{\"response_range\":{" HEADER "}},"
	       "{\"response_range\":{" HEADER ",\"kvs\":[" WRITER "],\"count\":\"1\"}}]}";
}

Test(etcd_fake, a_lock_that_was_taken_without_an_answer_is_held)
{
	char ports[80];

	start_server(lose_the_lock);
	snprintf(ports, sizeof(ports), "%s/ports", region);
	EXPECT_STATUS(STELE("create", region, "--table", "ports(port: u32 key)"), 0);
	STELE_START(&mirror, "mirror", "--to", url, region);
	await_count(&shared->locks, 2);
	EXPECT_HAS(cli_any_line(&mirror), ": writes to etcd ");
	EXPECT_HAS_NOT(cli_read_all(dup(mirror.err)), "another mirror");
	stop();
}

/* ---- the follower ---- */

/* Gives another reason each time. */
static const char *fail_each_time(const char *request, int *status)
{
	static char body[128];

	(void)request;
	*status = 503;
	snprintf(body, sizeof(body), "{\"message\":\"no leader, try %d\",\"code\":14}",
	         __atomic_load_n(&shared->calls, __ATOMIC_RELAXED));
	return body;
}

Test(etcd_fake, an_etcd_that_is_away_makes_one_version)
{
	char *log;

	start_server(fail_each_time);
	STELE_START(&mirror, "mirror", "--from", url, region);
	/* The status is written before each call but the first two. */
	await_count(&shared->calls, 5);
	log = STELE("log", region, "-f", "ndjson").out;
	cr_expect(strstr(log, "\"version\": 1,") && !strstr(log, "\"version\": 2,"), "%s", log);
	stop();
}

/* Says that there is more, and repeats the page; or has an empty page. */
static const char *never_end(const char *request, int *status)
{
	(void)status;
	if (strstr(request, "count_only"))
		return "{" HEADER ",\"count\":\"1\"}";
	/* The read of the key `open`. */
	if (!strstr(request, "range_end"))
		return "{" HEADER "}";
	return __atomic_fetch_add(&shared->reads, 1, __ATOMIC_RELAXED) < 8
	               ? "{" HEADER ",\"kvs\":[{\"key\":\"L3N0ZWxlL25ldC9zY2hlbWEvdA==\","
	                 "\"create_revision\":\"2\",\"mod_revision\":\"2\",\"version\":\"1\","
	                 "\"value\":\"dChhOiB1OCBrZXkp\"}],\"more\":true,\"count\":\"2\"}"
	               : "{" HEADER ",\"more\":true,\"count\":\"2\"}";
}

Test(etcd_fake, pages_that_repeat_or_are_empty_are_no_table)
{
	start_server(never_end);
	STELE_START(&mirror, "mirror", "--from", url, region);
	await_error("the answer does not have the keys that were asked for");
	await_count(&shared->reads, 12);
	EXPECT_HAS_NOT(STELE("log", region).out, "read whole");
	EXPECT_HAS_NOT(STELE("list", region).out, "/t");
	stop();
}

/* Refuses the first token after it was good once, as after a user was changed. */
static const char *change_users(const char *request, int *status)
{
	static char body[900];

	if (strstr(request, "/v3/auth/authenticate")) {
		/* Longer than 512 bytes, as with a key of 4096 bits. */
		snprintf(body, sizeof(body), "{" HEADER ",\"token\":\"%0700d\"}",
		         __atomic_add_fetch(&shared->logins, 1, __ATOMIC_RELAXED));
		return body;
	}
	__atomic_fetch_add(&shared->reads, 1, __ATOMIC_RELAXED);
	snprintf(body, sizeof(body), "Authorization: %0700d\r\n",
	         __atomic_load_n(&shared->logins, __ATOMIC_RELAXED));
	if (strstr(request, body) && shared->logins > 1)
		return "{" HEADER "}";
	*status = 400;
	return strstr(request, body) ? "{\"message\":\"etcdserver: revision of auth store is old\","
	                               "\"code\":3}"
	                             : "{\"message\":\"etcdserver: invalid token\",\"code\":3}";
}

Test(etcd_fake, a_token_of_former_users_is_replaced)
{
	start_server(change_users);
	setenv("STELE_ETCD_PASSWORD", "word", 1);
	STELE_START(&mirror, "mirror", "--from", url, "--user", "reader", region);
	await_count(&shared->logins, 2);
	await_count(&shared->reads, 4);
	EXPECT_HAS_NOT(cli_read_all(dup(mirror.err)), "invalid token");
	stop();
}
