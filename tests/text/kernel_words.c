/* SPDX-License-Identifier: MIT
 *
 * Names of protocols, scopes and routing tables, from files like those of iproute2. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tools/netlink/kernel_words.h"

static char etc[64], vendor[64];

static void make_directories(void)
{
	snprintf(etc, sizeof(etc), "/tmp/stele-test-%d-etc", (int)getpid());
	snprintf(vendor, sizeof(vendor), "/tmp/stele-test-%d-vendor", (int)getpid());
	for (int i = 0; i < 2; i++) {
		char path[96];

		cr_assert_eq(mkdir(i ? etc : vendor, 0700), 0);
		snprintf(path, sizeof(path), "%s/rt_protos.d", i ? etc : vendor);
		cr_assert_eq(mkdir(path, 0700), 0);
	}
}

static void remove_directories(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r %s %s", etc, vendor);
	cr_assert_eq(system(command), 0);
}

static void path_of(const char *directory, const char *name, char ret[128])
{
	snprintf(ret, 128, "%s/%s", directory, name);
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(directory, name, path);
	file = fopen(path, "w");
	cr_assert(file);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

static void expect_protocol(uint8_t protocol, const char *expected)
{
	char word[12];

	kernel_word_protocol(protocol, word);
	cr_expect_str_eq(word, expected);
	cr_expect(kernel_word_is_protocol(word, protocol));
}

static void expect_scope(uint8_t scope, const char *expected)
{
	char word[12];

	kernel_word_scope(scope, word);
	cr_expect_str_eq(word, expected);
}

static void expect_table(const char *text, uint32_t expected)
{
	char word[KERNEL_WORD_TABLE_MAX], decimal[16];
	uint32_t table = 0;

	snprintf(decimal, sizeof(decimal), "%u", expected);
	cr_expect(kernel_parse_table(text, &table), "%s", text);
	cr_expect_eq(table, expected);
	kernel_word_table(expected, word);
	cr_expect_str_eq(word, isdigit(*text) ? decimal : text);
}

TestSuite(text_kernel_words, .init = make_directories, .fini = remove_directories);

Test(text_kernel_words, without_files_the_usual_names_are_known)
{
	uint8_t protocol = 0;

	for (int loaded = 0; loaded < 2; loaded++) {
		expect_protocol(4, "static");
		expect_protocol(186, "bgp");
		expect_protocol(77, "77");
		expect_scope(253, "link");
		expect_scope(7, "7");
		expect_table("main", 254);
		expect_table("70000", 70000);
		expect_table("0x10", 16);
		cr_expect(kernel_parse_protocol("zebra", &protocol));
		cr_expect_eq(protocol, 11);
		cr_expect_not(kernel_parse_protocol("256", &protocol));
		cr_expect_not(kernel_parse_protocol("-1", &protocol));
		cr_expect_not(kernel_parse_protocol("", &protocol));
		kernel_words_load(etc, vendor);
	}
}

Test(text_kernel_words, files_add_and_replace_names)
{
	write_file(etc, "rt_protos",
	           "# protocols\n\n  77 pear # a fruit\n0x4e\tfig\n9 advertised\n");
	write_file(etc, "rt_scopes", "7 street\n");
	write_file(etc, "rt_tables", "70000 customers\n254 principal\n");
	write_file(vendor, "rt_protos", "79 unused\n");
	write_file(etc, "rt_protos.d/b.conf", "80 quince\n77 apple\n");
	write_file(etc, "rt_protos.d/c.conf.old", "81 unused\n");
	write_file(vendor, "rt_protos.d/a.conf", "82 plum\n");
	write_file(vendor, "rt_protos.d/b.conf", "83 unused\n");
	kernel_words_load(etc, vendor);
	expect_protocol(77, "apple");
	expect_protocol(78, "fig");
	expect_protocol(79, "79");
	expect_protocol(80, "quince");
	expect_protocol(81, "81");
	expect_protocol(82, "plum");
	expect_protocol(83, "83");
	expect_protocol(9, "advertised");
	expect_protocol(4, "static");
	cr_expect_not(kernel_word_is_protocol("ra", 9));
	expect_scope(7, "street");
	expect_scope(253, "link");
	expect_table("customers", 70000);
	expect_table("principal", 254);
	expect_table("local", 255);
}

Test(text_kernel_words, the_vendor_file_stands_in_for_a_missing_one)
{
	write_file(vendor, "rt_protos", "79 medlar\n");
	kernel_words_load(etc, vendor);
	expect_protocol(79, "medlar");
	expect_protocol(186, "bgp");
}

/* Two numbers of one name would make two routes one row. */
Test(text_kernel_words, names_that_are_ambiguous_are_not_used)
{
	write_file(etc, "rt_protos",
	           "4 static\n191 static\n192 5\n193 name-of-12-by\n194 \303\251\n");
	kernel_words_load(etc, vendor);
	expect_protocol(4, "static");
	expect_protocol(191, "191");
	expect_protocol(192, "eigrp");
	expect_protocol(193, "193");
	expect_protocol(194, "194");
	expect_protocol(5, "5");
}

/* As with ip(8), the lines before a malformed one count. */
Test(text_kernel_words, malformed_files_are_harmless)
{
	static const char *const malformed[] = {"pear 77\n",    "77\n",      "-77 pear\n",
	                                        "77pear fig\n", "0x pear\n", "\1\2\3\n"};

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text),
		         "70 fig\n300 large\n99999999999999999999 larger\n%s71 pear\n",
		         malformed[i]);
		write_file(etc, "rt_protos", text);
		kernel_words_load(etc, vendor);
		expect_protocol(70, "fig");
		expect_protocol(71, "71");
		expect_protocol(77, "77");
		expect_protocol(300 % 256, "44");
		expect_protocol(186, "bgp");
	}
}

Test(text_kernel_words, files_that_never_end_are_harmless, .timeout = 60)
{
	char path[128];

	/* A pipe that no process writes to, and a file that is far larger than memory. */
	path_of(etc, "rt_protos", path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	write_file(etc, "rt_scopes", "7 street\n");
	path_of(etc, "rt_scopes", path);
	cr_assert_eq(truncate(path, (off_t)1 << 40), 0);
	path_of(etc, "rt_tables", path);
	cr_assert_eq(mkdir(path, 0700), 0);
	kernel_words_load(etc, vendor);
	expect_protocol(4, "static");
	expect_scope(7, "street");
	expect_table("main", 254);
}

Test(text_kernel_words, a_thousand_names_are_enough)
{
	char path[128];
	FILE *file;

	path_of(etc, "rt_tables", path);
	file = fopen(path, "w");
	cr_assert(file);
	for (unsigned i = 1; i < 3000; i++)
		fprintf(file, "%u table%u\n", 1000 + i, i);
	cr_assert_eq(fclose(file), 0);
	kernel_words_load(etc, vendor);
	expect_table("table500", 1500);
}
