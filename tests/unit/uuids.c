/* SPDX-License-Identifier: MIT
 *
 * The set of uuids: a peer that chooses its uuids can't make them all collide. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "lib/layout.h"
#include "publisher/notices/uuids.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

/* If half of the table is filled at random, runs of filled places are shorter than this, but for
 * one time in many millions. */
#define RUN_MAX 400u

static uint32_t longest_run(const struct uuids *uuids)
{
	uint32_t run = 0, longest = 0;

	for (uint32_t i = 0; i <= uuids->mask; i++) {
		run = uuids->table[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void add(struct uuids *uuids, unsigned word, uint64_t value)
{
	uint64_t words[2] = {7, 7};
	uint8_t uuid[16];

	words[word] = value;
	memcpy(uuid, words, sizeof(uuid));
	cr_assert(uuids_add(uuids, uuid));
	cr_assert(uuids_find(uuids, uuid));
}

/* The reference implementation of SipHash gives this value for the key 0, 1 .. 15 and the same
 * bytes as the message. */
Test(unit_uuids, the_hash_is_siphash)
{
	uint64_t words[2];
	uint8_t bytes[16];

	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	memcpy(words, bytes, sizeof(words));
	cr_expect_eq(uuids_hash(words, words), UINT64_C(0x3f2acc7f57c29bdb));
}

/* Uuids that count up, from each of several bit positions. */
Test(unit_uuids, uuids_that_differ_in_a_few_bits_are_spread)
{
	for (unsigned word = 0; word < 2; word++)
		for (unsigned shift = 0; shift <= 52; shift += 4) {
			struct uuids uuids;
			cr_assert_eq(uuids_new(&uuids), 0);
			for (uint64_t i = 0; i < LAYOUT_SLOTS_MAX; i++)
				add(&uuids, word, i << shift);
			cr_expect_eq(uuids.count, LAYOUT_SLOTS_MAX);
			cr_expect_lt(longest_run(&uuids), RUN_MAX, "word %u, shift %u: %u in a row",
			             word, shift, longest_run(&uuids));
			uuids_free(&uuids);
		}
}
