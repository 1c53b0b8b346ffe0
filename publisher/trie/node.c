/* SPDX-License-Identifier: MIT */
#include "publisher/trie/node.h"

#include <string.h>

/* Limits, in children, at which a change turns a node into another form (enum node_form). A
 * shrinking node keeps its form longer, so that a single key that comes and goes does not rebuild
 * the node each time. */
/* A node that grows to this many children gets the direct form. */
#define NODE_DIRECT_MIN 224u
/* A direct node that shrinks keeps its form down to this many children. */
#define NODE_DIRECT_LAST 192u
/* A node with a bitmap that shrinks keeps its form down to this many children. */
#define NODE_BITMAP_LAST 12u

/* Returns how many bits below bit `which` a bitmap has set. */
static unsigned node_bits_before(const uint64_t words[4], unsigned which)
{
	unsigned count = 0, i;

	for (i = 0; i < which / 64; i++)
		count += popcount(words[i]);
	return count + popcount(words[which / 64] & ((UINT64_C(1) << which % 64) - 1));
}

static unsigned node_bits_count(const uint64_t words[4])
{
	return popcount(words[0]) + popcount(words[1]) + popcount(words[2]) + popcount(words[3]);
}

void node_builder_init(struct node_builder *builder, unsigned skip)
{
	memset(builder->children, 0, sizeof(builder->children));
	memset(builder->prefixes, 0, sizeof(builder->prefixes));
	builder->skip = skip;
	builder->count = 0;
}

void node_builder_load(struct node_builder *builder, const struct node *node)
{
	const ref_t *refs = (const ref_t *)(const void *)node_refs(node);
	unsigned slots = node_child_refs(node), prefixes = node_prefix_count(node), i;

	node_children_bitmap(node, builder->children);
	memset(builder->prefixes, 0, sizeof(builder->prefixes));
	if (node->info & NODE_PREFIXES)
		memcpy(builder->prefixes, node_prefixes(node), sizeof(builder->prefixes));
	else if (node->info & NODE_OWN)
		builder->prefixes[0] = 2;
	builder->skip = node->skip;
	memcpy(builder->skipped, node_skipped(node), node->skip);
	builder->count = 0;
	for (i = 0; i < slots; i++)
		if (refs[i])
			builder->refs[builder->count++] = refs[i];
	memcpy(builder->refs + builder->count, refs + slots, prefixes * sizeof(*refs));
	builder->count += prefixes;
}

/* Returns the bitmap in which a place has its bit. Sets `*ret_bit` to this bit, and `*ret_index` to
 * the place's index among the references. */
static uint64_t *node_builder_place(struct node_builder *builder, unsigned place, unsigned *ret_bit,
                                    unsigned *ret_index)
{
	if (PLACE_IS_CHILD(place)) {
		*ret_bit = place / 16;
		*ret_index = node_bits_before(builder->children, *ret_bit);
		return builder->children;
	}
	*ret_bit = place_prefix(place);
	*ret_index =
		node_bits_count(builder->children) + node_bits_before(builder->prefixes, *ret_bit);
	return builder->prefixes;
}

void node_builder_add(struct node_builder *builder, unsigned place, ref_t ref)
{
	unsigned bit, index;
	uint64_t *words = node_builder_place(builder, place, &bit, &index);

	memmove(&builder->refs[index + 1], &builder->refs[index],
	        (builder->count - index) * sizeof(ref_t));
	builder->refs[index] = ref;
	builder->count++;
	words[bit / 64] |= UINT64_C(1) << bit % 64;
}

void node_builder_remove(struct node_builder *builder, unsigned place)
{
	unsigned bit, index;
	uint64_t *words = node_builder_place(builder, place, &bit, &index);

	builder->count--;
	memmove(&builder->refs[index], &builder->refs[index + 1],
	        (builder->count - index) * sizeof(ref_t));
	words[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

/* Returns the ranks of a bitmap's words 1, 2 and 3 (the bits set before each), 8 bits each. */
static uint64_t node_make_ranks(const uint64_t words[4])
{
	uint64_t one = popcount(words[0]), two = one + popcount(words[1]),
		 three = two + popcount(words[2]);

	return one | two << 8 | three << 16;
}

/* Returns the form that takes the least memory, or the direct form for a node with few holes,
 * because a lookup in that form is fastest. */
static enum node_form node_builder_form(unsigned children)
{
	if (children <= NODE_LIST_MAX)
		return NODE_LIST;
	return children >= NODE_DIRECT_MIN ? NODE_DIRECT : NODE_BITMAP;
}

/* Returns the info word of the node that a builder describes. */
static uint64_t node_builder_info(const struct node_builder *builder, unsigned children)
{
	uint64_t rest = builder->prefixes[1] | builder->prefixes[2] | builder->prefixes[3];
	enum node_form form = node_builder_form(children);
	uint64_t info = (uint64_t)builder->skip << NODE_SKIP_SHIFT | (uint64_t)form
	                                                                     << NODE_FORM_SHIFT;

	if (rest != 0 || builder->prefixes[0] > 2)
		info |= node_make_ranks(builder->prefixes) << 24 | NODE_PREFIXES;
	else if (builder->prefixes[0] == 2)
		info |= NODE_OWN;
	switch (form) {
	case NODE_LIST:
		return info | children;
	case NODE_DIRECT:
		return info | (children - 1);
	default:
		return info | node_make_ranks(builder->children);
	}
}

/* Writes the list of the children's bytes. Returns the end of what it wrote. */
static unsigned char *node_store_list(unsigned char *at, const uint64_t children[4], unsigned count)
{
	unsigned char list[NODE_LIST_MAX] = {0};
	unsigned i = 0;

	for (unsigned word = 0; word < 4; word++)
		for (uint64_t set = children[word]; set; set &= set - 1)
			list[i++] = (unsigned char)(word * 64 + (unsigned)__builtin_ctzll(set));
	data_copy_in(at, list, (count + 7u) & ~7u);
	return at + ((count + 7u) & ~7u);
}

/* Writes a reference for each of the 256 bytes, 0 where there is no child. Returns the end of what
 * it wrote. */
static unsigned char *node_store_direct(unsigned char *at, const struct node_builder *builder)
{
	ref_t refs[256];
	unsigned from = 0;

	for (unsigned byte = 0; byte < 256; byte++)
		refs[byte] =
			builder->children[byte / 64] >> byte % 64 & 1 ? builder->refs[from++] : 0;
	data_copy_in(at, refs, sizeof(refs));
	return at + sizeof(refs);
}

int node_builder_store(struct edit *edit, const struct node_builder *builder, ref_t *ret)
{
	unsigned children = node_bits_count(builder->children), slots = builder->count, from = 0;
	uint64_t info = node_builder_info(builder, children);
	unsigned char *at;
	ref_t ref;
	int r;

	if (node_info_form(info) == NODE_DIRECT)
		slots += 256 - children;
	r = object_alloc(edit, node_size(info, slots), &ref);
	if (r < 0)
		return r;
	at = arena_at(edit->arena, ref);
	data_store(at, LAYOUT_NODE | edit->version);
	data_store(at + 8, info);
	at += 16;
	data_copy_in(at, builder->skipped, builder->skip);
	at += (builder->skip + 7u) & ~7u;
	if (node_info_form(info) == NODE_LIST) {
		at = node_store_list(at, builder->children, children);
	} else if (node_info_form(info) == NODE_BITMAP) {
		data_copy_in(at, builder->children, sizeof(builder->children));
		at += sizeof(builder->children);
	}
	if (info & NODE_PREFIXES) {
		data_copy_in(at, builder->prefixes, sizeof(builder->prefixes));
		at += sizeof(builder->prefixes);
	}
	if (node_info_form(info) == NODE_DIRECT) {
		at = node_store_direct(at, builder);
		from = children;
	}
	data_copy_in(at, builder->refs + from, (builder->count - from) * sizeof(ref_t));
	*ret = ref;
	return 0;
}

/* Replaces a node by a new one that has one more reference, `child`, or, if `child` is 0, one
 * fewer. */
static int node_rebuild(struct edit *edit, ref_t *ref, unsigned place, ref_t child)
{
	struct node node = object_node(edit, *ref);
	struct node_builder builder;
	ref_t made;
	int r;

	node_builder_load(&builder, &node);
	if (child)
		node_builder_add(&builder, place, child);
	else
		node_builder_remove(&builder, place);
	r = node_builder_store(edit, &builder, &made);
	if (r < 0)
		return r;
	object_drop(edit, *ref, node_whole_size(&node));
	*ref = made;
	return 0;
}

/* ---- changes in place ---- */

/* Returns true if a node with `by` more references has the same capacity in the arena. */
static bool node_keeps_capacity(const struct node *node, int by)
{
	unsigned refs = node_ref_count(node);

	return arena_same_capacity(node_size(node->info, refs),
	                           node_size(node->info, refs + (unsigned)by));
}

/* Returns a pointer for writing to a node that this transaction made. */
static unsigned char *node_writable(const unsigned char *at)
{
	return (unsigned char *)(uintptr_t)at;
}

static void node_refs_insert(const struct node *node, unsigned index, ref_t ref)
{
	unsigned char *refs = node_writable(node_refs(node));

	data_copy_bytes(refs + index * 4 + 4, refs + index * 4, (node_ref_count(node) - index) * 4);
	data_store_32(refs + index * 4, ref);
}

static void node_refs_erase(const struct node *node, unsigned index)
{
	unsigned char *refs = node_writable(node_refs(node));

	data_copy_bytes(refs + index * 4, refs + index * 4 + 4,
	                (node_ref_count(node) - index - 1) * 4);
}

static void node_store_info(const struct node *node, uint64_t info)
{
	data_store(node_writable(node->at) + 8, info);
}

/* Returns what to add to an info word when word `word` of a bitmap gets one more bit. The bitmap's
 * ranks start at bit `shift`. */
static uint64_t node_ranks_step(unsigned word, unsigned shift)
{
	return (UINT64_C(0x010101) << word * 8 & UINT64_C(0xffffff)) << shift;
}

static void node_bitmap_flip(const unsigned char *bitmap, unsigned bit)
{
	unsigned char *word = node_writable(bitmap) + bit / 64 * 8;

	data_store(word, data_load(word) ^ UINT64_C(1) << bit % 64);
}

/* Returns how many bytes of a node's list are below `byte`. */
static unsigned node_list_rank(const struct node *node, unsigned byte)
{
	unsigned count = node_child_count(node), i = 0;

	while (i < count && node->children[i] < byte)
		i++;
	return i;
}

/* Writes a node's list to `to`, in the same node or another one: with one byte more if `by` is 1,
 * or, if `by` is -1, without the byte at `index`. */
static void node_list_change(const struct node *node, unsigned index, int by, unsigned byte,
                             const unsigned char *to)
{
	unsigned char list[NODE_LIST_MAX + 1] = {0};
	unsigned count = node_child_count(node);

	memcpy(list, node->children, count);
	if (by > 0) {
		memmove(list + index + 1, list + index, count - index);
		list[index] = (unsigned char)byte;
	} else {
		memmove(list + index, list + index + 1, count - index);
	}
	data_copy_in(node_writable(to), list, (count + (by > 0) + 7u) & ~7u);
}

/* Adds a child to a node that has a list with capacity left, by writing a larger node. */
static int node_list_grow(struct edit *edit, ref_t *ref, const struct node *node, unsigned byte,
                          ref_t child)
{
	unsigned refs = node_ref_count(node), index = node_list_rank(node, byte);
	uint64_t info = node->info + 1;
	unsigned char *at, *to;
	struct node made;
	ref_t made_ref;
	int r = object_alloc(edit, node_size(info, refs + 1), &made_ref);

	if (r < 0)
		return r;
	at = arena_at(edit->arena, made_ref);
	data_store(at, LAYOUT_NODE | edit->version);
	data_store(at + 8, info);
	made = node_at(at);
	data_copy_in(at + 16, node_skipped(node), node->skip);
	node_list_change(node, index, 1, byte, made.children);
	if (info & NODE_PREFIXES)
		data_copy_in(node_writable(node_prefixes(&made)), node_prefixes(node), 32);
	to = node_writable(node_refs(&made));
	data_copy_bytes(to, node_refs(node), index * 4);
	data_store_32(to + index * 4, child);
	data_copy_bytes(to + index * 4 + 4, node_refs(node) + index * 4, (refs - index) * 4);
	/* Clear the unused half of the last word. */
	if (refs % 2 == 0)
		data_store_32(to + refs * 4 + 4, 0);
	object_drop(edit, *ref, node_whole_size(node));
	*ref = made_ref;
	return 0;
}

/* Returns how many references come before the reference of bit `bit` of a bitmap. `before` is the
 * rank of the word that holds the bit. */
static unsigned node_bitmap_rank(const unsigned char *bitmap, unsigned before, unsigned bit)
{
	return before +
	       popcount(data_load(bitmap + bit / 64 * 8) & ((UINT64_C(1) << bit % 64) - 1));
}

/* Adds a child to a node in place. Returns false if that is not possible. */
static bool node_add_child(const struct node *node, unsigned byte, ref_t child)
{
	unsigned count = node_child_count(node), index;

	switch (node_form(node)) {
	case NODE_LIST:
		/* The list of bytes itself has capacity only up to the next multiple of 8. */
		if (count % 8 == 0 || !node_keeps_capacity(node, 1))
			return false;
		index = node_list_rank(node, byte);
		node_refs_insert(node, index, child);
		node_list_change(node, index, 1, byte, node->children);
		node_store_info(node, node->info + 1);
		return true;
	case NODE_DIRECT:
		data_store_32(node_writable(node_refs(node)) + byte * 4, child);
		node_store_info(node, node->info + 1);
		return true;
	default:
		if (count + 1 >= NODE_DIRECT_MIN || !node_keeps_capacity(node, 1))
			return false;
		index = node_bitmap_rank(node->children, node_children_before(node, byte / 64),
		                         byte);
		node_refs_insert(node, index, child);
		node_bitmap_flip(node->children, byte);
		node_store_info(node, node->info + node_ranks_step(byte / 64, 0));
		return true;
	}
}

/* Adds a prefix to a node in place. Returns false if that is not possible. */
static bool node_add_prefix(const struct node *node, unsigned which, ref_t row)
{
	if (!(node->info & NODE_PREFIXES) || !node_keeps_capacity(node, 1))
		return false;
	node_refs_insert(node,
	                 node_child_refs(node) +
	                         node_bitmap_rank(node_prefixes(node),
	                                          node_prefixes_before(node, which / 64), which),
	                 row);
	node_bitmap_flip(node_prefixes(node), which);
	node_store_info(node, node->info + node_ranks_step(which / 64, 24));
	return true;
}

int node_add(struct edit *edit, ref_t *ref, unsigned place, ref_t child)
{
	struct node node = object_node(edit, *ref);

	if (PLACE_IS_CHILD(place) ? node_add_child(&node, place / 16, child)
	                          : node_add_prefix(&node, place_prefix(place), child))
		return 0;
	if (PLACE_IS_CHILD(place) && node_form(&node) == NODE_LIST &&
	    node_child_count(&node) < NODE_LIST_MAX)
		return node_list_grow(edit, ref, &node, place / 16, child);
	return node_rebuild(edit, ref, place, child);
}

/* Removes a child from a node in place. Returns false if that is not possible. */
static bool node_remove_child(const struct node *node, unsigned byte)
{
	unsigned count = node_child_count(node);
	int index = node_child_index(node, byte);

	switch (node_form(node)) {
	case NODE_LIST:
		if (count % 8 == 1 || !node_keeps_capacity(node, -1))
			return false;
		node_refs_erase(node, (unsigned)index);
		node_list_change(node, (unsigned)index, -1, 0, node->children);
		node_store_info(node, node->info - 1);
		return true;
	case NODE_DIRECT:
		if (count <= NODE_DIRECT_LAST)
			return false;
		data_store_32(node_writable(node_refs(node)) + byte * 4, 0);
		node_store_info(node, node->info - 1);
		return true;
	default:
		if (count <= NODE_BITMAP_LAST || !node_keeps_capacity(node, -1))
			return false;
		node_refs_erase(node, (unsigned)index);
		node_bitmap_flip(node->children, byte);
		node_store_info(node, node->info - node_ranks_step(byte / 64, 0));
		return true;
	}
}

/* Removes a prefix from a node in place. Returns false if that is not possible. */
static bool node_remove_prefix(const struct node *node, unsigned which)
{
	/* With one prefix left the node may need no bitmap of prefixes, so rebuild it. */
	if (!(node->info & NODE_PREFIXES) || node_prefix_count(node) <= 2 ||
	    !node_keeps_capacity(node, -1))
		return false;
	node_refs_erase(node, (unsigned)node_prefix_index(node, which));
	node_bitmap_flip(node_prefixes(node), which);
	node_store_info(node, node->info - node_ranks_step(which / 64, 24));
	return true;
}

int node_remove(struct edit *edit, ref_t *ref, unsigned place)
{
	struct node node = object_node(edit, *ref);

	if (PLACE_IS_CHILD(place) ? node_remove_child(&node, place / 16)
	                          : node_remove_prefix(&node, place_prefix(place)))
		return 0;
	return node_rebuild(edit, ref, place, 0);
}
