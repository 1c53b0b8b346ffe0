/* SPDX-License-Identifier: MIT
 *
 * A comparison with Redis: a lookup of a row that another process publishes. The benchmark starts
 * its own server, on a Unix socket in a directory of its own. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/bench/bench_rows.h"

#define ROWS 10000u
#define GETS 10000u

static char directory[] = "/tmp/bench-redis-XXXXXX";
static char path[64];
static pid_t server;
static redisContext *redis;
static struct stele_table table;

static double get_stele(uint64_t *ret_sum)
{
	uint64_t random = 8, sum = 0;
	double begin = bench_seconds();

	for (unsigned i = 0; i < GETS; i++) {
		unsigned char key[KEY_MAX];
		struct stele_row row;

		key_id(random_from(&random) % ROWS, key);
		if (stele_table_get(&table, key, 128, &row) != 1)
			bench_fail("a row is missing");
		sum += item_sum(row.value);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / GETS;
}

static double get_redis(uint64_t *ret_sum)
{
	uint64_t random = 8, sum = 0;
	double begin = bench_seconds();

	for (unsigned i = 0; i < GETS; i++) {
		unsigned char key[KEY_MAX];
		redisReply *reply;

		key_id(random_from(&random) % ROWS, key);
		reply = redisCommand(redis, "GET %b", key, (size_t)16);
		if (!reply || reply->type != REDIS_REPLY_STRING ||
		    reply->len != sizeof(struct item))
			bench_fail("a row is missing in Redis");
		sum += item_sum(reply->str);
		freeReplyObject(reply);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / GETS;
}

static void stop_server(void)
{
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	rmdir(directory);
}

/* Starts the server. Returns false if none can be started. */
static bool start_server(void)
{
	check(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/socket", directory);
	atexit(stop_server);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path,
		       "--save", "", "--appendonly", "no", "--dir", directory, (char *)NULL);
		_exit(127);
	}
	while (waitpid(server, NULL, WNOHANG) == 0) {
		redis = redisConnectUnix(path);
		if (redis && !redis->err)
			return true;
		redisFree(redis);
		usleep(1000);
	}
	server = 0;
	return false;
}

static void load_redis(void)
{
	for (uint64_t i = 0; i < ROWS; i++) {
		struct item item = item_of(i, 0);
		unsigned char key[KEY_MAX];
		redisReply *reply;

		key_id(i, key);
		reply = redisCommand(redis, "SET %b %b", key, (size_t)16, &item, sizeof(item));
		check(reply != NULL && reply->type == REDIS_REPLY_STATUS);
		freeReplyObject(reply);
	}
}

/* Loads the region in a child process, and leaves the region in place. */
static void publish(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		stele_publisher_close(items_publish(&kind_id, ROWS));
		_exit(0);
	}
	waitpid(child, &status, 0);
	check(status == 0);
}

int main(void)
{
	const struct side sides[] = {{"stele", get_stele, 0},
	                             {"redis_over_unix_socket", get_redis, 100}};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;

	snprintf(bench_region, sizeof(bench_region), "bench-redis-%ld", (long)getpid());
	if (!start_server()) {
		printf("left out: redis-server does not start\n");
		return 0;
	}
	load_redis();
	publish();
	bench_stay_on_core(0);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	must(stele_snapshot_open(subscriber, 0, &snapshot));
	must(stele_table_open(snapshot, "items", &schema_id, &table));
	bench_compare("get/from_another_process", sides, 2);
	stele_subscriber_close(subscriber);
	redisFree(redis);
	must(stele_region_remove(bench_region));
	return 0;
}
