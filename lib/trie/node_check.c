/* SPDX-License-Identifier: MIT */
#include "lib/trie/node_check.h"

/* Returns true if the stored ranks of a bitmap match its bits. `before` reads a rank: the number of
 * bits set before a word. Ranks are stored for the words 1 to 3, in eight bits each: the highest
 * rank is at most 192, the bits of three words, so every rank fits. */
static bool node_ranks_match(const unsigned char *bitmap,
                             unsigned (*before)(const struct node *, unsigned),
                             const struct node *node)
{
	unsigned count = 0;

	for (unsigned word = 1; word < 4; word++) {
		count += popcount(data_load(bitmap + (word - 1) * 8));
		if (before(node, word) != count)
			return false;
	}
	return true;
}

static const char *node_list_fault(const struct node *node)
{
	unsigned count = node_child_count(node);

	if (count > NODE_LIST_MAX)
		return "its list of children has more than 16 entries";
	for (unsigned i = 0; i < node_children_size(node->info); i++) {
		unsigned byte = data_load_byte(node->children + i);
		if (i < count && i > 0 && byte <= data_load_byte(node->children + i - 1))
			return "its list of children is out of order";
		if (i >= count && byte != 0)
			return "its list of children does not end in zeros";
	}
	return NULL;
}

static const char *node_direct_fault(const struct node *node)
{
	unsigned count = 0;

	for (int i = 0; i < 256; i++)
		count += node_ref(node, i) != 0;
	return count == node_child_count(node) ? NULL : "its count of children is wrong";
}

static const char *node_children_fault(const struct node *node)
{
	switch (node_form(node)) {
	case NODE_BITMAP:
		return node_ranks_match(node->children, node_children_before, node)
		               ? NULL
		               : "the ranks of its children do not match their bitmap";
	case NODE_LIST:
		return node_list_fault(node);
	case NODE_DIRECT:
		return node_direct_fault(node);
	default:
		return "its form is unknown";
	}
}

const char *node_fault(const struct view *view, const struct row_layout *layout,
                       const struct node *node)
{
	uint64_t offset = (uint64_t)(node->at - view->base);
	const char *fault = node_children_fault(node);

	if (fault)
		return fault;
	if (node->info >> 62 || (node_form(node) != NODE_BITMAP && (node->info >> 8 & 0xffff)))
		return "it has unused bits set";
	if (node->skip > STELE_KEY_MAX)
		return "it skips more bytes than a key can have";
	if (node->info & NODE_PREFIXES) {
		if (!layout->prefix || node->info & NODE_OWN)
			return "it has a bitmap of prefixes where none is allowed";
		if (data_load(node_prefixes(node)) & 1)
			return "its bitmap of prefixes has bit 0 set, which stands for no prefix";
		if (!node_ranks_match(node_prefixes(node), node_prefixes_before, node))
			return "the ranks of its prefixes do not match their bitmap";
	} else if (node->info >> 24 & 0xffffff) {
		return "it counts prefixes but has no bitmap of them";
	}
	if (node_child_count(node) + node_prefix_count(node) < 2)
		return "it leads to fewer than two keys";
	if (offset + node_whole_size(node) > view->limit)
		return "it does not end inside the arena";
	return NULL;
}
