/* SPDX-License-Identifier: MIT
 *
 * Many longest-prefix matches in one call, in a table whose keys are not prefixes. unit/lpm.c
 * tests tables of prefixes. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_match_many, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

static struct stele_publisher *publish(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};

	return ipc_attach(region, &options);
}

Test(ipc_match_many, many_keys_of_any_length_are_matched)
{
	static const char *const names[] = {"www", "www.example", "w", "", "example"};
	static const struct {
		const char *key;
		int name;
	} asked[] = {{"www.example.net", 1}, {"www", 0},  {"ww", 2},
	             {"exampl", 3},          {"wwww", 0}, {"", 3}};
	struct stele_publisher *publisher = publish();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_key_ref keys[70];
	struct stele_row rows[70];
	char name[STELE_NAME_MAX + 1];
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_schema *other;

	OK(stele_schema_parse("hosts(name: text key)", name, &other));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, name, other));
	for (unsigned i = 0; i < 5; i++)
		OK(stele_transaction_put(tx, name, names[i], (unsigned)strlen(names[i]) * 8, NULL,
		                         0));
	OK(stele_transaction_commit(tx, NULL, NULL));
	stele_schema_free(other);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < 70; i++)
		keys[i] = (struct stele_key_ref){asked[i % 6].key,
		                                 (unsigned)strlen(asked[i % 6].key) * 8};
	RETURNS(stele_snapshot_match_many(snapshot, name, NULL, keys, 70, rows), 70, "");
	for (unsigned i = 0; i < 70; i++)
		cr_expect(rows[i].key_bits == strlen(names[asked[i % 6].name]) * 8 &&
		                  memcmp(rows[i].key, asked[i % 6].key, rows[i].key_bits / 8) == 0,
		          "%s is answered with %u bits", asked[i % 6].key, rows[i].key_bits);
	RETURNS(stele_snapshot_match_many(snapshot, name, NULL, keys, 0, rows), 0, "");
	RETURNS(stele_snapshot_match_many(snapshot, "nothing", NULL, keys, 1, rows), -ENXIO,
	        "nothing");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
