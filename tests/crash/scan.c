/* SPDX-License-Identifier: MIT
 *
 * Scans of memory that holds no trie, but random words that look like the parts of one: every scan
 * ends, and every row that a scan returns lies in the memory. Memory that a publisher reuses while
 * a reader walks it, and a damaged region, look like this. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/trie/scan.h"
#include "lib/trie/trie_node.h"
#include "tests/support/random.h"

TestSuite(crash_scan, .timeout = 60);

#define SEED   UINT64_C(20261130)
#define ROUNDS 20000
#define ARENA  512u /* bytes: few, so that references often lead to nodes */
#define START  64u
#define MEMORY (START + ARENA + LAYOUT_GUARD)
#define ROWS   50u

static const struct row_layout layouts[] = {
	{.value_size = 8, .min_bits = 32, .max_bits = 32, .overhead = 9},
	{.value_size = 8, .min_bits = 8, .max_bits = 64, .overhead = 9},
	{.value_size = 2, .min_bits = 8, .max_bits = 64, .variable = true, .overhead = 17},
	{.value_size = 8, .min_bits = 0, .max_bits = 32, .prefix = true, .overhead = 9},
};

static uint64_t random_ref(uint64_t *state)
{
	uint64_t r = random_from(state);

	return r % 16 == 0 ? r >> 60 : (START + r % ARENA) / LAYOUT_UNIT;
}

/* Returns a word that may be the first or the info word of a node, a list of children, or two
 * references. */
static uint64_t random_word(uint64_t *state)
{
	uint64_t r = random_from(state);

	switch (r >> 8 & 7) {
	case 0:
	case 1:
		return LAYOUT_NODE | r >> 60;
	case 2:
		return (r >> 61) << NODE_FORM_SHIFT | (r >> 20 & 1) << NODE_SKIP_SHIFT |
		       (r & UINT64_C(0x3f3f3f3f3f3f));
	case 3:
		return (r & 15) | (r >> 20 & 3) << NODE_FORM_SHIFT;
	case 4:
		return r & UINT64_C(0x0f0f0f0f0f0f0f0f);
	default:
		return random_ref(state) << 32 | random_ref(state);
	}
}

static void check_rows(const unsigned char *memory, const struct stele_row *rows,
                       const struct stele_row *end)
{
	for (; rows < end; rows++) {
		const unsigned char *key = rows->key, *value = rows->value;

		cr_assert(value >= memory && value + rows->value_size <= memory + MEMORY);
		cr_assert(key >= memory && key + (rows->key_bits + 7) / 8 <= memory + MEMORY);
	}
}

static void scan_to_end(struct scan *scan, const struct view *view, uint64_t *state)
{
	struct stele_row rows[ROWS], *end;
	uint64_t count = 0;
	int r;

	do {
		r = scan_next_many(scan, rows, rows + random_from(state) % ROWS, &end);
		cr_assert(r == 1 || r == 0 || r == -EBADMSG, "%d", r);
		check_rows(view->base, rows, end);
		count += (uint64_t)(end - rows);
	} while (r == 1);
	cr_assert_leq(count, (view->limit - view->start) / LAYOUT_UNIT + 2);
}

static void scan_back(struct scan *scan, const struct view *view)
{
	struct row_parts parts;
	struct stele_row row;
	int r;

	while ((r = scan_previous(scan, &parts)) == 1) {
		row_fill(&parts, &row);
		check_rows(view->base, &row, &row + 1);
	}
	cr_assert(r == 0 || r == -EBADMSG, "%d", r);
}

Test(crash_scan, crash_14_random_memory_is_scanned_to_an_end)
{
	unsigned char *memory = aligned_alloc(64, MEMORY);
	const struct view view = {.base = memory, .start = START, .limit = START + ARENA};
	static struct scan scan;
	uint64_t state = SEED;

	cr_assert_not_null(memory);
	for (int round = 0; round < ROUNDS; round++) {
		const struct row_layout *layout = &layouts[round % 4];
		ref_t root = (ref_t)random_ref(&state);
		unsigned char key[8];
		uint64_t word;

		for (size_t i = 0; i < MEMORY; i += 8) {
			word = random_word(&state);
			memcpy(memory + i, &word, 8);
		}
		word = random_from(&state) & UINT64_C(0x0f0f0f0f0f0f0f0f);
		memcpy(key, &word, 8);
		scan_start(&scan, &view, layout, root);
		scan_to_end(&scan, &view, &state);
		for (unsigned bits = 0; bits <= layout->max_bits; bits += 8) {
			if (scan_seek(&scan, &view, layout, root, key, bits) == 0)
				scan_to_end(&scan, &view, &state);
			if (scan_seek_back(&scan, &view, layout, root, key, bits, SCAN_THROUGH) ==
			    0)
				scan_back(&scan, &view);
		}
	}
	free(memory);
}
