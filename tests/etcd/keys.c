/* SPDX-License-Identifier: MIT
 *
 * The keys of a mirrored prefix, and base64. */
#include <criterion/criterion.h>
#include <string.h>
#include "tests/support/random.h"
#include "tools/base/heap.c"
#include "tools/base/text.c"
#include "tools/etcd/etcd_base64.c"
#include "tools/mirror/etcd_keys.c"

static struct etcd_key parse(const char *text)
{
	struct etcd_key key;

	etcd_key_parse(text, strlen(text), &key);
	return key;
}

Test(etcd_keys, a_key_is_taken_apart)
{
	struct etcd_key key = parse("rows/routes/10.0.0.0/8");

	cr_expect(key.kind == ETCD_KEY_ROW && strcmp(key.table, "routes") == 0);
	cr_expect(key.row_length == 10 && memcmp(key.row, "10.0.0.0/8", 10) == 0);
	key = parse("rows/routes/");
	cr_expect(key.kind == ETCD_KEY_ROW && key.row_length == 0);
	key = parse("schema/routes");
	cr_expect(key.kind == ETCD_KEY_SCHEMA && strcmp(key.table, "routes") == 0);
	cr_expect(parse("head").kind == ETCD_KEY_HEAD);
	cr_expect(parse("open").kind == ETCD_KEY_OPEN);
	cr_expect(parse("writer").kind == ETCD_KEY_WRITER);
}

Test(etcd_keys, other_keys_are_nobodys)
{
	static const char *const others[] = {"",          "heads",      "hea",     "rows",
	                                     "rows/",     "rows/a",     "rows//1", "schema/",
	                                     "schema/a/", "rows/a b/1", "x/a/1",   "rows/-/1"};
	struct etcd_key key;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect(parse(others[i]).kind == ETCD_KEY_OTHER, "%s", others[i]);
	etcd_key_parse("rows/a\0b/1", 10, &key);
	cr_expect(key.kind == ETCD_KEY_OTHER);
}

Test(etcd_keys, every_byte_comes_back)
{
	struct text escaped = {0}, plain = {0};
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	etcd_key_escape(&escaped, all, sizeof(all));
	for (size_t i = 0; i < escaped.length; i++)
		cr_expect(escaped.bytes[i] >= ' ' && escaped.bytes[i] <= '~');
	cr_expect(etcd_key_unescape(&plain, escaped.bytes, escaped.length));
	cr_expect(plain.length == 256 && memcmp(plain.bytes, all, 256) == 0);
	text_free(&escaped);
	text_free(&plain);
}

Test(etcd_keys, a_row_has_one_key)
{
	static const char *const wrong[] = {"%",  "%4", "%41",  "%0a", "%2",
	                                    "a%", "\n", "\x7f", "%zz"};
	struct text plain = {0};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(!etcd_key_unescape(&plain, wrong[i], strlen(wrong[i])), "%s", wrong[i]);
	plain.length = 0;
	cr_expect(etcd_key_unescape(&plain, "%0A%25", 6) && plain.length == 2);
	text_free(&plain);
}

Test(etcd_keys, base64_comes_back_at_each_length)
{
	struct text encoded = {0}, decoded = {0};
	uint64_t state = 1;
	char bytes[70];

	for (size_t length = 0; length < sizeof(bytes); length++) {
		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)random_from(&state);
		encoded.length = decoded.length = 0;
		etcd_base64_encode(&encoded, bytes, length);
		cr_expect(encoded.length % 4 == 0);
		cr_assert(etcd_base64_decode(&decoded, encoded.bytes, encoded.length));
		cr_expect(decoded.length == length &&
		          (length == 0 || memcmp(decoded.bytes, bytes, length) == 0));
	}
	decoded.length = 0;
	cr_expect(etcd_base64_decode(&decoded, "Zm9vYg==", 8) && decoded.length == 4 &&
	          memcmp(decoded.bytes, "foob", 4) == 0);
	cr_expect(!etcd_base64_decode(&decoded, "Zm9", 3));
	cr_expect(!etcd_base64_decode(&decoded, "Zm9-", 4));
	cr_expect(!etcd_base64_decode(&decoded, "=m9v", 4));
	text_free(&encoded);
	text_free(&decoded);
}
