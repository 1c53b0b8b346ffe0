/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/netlink/kernel_words.h"

/* Maximum number of names in a dictionary. */
#define NAMES_MAX 1024u
/* Maximum bytes that are read of one file, and maximum number of files of one directory. */
#define FILE_BYTES_MAX (64 * 1024)
#define FILES_MAX      256
/* Bytes of a name, with the NUL at its end. */
#define NAME_SIZE KERNEL_WORD_TABLE_MAX

struct name {
	uint32_t number;
	char word[NAME_SIZE];
};

/* Names of numbers, from the files of iproute2. */
struct dictionary {
	const char *file; /* in /etc/iproute2; file.d is a directory of more files */
	uint32_t highest;
	size_t size;             /* maximum bytes of a word, with the NUL */
	const struct name *base; /* built in; ends with an empty word */
	struct name of[NAMES_MAX];
	size_t count;
};

static const struct name base_protocols[] = {
	{RTPROT_UNSPEC, "unspec"},
	{RTPROT_REDIRECT, "redirect"},
	{RTPROT_KERNEL, "kernel"},
	{RTPROT_BOOT, "boot"},
	{RTPROT_STATIC, "static"},
	{RTPROT_GATED, "gated"},
	{RTPROT_RA, "ra"},
	{RTPROT_MRT, "mrt"},
	{RTPROT_ZEBRA, "zebra"},
	{RTPROT_BIRD, "bird"},
	{RTPROT_DNROUTED, "dnrouted"},
	{RTPROT_XORP, "xorp"},
	{RTPROT_NTK, "ntk"},
	{RTPROT_DHCP, "dhcp"},
	{RTPROT_BABEL, "babel"},
	{RTPROT_OPENR, "openr"},
	{RTPROT_BGP, "bgp"},
	{RTPROT_ISIS, "isis"},
	{RTPROT_OSPF, "ospf"},
	{RTPROT_RIP, "rip"},
	{RTPROT_EIGRP, "eigrp"},
	{RTPROT_KEEPALIVED, "keepalived"},
	{0, ""},
};

static const struct name base_scopes[] = {
	{RT_SCOPE_UNIVERSE, "global"}, {RT_SCOPE_SITE, "site"},       {RT_SCOPE_LINK, "link"},
	{RT_SCOPE_HOST, "host"},       {RT_SCOPE_NOWHERE, "nowhere"}, {0, ""},
};

static const struct name base_tables[] = {
	{RT_TABLE_DEFAULT, "default"},
	{RT_TABLE_MAIN, "main"},
	{RT_TABLE_LOCAL, "local"},
	{0, ""},
};

/* The dictionaries of this process. Read once, by kernel_words_load(), or built in. */
static struct dictionary protocols = {
	.file = "rt_protos", .highest = 255, .size = 12, .base = base_protocols};
static struct dictionary scopes = {
	.file = "rt_scopes", .highest = 255, .size = 8, .base = base_scopes};
static struct dictionary tables = {
	.file = "rt_tables", .highest = UINT32_MAX, .size = NAME_SIZE, .base = base_tables};

/* ---- dictionaries ---- */

static struct name *words_find_number(struct dictionary *dictionary, uint32_t number)
{
	for (size_t i = 0; i < dictionary->count; i++)
		if (dictionary->of[i].number == number)
			return &dictionary->of[i];
	return NULL;
}

static struct name *words_find_word(struct dictionary *dictionary, const char *word)
{
	for (size_t i = 0; i < dictionary->count; i++)
		if (strcmp(dictionary->of[i].word, word) == 0)
			return &dictionary->of[i];
	return NULL;
}

/* Returns true if a word fits the columns and cannot be taken for a number. */
static bool words_is_valid(const struct dictionary *dictionary, const char *word)
{
	if (!*word || strlen(word) >= dictionary->size || (*word >= '0' && *word <= '9'))
		return false;
	for (; *word; word++)
		if (*word <= ' ' || *word > '~')
			return false;
	return true;
}

/* Names a number. Ignores a word that another number has: rows tell routes of different protocols
 * apart by the word. (FRR's file calls 191 `static' too.) */
static void words_add(struct dictionary *dictionary, uint32_t number, const char *word)
{
	struct name *name = words_find_number(dictionary, number);

	if (number > dictionary->highest || !words_is_valid(dictionary, word) ||
	    words_find_word(dictionary, word) || (!name && dictionary->count == NAMES_MAX))
		return;
	if (!name)
		name = &dictionary->of[dictionary->count++];
	name->number = number;
	snprintf(name->word, sizeof(name->word), "%s", word);
}

/* Adds the names that are built in, for numbers that have no name yet. */
static void words_add_base(struct dictionary *dictionary)
{
	for (const struct name *name = dictionary->base; *name->word; name++)
		if (!words_find_number(dictionary, name->number))
			words_add(dictionary, name->number, name->word);
}

/* ---- files ---- */

/* Reads a line `NUMBER NAME'. Returns false if it is malformed. */
static bool words_read_line(struct dictionary *dictionary, const char *line)
{
	char word[NAME_SIZE + 1];
	unsigned long number;
	char *end;

	line += strspn(line, " \t");
	if (*line == '#' || *line == '\n' || !*line)
		return true;
	if (*line < '0' || *line > '9')
		return false;
	errno = 0;
	number = strtoul(line, &end, line[0] == '0' && line[1] == 'x' ? 16 : 10);
	if ((*end != ' ' && *end != '\t') || sscanf(end, "%32s", word) != 1)
		return false;
	if (errno == 0 && number <= dictionary->highest)
		words_add(dictionary, (uint32_t)number, word);
	return true;
}

/* Reads a file, if there is one. Stops at a malformed line, as ip(8) does. Opens no pipe or
 * device, which could block or never end. */
static void words_read_file(struct dictionary *dictionary, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	char line[512];
	FILE *file;

	if (fd < 0)
		return;
	file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
	if (!file) {
		close(fd);
		return;
	}
	while (ftello(file) < FILE_BYTES_MAX && fgets(line, sizeof(line), file))
		if (!words_read_line(dictionary, line))
			break;
	fclose(file);
}

static bool words_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int words_is_configuration(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return *entry->d_name != '.' && length > 5 &&
	       strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* Reads the files *.conf of a directory, in the order of their names, but for those that the
 * directory `instead` has too. */
static void words_read_directory(struct dictionary *dictionary, const char *directory,
                                 const char *instead)
{
	struct dirent **entries;
	char path[4096 + 256], other[4096 + 256];
	int count = scandir(directory, &entries, words_is_configuration, alphasort);

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		snprintf(other, sizeof(other), "%s/%s", instead, entries[i]->d_name);
		if (i < FILES_MAX && (!*instead || !words_exists(other)))
			words_read_file(dictionary, path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void words_load(struct dictionary *dictionary, const char *etc, const char *vendor)
{
	char path[4096], more[4096];

	dictionary->count = 0;
	snprintf(path, sizeof(path), "%s/%s", etc, dictionary->file);
	if (!words_exists(path))
		snprintf(path, sizeof(path), "%s/%s", vendor, dictionary->file);
	words_read_file(dictionary, path);
	words_add_base(dictionary);
	snprintf(path, sizeof(path), "%s/%s.d", etc, dictionary->file);
	snprintf(more, sizeof(more), "%s/%s.d", vendor, dictionary->file);
	words_read_directory(dictionary, more, path);
	words_read_directory(dictionary, path, "");
}

void kernel_words_load(const char *etc, const char *vendor)
{
	words_load(&protocols, etc, vendor);
	words_load(&scopes, etc, vendor);
	words_load(&tables, etc, vendor);
}

/* ---- words ---- */

/* Returns the word for a number, or NULL. */
static const char *words_of(struct dictionary *dictionary, uint32_t number)
{
	const struct name *name;

	if (dictionary->count == 0)
		words_add_base(dictionary);
	name = words_find_number(dictionary, number);
	return name ? name->word : NULL;
}

static void words_write(struct dictionary *dictionary, uint32_t number, char *ret)
{
	const char *word = words_of(dictionary, number);

	if (word)
		snprintf(ret, dictionary->size, "%s", word);
	else
		snprintf(ret, dictionary->size, "%u", number);
}

/* Reads a number or a name. */
static bool words_parse(struct dictionary *dictionary, const char *text, uint32_t *ret)
{
	const struct name *name;
	unsigned long number;
	char *end;

	if (dictionary->count == 0)
		words_add_base(dictionary);
	name = words_find_word(dictionary, text);
	if (name) {
		*ret = name->number;
		return true;
	}
	errno = 0;
	number = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || number > dictionary->highest)
		return false;
	*ret = (uint32_t)number;
	return true;
}

void kernel_word_state(uint8_t operstate, char ret[16])
{
	static const char *const words[] = {"unknown", "notpresent", "down", "lowerlayerdown",
	                                    "testing", "dormant",    "up"};

	if (operstate < sizeof(words) / sizeof(words[0]))
		snprintf(ret, 16, "%s", words[operstate]);
	else
		snprintf(ret, 16, "%u", (unsigned)operstate);
}

void kernel_word_protocol(uint8_t protocol, char ret[12])
{
	words_write(&protocols, protocol, ret);
}

void kernel_word_scope(uint8_t scope, char ret[8])
{
	words_write(&scopes, scope, ret);
}

void kernel_word_table(uint32_t table, char ret[KERNEL_WORD_TABLE_MAX])
{
	words_write(&tables, table, ret);
}

bool kernel_word_is_protocol(const char *word, uint8_t protocol)
{
	const char *name = words_of(&protocols, protocol);

	return name ? strcmp(word, name) == 0 : strtoul(word, NULL, 10) == protocol;
}

bool kernel_word_is_scope(const char *word, uint8_t scope)
{
	const char *name = words_of(&scopes, scope);

	return name ? strcmp(word, name) == 0 : strtoul(word, NULL, 10) == scope;
}

bool kernel_parse_protocol(const char *text, uint8_t *ret)
{
	uint32_t number;

	if (!words_parse(&protocols, text, &number))
		return false;
	*ret = (uint8_t)number;
	return true;
}

bool kernel_parse_table(const char *text, uint32_t *ret)
{
	return words_parse(&tables, text, ret);
}

bool kernel_word_neighbour(uint16_t state, uint8_t flags, char ret[12])
{
	static const struct {
		uint16_t state;
		const char *word;
	} words[] = {{NUD_PERMANENT, "permanent"},
	             {NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE, "resolved"},
	             {NUD_FAILED, "failed"}};

	/* The kernel itself makes entries for addresses that need no resolution, without a message.
	 * It reports those that a program made. */
	if ((state & NUD_NOARP) && (flags & NTF_EXT_LEARNED)) {
		snprintf(ret, 12, "noarp");
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (state & words[i].state) {
			snprintf(ret, 12, "%s", words[i].word);
			return true;
		}
	}
	return false;
}
