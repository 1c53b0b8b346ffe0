/* SPDX-License-Identifier: MIT */
#include "lib/region/features.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"

/* Bits in a word of features. */
#define FEATURE_BITS 32u
/* Maximum size of a feature's name, with its NUL. */
#define FEATURE_NAME_SIZE 32u

/* A word of features. */
struct features_word {
	const char *name;
	const char *bits[FEATURE_BITS]; /* names; NULL: no meaning yet */
};

/* Bits of which this library knows the name may be bits that it does not know how to handle. */
static const struct features_word features_incompatible = {
	"incompatible",
	{"terminated-values", "wide-tables", "schema-attributes", "crc32c", "compiled-nodes"},
};
static const struct features_word features_read_only = {
	"read-only-compatible",
	{"table-options", "owned-rows", "expiring-rows"},
};
static const struct features_word features_compatible = {"compatible", {"shared"}};

/* Writes the name of a bit to `ret`. */
static void features_name(const struct features_word *word, unsigned bit,
                          char ret[FEATURE_NAME_SIZE])
{
	if (word->bits[bit])
		snprintf(ret, FEATURE_NAME_SIZE, "%s", word->bits[bit]);
	else
		snprintf(ret, FEATURE_NAME_SIZE, "%s-%u", word->name, bit);
}

/* Appends the names of the bits that are set to the text in `buffer`. */
static void features_append(const struct features_word *word, uint32_t set, char *buffer,
                            size_t size)
{
	for (unsigned bit = 0; bit < FEATURE_BITS; bit++) {
		char name[FEATURE_NAME_SIZE];
		size_t length = strlen(buffer);

		if (!(set >> bit & 1))
			continue;
		features_name(word, bit, name);
		snprintf(buffer + length, size - length, "%s%s", length > 0 ? " " : "", name);
	}
}

void features_format(const struct layout_header *header, char *buffer, size_t size)
{
	buffer[0] = '\0';
	features_append(&features_incompatible, header->incompatible, buffer, size);
	features_append(&features_read_only, header->read_only_compatible, buffer, size);
	features_append(&features_compatible, header->compatible, buffer, size);
}

void features_format_missing(const struct layout_header *header, char *buffer, size_t size)
{
	const struct layout_header missing = {
		.incompatible = LAYOUT_INCOMPATIBLE_KNOWN & ~header->incompatible,
		.read_only_compatible = LAYOUT_READ_ONLY_KNOWN & ~header->read_only_compatible,
	};

	features_format(&missing, buffer, size);
}

bool features_outdated(const struct layout_header *header)
{
	struct layout_header upgraded = *header;

	features_upgrade(&upgraded);
	return upgraded.incompatible != header->incompatible ||
	       upgraded.read_only_compatible != header->read_only_compatible;
}

void features_upgrade(struct layout_header *header)
{
	header->incompatible |= LAYOUT_INCOMPATIBLE_KNOWN;
	header->read_only_compatible |= LAYOUT_READ_ONLY_KNOWN;
}

bool features_shared(const struct layout_header *header)
{
	return header->compatible & LAYOUT_SHARED_REGION;
}

void features_share(struct layout_header *header)
{
	header->compatible |= LAYOUT_SHARED_REGION;
}

void features_unshare(struct layout_header *header)
{
	header->compatible &= ~(uint32_t)LAYOUT_SHARED_REGION;
}

/* Sets the error message for the lowest of the bits `unknown`. `what` is what the library cannot
 * do. Returns -EPROTONOSUPPORT. */
static int features_refuse(const struct features_word *word, uint32_t unknown, const char *label,
                           const char *what)
{
	char name[FEATURE_NAME_SIZE];

	features_name(word, (unsigned)__builtin_ctz(unknown), name);
	return error_set(
		EPROTONOSUPPORT,
		"%s has the feature \"%s\", which this library does not know, so it cannot "
		"%s; upgrade the library",
		label, name, what);
}

int features_check(const struct layout_header *header, bool writable, const char *label)
{
	uint32_t unknown = header->incompatible & ~(uint32_t)LAYOUT_INCOMPATIBLE_KNOWN;

	if (unknown)
		return features_refuse(&features_incompatible, unknown, label,
		                       writable ? "be published" : "be read");
	unknown = header->read_only_compatible & ~(uint32_t)LAYOUT_READ_ONLY_KNOWN;
	return writable && unknown
	               ? features_refuse(&features_read_only, unknown, label, "be published")
	               : 0;
}
