/* SPDX-License-Identifier: MIT
 *
 * A comparison with a JSON file that is watched with inotify and read with json-c. One row of
 * 10,000 changes, and the time is measured until a blocked subscriber in another process has the
 * change. With the file, the publisher keeps a tree of all rows, writes all of them, and renames
 * the file; the subscriber reads all of them. */
#include <json-c/json.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/bench/bench_rows.h"
#include "tests/support/position.h"

#define ROWS    10000u
#define CHANGES 40u /* changes per round */

struct state {
	uint64_t number, round;
};

static const struct stele_column columns[] = {
	STELE_KEY("path", STELE_TEXT),
	STELE_VALUE(struct state, number, STELE_U64),
	STELE_VALUE(struct state, round, STELE_U64),
};
static const struct stele_schema schema = STELE_SCHEMA(struct state, columns);

/* A subscriber's report of a change: the row, and when the subscriber had it. */
struct told {
	double at;
	struct state state;
};

static char directory[64], path[96], path_new[96];
static int told_by_stele[2], told_by_json[2];

static void tell(int fd, const struct state *state)
{
	struct told told = {bench_seconds(), *state};

	if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
		_exit(1);
}

static void path_of(uint64_t number, char *ret)
{
	key_path(number, (unsigned char *)ret);
	ret[35] = '\0';
}

/* ---- the peer ---- */

static struct json_object *all;

static void write_all(void)
{
	check(json_object_to_file_ext(path_new, all, JSON_C_TO_STRING_PLAIN) == 0);
	check(rename(path_new, path) == 0);
}

static void json_publish(void)
{
	all = json_object_new_object();
	for (uint64_t i = 0; i < ROWS; i++) {
		struct json_object *row = json_object_new_object();
		char key[KEY_MAX];

		path_of(i, key);
		json_object_object_add(row, "number", json_object_new_uint64(i));
		json_object_object_add(row, "round", json_object_new_uint64(0));
		json_object_object_add(all, key, row);
	}
	write_all();
}

static void json_change(uint64_t number, uint64_t round)
{
	struct json_object *row, *word;
	char key[KEY_MAX];

	path_of(number, key);
	check(json_object_object_get_ex(all, key, &row));
	check(json_object_object_get_ex(row, "round", &word));
	json_object_set_uint64(word, round);
	write_all();
}

/* Reads the file into the structures that a service would work with. */
static void read_all(struct state *to)
{
	struct json_object *read = json_object_from_file(path), *word;
	uint64_t i = 0;

	if (!read)
		_exit(1);
	json_object_object_foreach(read, key, row)
	{
		struct state *state = &to[i++ % ROWS];

		(void)key;
		if (json_object_object_get_ex(row, "number", &word))
			state->number = json_object_get_uint64(word);
		if (json_object_object_get_ex(row, "round", &word))
			state->round = json_object_get_uint64(word);
	}
	json_object_put(read);
}

static void json_subscribe(void)
{
	static struct state have[ROWS], now[ROWS];
	int fd = inotify_init1(IN_CLOEXEC);
	char events[4096];

	if (inotify_add_watch(fd, directory, IN_MOVED_TO) < 0)
		_exit(1);
	read_all(have);
	tell(told_by_json[1], &have[0]);
	while (read(fd, events, sizeof(events)) > 0) {
		read_all(now);
		for (uint64_t i = 0; i < ROWS; i++)
			if (memcmp(&now[i], &have[i], sizeof(now[i])) != 0)
				tell(told_by_json[1], &now[i]);
		memcpy(have, now, sizeof(have));
	}
	_exit(1);
}

/* ---- Stele ---- */

static struct stele_publisher *publisher;

static void put(struct stele_writable *table, uint64_t number, uint64_t round)
{
	struct state state = {number, round};
	char key[KEY_MAX];

	path_of(number, key);
	must(stele_writable_put(table, key, 35 * 8, &state, sizeof(state)));
}

static void stele_publish(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_publisher_open(bench_region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_create_table(tx, "states", &schema));
	must(stele_writable_open(tx, "states", NULL, &table));
	for (uint64_t i = 0; i < ROWS; i++)
		put(table, i, 0);
	must(stele_transaction_commit(tx, NULL, NULL));
}

static void stele_change(uint64_t number, uint64_t round)
{
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "states", NULL, &table));
	put(table, number, round);
	must(stele_transaction_commit(tx, NULL, NULL));
}

static void stele_subscribe(void)
{
	struct stele_subscriber *subscriber;
	struct stele_changes *changes;
	struct stele_change change;
	struct state state = {0};
	uint64_t version, newest;

	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	must(stele_subscriber_version(subscriber, &version));
	tell(told_by_stele[1], &state);
	for (;;) {
		must(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &newest));
		if (changes_since_version(subscriber, "states", version, &changes) != 0)
			_exit(1);
		stele_changes_versions(changes, NULL, &version);
		while (stele_changes_next(changes, &change) == 1) {
			memcpy(&state, change.after.value, sizeof(state));
			must(stele_changes_check(changes));
			tell(told_by_stele[1], &state);
		}
		stele_changes_close(changes);
	}
}

/* ---- both stores ---- */

/* Changes rows with `change`, checks what the subscriber reports, and returns the median time from
 * before the change until the subscriber has it. */
static double changes(void (*change)(uint64_t, uint64_t), int fd, uint64_t *random)
{
	double times[CHANGES];

	for (size_t i = 0; i < CHANGES; i++) {
		struct state state = {random_from(random) % ROWS, random_from(random) >> 20};
		struct told told;
		double begin;

		/* Gives the subscriber time to wait again. */
		usleep(1000);
		begin = bench_seconds();
		change(state.number, state.round);
		check(read(fd, &told, sizeof(told)) == (ssize_t)sizeof(told));
		check(memcmp(&told.state, &state, sizeof(state)) == 0);
		times[i] = told.at - begin;
	}
	return bench_median(times, CHANGES);
}

static double by_stele(uint64_t *ret_sum)
{
	static uint64_t random = 3;
	double time = changes(stele_change, told_by_stele[0], &random);

	*ret_sum = random;
	return time;
}

static double by_json(uint64_t *ret_sum)
{
	static uint64_t random = 3;
	double time = changes(json_change, told_by_json[0], &random);

	*ret_sum = random;
	return time;
}

/* Starts a subscriber and waits until it is ready. */
static pid_t start(void (*subscribe)(void), int fd)
{
	pid_t child = fork();
	struct told told;

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		subscribe();
		_exit(1);
	}
	check(read(fd, &told, sizeof(told)) == (ssize_t)sizeof(told));
	return child;
}

static void stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void remove_files(void)
{
	unlink(path);
	unlink(path_new);
	rmdir(directory);
}

int main(void)
{
	const struct side sides[] = {{"stele", by_stele, 0},
	                             {"json_file_and_inotify", by_json, 200}};
	pid_t by_region, by_file;

	snprintf(bench_region, sizeof(bench_region), "bench-json-%ld", (long)getpid());
	snprintf(directory, sizeof(directory), "/dev/shm/bench-json-%ld", (long)getpid());
	snprintf(path, sizeof(path), "%s/rows", directory);
	snprintf(path_new, sizeof(path_new), "%s/rows.new", directory);
	check(mkdir(directory, 0700) == 0);
	check(pipe(told_by_stele) == 0 && pipe(told_by_json) == 0);
	bench_keep_awake();
	json_publish();
	stele_publish();
	by_region = start(stele_subscribe, told_by_stele[0]);
	by_file = start(json_subscribe, told_by_json[0]);
	bench_compare("change_to_usable/1_of_10000_rows", sides, 2);
	stop(by_region);
	stop(by_file);
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	remove_files();
	return 0;
}
