/* SPDX-License-Identifier: MIT
 *
 * node_fault(): accepts the nodes that a publisher writes, and names the fault of any other. A case
 * for each form of node, written by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/trie/node_check.h"

static uint64_t words[256];
static const struct view view = {
	.base = (const unsigned char *)words, .start = 0, .limit = sizeof(words)};
static const struct row_layout prefixes = {.max_bits = 32, .prefix = true};
static const struct row_layout whole_bytes = {.max_bits = 32};

static void expect(const struct row_layout *layout, const char *fault)
{
	struct node node = node_at((const unsigned char *)words);
	const char *is = node_fault(&view, layout, &node);

	if (!fault)
		cr_expect_null(is, "%s", is);
	else
		cr_expect(is && strstr(is, fault), "\"%s\" is not in: %s", fault,
		          is ? is : "nothing");
}

static void begin(unsigned form, uint64_t info)
{
	memset(words, 0, sizeof(words));
	words[0] = LAYOUT_NODE | 1;
	words[1] = (uint64_t)form << NODE_FORM_SHIFT | info;
}

static unsigned char *list(void)
{
	return (unsigned char *)&words[2];
}

Test(unit_node_check, a_list)
{
	begin(NODE_LIST, 3);
	memcpy(list(), "\1\2\377", 3);
	expect(&whole_bytes, NULL);
	list()[1] = 1;
	expect(&whole_bytes, "out of order");
	list()[1] = 2;
	list()[3] = 9;
	expect(&whole_bytes, "does not end in zeros");
	begin(NODE_LIST, 17);
	expect(&whole_bytes, "has more than 16 entries");
	begin(NODE_LIST, 1);
	expect(&whole_bytes, "fewer than two keys");
	begin(NODE_LIST, 1 | NODE_OWN);
	expect(&whole_bytes, NULL);
}

Test(unit_node_check, a_bitmap)
{
	begin(NODE_BITMAP, 2 | 3 << 8 | 3 << 16);
	words[2] = 5;
	words[3] = 1;
	words[5] = 8;
	expect(&whole_bytes, NULL);
	words[3] = 3;
	expect(&whole_bytes, "the ranks of its children");
	words[3] = 1;
	words[1] ^= 1;
	expect(&whole_bytes, "the ranks of its children");
}

Test(unit_node_check, a_full_bitmap_has_the_highest_ranks)
{
	for (unsigned rank = 1; rank < 4; rank++) {
		begin(NODE_BITMAP, 64 | 128 << 8 | 192 << 16);
		memset(&words[2], 255, 32);
		expect(&whole_bytes, NULL);
		words[1] ^= UINT64_C(1) << 8 * (rank - 1);
		expect(&whole_bytes, "the ranks of its children");
	}
	/* No rank depends on the last word. */
	begin(NODE_BITMAP, 64 | 128 << 8 | 192 << 16);
	memset(&words[2], 255, 24);
	expect(&whole_bytes, NULL);
}

Test(unit_node_check, a_direct_node)
{
	uint32_t *refs = (uint32_t *)&words[2];

	begin(NODE_DIRECT, 2 - 1);
	refs[0] = refs[255] = 7;
	expect(&whole_bytes, NULL);
	refs[4] = 7;
	expect(&whole_bytes, "its count of children is wrong");
}

Test(unit_node_check, prefixes_have_a_place)
{
	begin(NODE_LIST,
	      1 | NODE_PREFIXES | UINT64_C(1) << 24 | UINT64_C(1) << 32 | UINT64_C(1) << 40);
	list()[0] = 4;
	words[3] = 2;
	expect(&prefixes, NULL);
	expect(&whole_bytes, "where none is allowed");
	words[3] = 3;
	expect(&prefixes, "stands for no prefix");
	words[3] = 6;
	expect(&prefixes, "the ranks of its prefixes");
	begin(NODE_LIST, 2 | UINT64_C(1) << 24);
	list()[1] = 1;
	expect(&prefixes, "counts prefixes");
}

Test(unit_node_check, unused_bits_are_zero)
{
	begin(3, 2);
	expect(&prefixes, "its form is unknown");
	begin(NODE_LIST, 2 | 1 << 8);
	list()[1] = 1;
	expect(&prefixes, "unused bits set");
	begin(NODE_LIST, 2 | UINT64_C(1) << 62);
	list()[1] = 1;
	expect(&prefixes, "unused bits set");
	begin(NODE_LIST, 2 | UINT64_C(513) << NODE_SKIP_SHIFT);
	((unsigned char *)node_at((unsigned char *)words).children)[1] = 1;
	expect(&prefixes, "skips more bytes");
}

Test(unit_node_check, a_node_ends_inside_the_arena)
{
	struct view small = view;
	struct node node;

	begin(NODE_LIST, 2);
	list()[1] = 1;
	node = node_at((const unsigned char *)words);
	small.limit = node_whole_size(&node);
	cr_expect_null(node_fault(&small, &prefixes, &node));
	small.limit -= 8;
	cr_expect_not_null(node_fault(&small, &prefixes, &node));
}
