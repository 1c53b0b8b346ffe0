/* SPDX-License-Identifier: MIT
 *
 * Feature bits and unused bytes of forged headers: which readers and publishers refuse a region for
 * them, what the message says, and that nothing changes the region. */
#include "tests/support/crash/crash.h"
#include "tests/support/forge.h"

static const char *write_forged(struct forge *forge)
{
	const char *name = crash_name("");
	static char path[160];

	crash_path(name, "", path);
	forge_write(path, forge);
	return name;
}

static int open_reader(const char *name)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	int r = stele_subscriber_open(name, &options, &subscriber);

	if (r == 0)
		stele_subscriber_close(subscriber);
	return r;
}

static int open_publisher(const char *name, unsigned flags)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = flags};
	struct stele_publisher *publisher;
	int r = stele_publisher_open(name, &options, &publisher);

	if (r == 0)
		stele_publisher_close(publisher);
	return r;
}

static void expect_words(const char *words)
{
	cr_expect_not_null(strstr(stele_last_error(), words), "\"%s\" is not in \"%s\"", words,
	                   stele_last_error());
}

/* Checks that no publisher opens the region, or replaces it by another. */
static void expect_not_published(const char *name, const char *words)
{
	static const unsigned flags[] = {0, STELE_CREATE, STELE_SHARED | STELE_CREATE};
	struct layout_header *header;
	size_t size;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		cr_expect_eq(open_publisher(name, flags[i]), -EPROTONOSUPPORT, "flags %u: %s",
		             flags[i], stele_last_error());
		expect_words(words);
		expect_words("upgrade the library");
		header = crash_map(name, "", &size);
		cr_expect_eq(header->head, FORGE_HEAD(FORGE_VERSION));
		munmap(header, size);
	}
}

/* Returns the name of a feature bit that has none. */
static const char *bit_name(const char *word, unsigned bit)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s-%u\"", word, bit);
	return name;
}

Test(layout_features, crash_15_unknown_incompatible_bits_are_refused, .fini = crash_clean)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct forge forge = forge_region();
		const char *words = bit == 4 ? "\"compiled-nodes\"" : bit_name("incompatible", bit);
		const char *name;

		if (LAYOUT_INCOMPATIBLE_KNOWN >> bit & 1)
			continue;
		forge.header.incompatible = 1u << bit;
		name = write_forged(&forge);
		cr_expect_eq(open_reader(name), -EPROTONOSUPPORT);
		expect_words(words);
		expect_words("upgrade the library");
		expect_not_published(name, words);
	}
}

Test(layout_features, crash_15_unknown_read_only_bits_stop_publishers_only, .fini = crash_clean)
{
	static const char *const names[] = {"\"table-options\"", "\"owned-rows\"",
	                                    "\"expiring-rows\""};

	for (unsigned bit = 0; bit < 32; bit++) {
		struct forge forge = forge_region();
		const char *name;

		forge.header.read_only_compatible = 1u << bit;
		name = write_forged(&forge);
		cr_expect_eq(open_reader(name), 0, "%s", stele_last_error());
		expect_not_published(name,
		                     bit < 3 ? names[bit] : bit_name("read-only-compatible", bit));
	}
}

/* A publisher keeps compatible bits, and the bytes that have no meaning yet, in each generation. */
Test(layout_features, crash_15_compatible_bits_and_unused_bytes_are_kept, .fini = crash_clean)
{
	struct forge forge = forge_region();
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher;
	struct layout_header *header;
	const char *name;
	size_t size;

	forge.header.compatible = 1u << 31;
	memset(forge.header.unused, 0x5a, sizeof(forge.header.unused));
	memset(forge.header.unused_head, 0x5b, sizeof(forge.header.unused_head));
	memset(forge.header.unused_oldest, 0x5c, sizeof(forge.header.unused_oldest));
	memset(forge.header.unused_publisher, 0x5d, sizeof(forge.header.unused_publisher));
	name = write_forged(&forge);
	cr_expect_eq(open_reader(name), 0, "%s", stele_last_error());
	cr_assert_eq(stele_publisher_open(name, NULL, &publisher), 0, "%s", stele_last_error());
	cr_assert_eq(stele_publisher_compact(publisher), 0, "%s", stele_last_error());
	cr_assert_eq(stele_publisher_upgrade(publisher), 1, "%s", stele_last_error());
	stele_publisher_close(publisher);
	cr_assert_eq(stele_region_describe(name, &info), 0, "%s", stele_last_error());
	cr_expect_eq(info.generation, forge.header.generation + 2);
	cr_expect_not_null(strstr(info.features, "compatible-31"), "%s", info.features);
	header = crash_map(name, "", &size);
	cr_expect_eq(header->compatible, 1u << 31);
	cr_expect_eq(header->incompatible, LAYOUT_INCOMPATIBLE_KNOWN);
	cr_expect_arr_eq(header->unused, forge.header.unused, sizeof(header->unused));
	munmap(header, size);
}

/* Without the checksum's check before the features', a damaged word would be a feature. */
Test(layout_features, crash_14_a_damaged_feature_word_is_damage, .fini = crash_clean)
{
	struct forge forge = forge_region();
	const char *name = write_forged(&forge);
	struct layout_header *header;
	size_t size;

	header = crash_map(name, "", &size);
	header->incompatible ^= 1u << 20;
	munmap(header, size);
	cr_expect_eq(open_reader(name), -EBADMSG);
	expect_words("checksum of its header");
	cr_expect_eq(open_publisher(name, STELE_CREATE), -EBADMSG);
}

/* Features of the other two files, of which none is defined. */
Test(layout_features, crash_15_features_of_the_publisher_and_subscribers_files, .fini = crash_clean)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};
	struct stele_region_lock lock = {.size = sizeof(lock)};
	struct layout_subscribers_header *subscribers;
	struct layout_publisher_file *file;
	struct stele_publisher *first, *second;
	const char *name = crash_name("");
	size_t file_size, subscribers_size;

	cr_assert_eq(stele_publisher_open(name, &options, &first), 0, "%s", stele_last_error());
	file = crash_map(name, ".publisher", &file_size);
	subscribers = crash_map(name, ".subscribers", &subscribers_size);
	file->incompatible = subscribers->incompatible = 1;
	options.attach_timeout_ns = -1;
	cr_expect_eq(stele_publisher_open(name, &options, &second), -EPROTONOSUPPORT);
	expect_words("upgrade the library");
	cr_expect_eq(stele_region_describe_lock(name, &lock), -EPROTONOSUPPORT);
	/* Without another publisher, the two files are made anew. */
	stele_publisher_close(first);
	cr_assert_eq(stele_publisher_open(name, &options, &first), 0, "%s", stele_last_error());
	cr_expect_eq(file->incompatible, 0);
	cr_expect_eq(stele_region_describe_lock(name, &lock), 0, "%s", stele_last_error());
	munmap(subscribers, subscribers_size);
	subscribers = crash_map(name, ".subscribers", &subscribers_size);
	cr_expect_eq(subscribers->incompatible, 0);
	stele_publisher_close(first);
	munmap(file, file_size);
	munmap(subscribers, subscribers_size);
}
