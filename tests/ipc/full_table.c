/* SPDX-License-Identifier: MIT
 *
 * The main use at full size: one process publishes a whole Internet routing table from a file, and
 * another looks up addresses in it. The table comes from the file that STELE_PREFIXES names, one
 * prefix a line, or is generated with the same mix of prefix lengths. A plain binary search over
 * the same prefixes gives the expected answers. */
#include <criterion/criterion.h>
#include <stele/stele.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/bench/table.h"

struct route {
	uint32_t next_hop;
	char interface[8];
	uint32_t metric;
};

static const struct stele_column columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, next_hop, STELE_IPV4),
	STELE_VALUE(struct route, interface, STELE_CHAR),
	STELE_VALUE(struct route, metric, STELE_U32),
};
static const struct stele_schema schema = STELE_SCHEMA(struct route, columns);

static char region[64], file_name[64];
static struct prefix4 *table;
static size_t count;

static void finish(void)
{
	stele_region_remove(region);
	unlink(file_name);
	free(table);
}

static uint32_t hop_of(const struct prefix4 *prefix)
{
	return (prefix->address * 2654435761u >> 8 ^ prefix->length) | 0x0a000000u;
}

static void write_csv(void)
{
	FILE *file = fopen(file_name, "w");

	cr_assert_not_null(file);
	fprintf(file, "prefix,next_hop,interface,metric\n");
	for (size_t i = 0; i < count; i++) {
		struct in_addr address = {htonl(table[i].address)},
			       hop = {htonl(hop_of(&table[i]))};
		char prefix_text[20], hop_text[20];
		inet_ntop(AF_INET, &address, prefix_text, sizeof(prefix_text));
		inet_ntop(AF_INET, &hop, hop_text, sizeof(hop_text));
		fprintf(file, "%s/%u,%s,eth%u,%u\n", prefix_text, table[i].length, hop_text,
		        table[i].length % 4, table[i].length);
	}
	cr_assert_eq(fclose(file), 0);
}

/* Runs the command; returns its exit status. */
static int command(char *const arguments[])
{
	const char *path = getenv("STELE");
	pid_t child = fork();
	int status;

	if (child == 0) {
		execv(path ? path : "build/stele", arguments);
		_exit(127);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct prefix4 *find(uint32_t address, uint32_t length)
{
	struct prefix4 key = {
		length == 0 ? 0 : address & (uint32_t)(UINT64_C(0xffffffff) << (32 - length)),
		length};

	return bsearch(&key, table, count, sizeof(*table), table_compare);
}

static const struct prefix4 *longest(uint32_t address)
{
	for (int length = 32; length >= 0; length--) {
		const struct prefix4 *found = find(address, (uint32_t)length);
		if (found)
			return found;
	}
	return NULL;
}

static void check_row(const struct stele_row *row, const struct prefix4 *prefix)
{
	const struct route *route = row->value;
	char interface[8] = "";

	snprintf(interface, sizeof(interface), "eth%u", prefix->length % 4);
	cr_assert_eq(row->key_bits, prefix->length);
	cr_assert_eq(ntohl(route->next_hop), hop_of(prefix));
	cr_assert_eq(route->metric, prefix->length);
	cr_assert_eq(memcmp(route->interface, interface, sizeof(interface)), 0);
}

Test(ipc_full_table, is_published_and_looked_up_from_another_process, .fini = finish)
{
	char target[80], publish[] = "publish", stele[] = "stele", create[] = "create",
			 option[] = "--table";
	char declaration[] =
		"routes(prefix: ipv4net key, next_hop: ipv4, interface: char[8], metric: u32)";
	const char *path = getenv("STELE_PREFIXES");
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table routes;
	struct stele_row row;
	uint64_t seed = 11, version;

	snprintf(region, sizeof(region), "test-full-%ld", (long)getpid());
	snprintf(file_name, sizeof(file_name), "/tmp/stele-full-%ld.csv", (long)getpid());
	snprintf(target, sizeof(target), "%s/routes", region);
	table = path ? table_read(path, &count) : table_generate(2, 1000, &count);
	cr_assert(table && count > 500000, "no full table");
	qsort(table, count, sizeof(*table), table_compare);
	write_csv();
	cr_assert_eq(command((char *[]){stele, create, region, option, declaration, NULL}), 0);
	cr_assert_eq(command((char *[]){stele, publish, target, file_name, NULL}), 0);

	cr_assert_eq(stele_subscriber_open(region, NULL, &subscriber), 0, "%s", stele_last_error());
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	version = stele_snapshot_version(snapshot);
	cr_assert_eq(stele_table_open(snapshot, "routes", &schema, &routes), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_table_rows(&routes), count);
	for (size_t i = 0; i < count; i++) {
		uint32_t key = htonl(table[i].address);
		cr_assert_eq(stele_table_get(&routes, &key, table[i].length, &row), 1);
		check_row(&row, &table[i]);
	}
	for (int i = 0; i < 500000; i++) {
		uint64_t r = random_from(&seed);
		uint32_t address =
			i % 2 ? (uint32_t)r : table[r % count].address | (uint32_t)(r >> 40 & 0xff);
		uint32_t key = htonl(address);
		const struct prefix4 *expected = longest(address);
		cr_assert_eq(stele_table_match(&routes, &key, 32, &row), expected != NULL,
		             "address %08x", address);
		if (expected)
			check_row(&row, expected);
	}
	/* Publishing the same file again makes no new version. */
	cr_assert_eq(command((char *[]){stele, publish, target, file_name, NULL}), 0);
	cr_assert_eq(stele_subscriber_version(subscriber, &version), 0);
	cr_assert_eq(version, stele_snapshot_version(snapshot));
	stele_subscriber_close(subscriber);
}
