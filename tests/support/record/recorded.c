/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include "tests/support/record/recorded.h"

char folder[64], trial[64];
struct cli_process recorder;

void recorded_begin(void)
{
	cli_begin();
	snprintf(folder, sizeof(folder), "/tmp/%s.recordings", region);
	snprintf(trial, sizeof(trial), "%st", region);
	/* A test that was killed may have left it, and its pid comes again. */
	cr_assert(mkdir(folder, 0700) == 0 || errno == EEXIST);
	recorded_remove();
}

int recorded_list(void (*each)(const char *path), char paths[][300], int capacity)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), found = 0;

	for (int i = 0; i < count; i++) {
		char path[300];

		snprintf(path, sizeof(path), "%s/%.200s", folder, entries[i]->d_name);
		free(entries[i]);
		if (strcmp(path + strlen(path) - 7, ".record") != 0)
			continue;
		if (each)
			each(path);
		if (paths && found < capacity)
			snprintf(paths[found], 300, "%s", path);
		found++;
	}
	free(entries);
	return found;
}

static void remove_file(const char *path)
{
	unlink(path);
}

void recorded_remove(void)
{
	recorded_list(remove_file, NULL, 0);
}

void recorded_end(void)
{
	recorded_remove();
	rmdir(folder);
	STELE("rm", trial);
	cli_end();
}

void recorded_start_with(char *option, char *value)
{
	STELE_START(&recorder, "record", region, "--to", folder, option, value);
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
}

void recorded_start(void)
{
	recorded_start_with("--rotate", "1h");
}

void recorded_stop(void)
{
	kill(recorder.pid, SIGTERM);
	cr_expect(cli_wait(&recorder) == 0);
}

void recorded_until(uint64_t version)
{
	char applied[64];

	snprintf(applied, sizeof(applied), "\"applied\": %llu,", (unsigned long long)version);
	for (int i = 0; i < CLI_PATIENCE / 10; i++) {
		char *out = STELE("subscribers", "--format", "ndjson", region).out;
		char *mine = strstr(out, "\"label\": \"record\"");

		if (mine && strstr(mine, applied))
			return;
		usleep(10000);
	}
	cr_assert_fail("version %llu was not recorded in time", (unsigned long long)version);
}

struct cli_result recorded_replay(void)
{
	static char paths[32][300];
	char *arguments[40] = {cli_command(), "replay", "--into", trial};
	int count = recorded_list(NULL, paths, 32);

	STELE("rm", trial);
	cr_assert(count > 0 && count <= 32, "%d recordings", count);
	for (int i = 0; i < count; i++)
		arguments[4 + i] = paths[i];
	return cli_run(NULL, arguments);
}

char *recorded_dump(const char *of, const char *table, const char *version)
{
	char name[160];

	snprintf(name, sizeof(name), "%s/%s", of, table);
	if (version)
		return STELE("dump", "--format", "ndjson", "--version", (char *)version, name).out;
	return STELE("dump", "--format", "ndjson", name).out;
}

off_t recorded_until_larger(const char *path, off_t than)
{
	struct stat status = {0};

	for (int i = 0; i < CLI_PATIENCE / 10 && status.st_size <= than; i++) {
		usleep(10000);
		cr_assert(stat(path, &status) == 0);
	}
	cr_assert(status.st_size > than, "%s did not grow", path);
	return status.st_size;
}

/* ---- a publisher in this process, whose versions can be told from their rows ---- */

static const char declaration[] = "routes(a: u32 key, version: u64, text: bytes)";

struct numbered {
	uint64_t version;
	char bytes[64];
};

struct stele_publisher *numbered_open(const struct stele_publisher_options *options)
{
	char table[STELE_NAME_MAX + 1];
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_schema *schema;

	cr_assert(stele_publisher_open(region, options, &publisher) == 0, "%s", stele_last_error());
	cr_assert(stele_schema_parse(declaration, table, &schema) == 0);
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_create_table(tx, table, schema) == 0);
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	stele_schema_free(schema);
	return publisher;
}

uint64_t numbered_commit(struct stele_publisher *publisher, uint32_t rows)
{
	struct numbered value = {.version = stele_publisher_version(publisher) + 1};
	struct stele_transaction *tx;
	uint64_t version;

	memset(value.bytes, 'x', sizeof(value.bytes));
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t key = htobe32(i);

		cr_assert(stele_transaction_put(tx, "routes", &key, 32, &value, sizeof(value)) == 1,
		          "%s", stele_last_error());
	}
	cr_assert(stele_transaction_commit(tx, "numbered", &version) == 1, "%s",
	          stele_last_error());
	return version;
}

uint64_t numbered_expect(uint32_t rows)
{
	char *dump = recorded_dump(trial, "routes", NULL), *at = dump;
	char *log = STELE("log", "--format", "ndjson", "--lines", "1", trial).out;
	unsigned long long version, recorded;
	uint32_t found = 0;

	cr_assert(sscanf(strstr(log, "\"message\": \""), "\"message\": \"%llu@", &recorded) == 1);
	for (; (at = strstr(at, "\"version\": ")) != NULL; at++, found++) {
		cr_assert(sscanf(at, "\"version\": %llu", &version) == 1);
		cr_expect(version == recorded, "a row of version %llu in version %llu", version,
		          recorded);
	}
	/* The first version has the table alone. */
	cr_expect(found == rows || recorded == 1, "%u rows, not %u", found, rows);
	return recorded;
}
