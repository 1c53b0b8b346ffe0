/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the input of `stele apply`. The publisher stays open from one input to the next. The
 * command gets a new transaction of this publisher instead of attaching to the region, and the
 * transaction is aborted afterwards. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/rows.h"
#include "tools/base/command.h"
#include "tools/region/writer.h"

enum status __wrap_writer_open(struct writer *writer, const struct place *place, const char *region,
                               const struct options_writing *options);
enum status __wrap_writer_commit(struct writer *writer, const char *what, const char *message,
                                 int64_t rows);
void __wrap_writer_close(struct writer *writer);

static struct stele_publisher *publisher;

static void must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
}

enum status __wrap_writer_open(struct writer *writer, const struct place *place, const char *region,
                               const struct options_writing *options)
{
	(void)options;
	*writer = (struct writer){.place = place, .region = region, .publisher = publisher};
	must(stele_transaction_begin(publisher, &writer->tx));
	return STATUS_DONE;
}

enum status __wrap_writer_commit(struct writer *writer, const char *what, const char *message,
                                 int64_t rows)
{
	(void)writer;
	(void)what;
	(void)message;
	(void)rows;
	return STATUS_DONE;
}

void __wrap_writer_close(struct writer *writer)
{
	writer->tx = stele_transaction_abort(writer->tx);
}

static const struct stele_publisher_options publisher_options = {
	.size = sizeof(publisher_options), .flags = STELE_CREATE, .maximum_size = 1 << 20};

static void publish(const char *region)
{
	static const char *const declarations[] = {
		"routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)",
		"hosts(name: text key, number: u64)",
		"notes(class: u16 key, id: i32 key, flag: bool, text: text)",
	};
	struct stele_transaction *tx;

	/* An earlier worker that crashed may have left the region. */
	stele_region_remove(region);
	must(stele_publisher_open(region, &publisher_options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	for (size_t i = 0; i < sizeof(declarations) / sizeof(declarations[0]); i++) {
		char table[STELE_NAME_MAX + 1];
		struct stele_schema *schema;
		must(stele_schema_parse(declarations[i], table, &schema));
		must(stele_transaction_create_table(tx, table, schema));
		stele_schema_free(schema);
	}
	must(stele_transaction_put(tx, "hosts", "www", 24, &(uint64_t){7}, 8));
	must(stele_transaction_commit(tx, NULL, NULL));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	static const char *const tokens[] = {
		"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 5}}\n",
		"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.1.0.0/16\"}}\n",
		"{\"table\": \"hosts\", \"put\": {\"name\": \"www\", \"number\": 1}, \"if_version\": 1}\n",
		"{\"table\": \"notes\", \"put\": {\"class\": 1, \"id\": -2, \"flag\": true, \"text\": \"a\"}}\n",
		"{\"change\": \"initial\", \"row\": {\"tables\": [\"routes\", \"hosts\"]}}\n",
		"{\"change\": \"gap\", \"row\": {\"tables\": [\"routes\"], \"prefix\": \"10.0.0.0/8\"}}\n",
		"{\"change\": \"gap\", \"row\": {\"tables\": [\"hosts\"], \"key\": \"www\"}}\n",
		"{\"change\": \"added\", \"table\": \"hosts\", \"row\": {\"name\": \"a\", \"number\": 1}}\n",
		"{\"change\": \"removed\", \"table\": \"hosts\", \"row\": {\"name\": \"www\", \"number\": 1}}\n",
		"{\"change\": \"initial_end\", \"token\": \"7@3f2a9c1e\", \"format\": 1}\n",
		"{\"change\": \"end\"}\n",
		"{\"change\": \"gap\", \"row\": {\"all\": true}}\n",
		"{\"change\": \"created\", \"table\": \"t\", \"row\": {\"schema\": \"t(a: u8 key)\"}}\n",
		"{\"change\": \"altered\", \"table\": \"t\", \"row\": {\"schema\": \"t(a: u8 key, b: u8)\"}}\n",
		"{\"change\": \"dropped\", \"table\": \"hosts\"}\n",
		"\"schema\": ",
		"\"if_version\": ",
		"\"if_absent\": true",
		"\"table\"",
		"\"put\"",
		"\"delete\"",
		"hosts",
		NULL,
	};

	return fuzz_mutate_text(data, size, capacity, seed / 2, seed % 2 ? tokens : fuzz_row_words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[128], name[] = "stele", option[] = "--directory", region[] = "fuzz",
			       file[] = "-";
	char *argv[] = {name, option, path, region, file, NULL};

	if (!publisher) {
		snprintf(path, sizeof(path), "%s/fuzz", fuzz_directory());
		publish(path);
		snprintf(path, sizeof(path), "%s", fuzz_directory());
		fuzz_capture_output();
	}
	fuzz_standard_input(data, size);
	command_apply.run(5, argv);
	return 0;
}
