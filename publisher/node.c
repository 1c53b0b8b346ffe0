/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <string.h>

static unsigned bits_before(const uint64_t words[4], unsigned which)
{
	unsigned count = 0, i;

	for (i = 0; i < which / 64; i++)
		count += popcount(words[i]);
	return count + popcount(words[which / 64] & ((UINT64_C(1) << which % 64) - 1));
}

static unsigned bits_count(const uint64_t words[4])
{
	return popcount(words[0]) + popcount(words[1]) + popcount(words[2]) + popcount(words[3]);
}

void image_load(struct image *image, const struct node *node)
{
	const ref_t *refs = (const ref_t *)(const void *)node_refs(node);

	memcpy(image->children, node->children, sizeof(image->children));
	memset(image->prefixes, 0, sizeof(image->prefixes));
	if (node->info & NODE_PREFIXES)
		memcpy(image->prefixes, node_prefixes(node), sizeof(image->prefixes));
	else if (node->info & NODE_OWN)
		image->prefixes[0] = 2;
	image->skip = node->skip;
	memcpy(image->skipped, node_skipped(node), node->skip);
	image->count = node_child_count(node) + node_prefix_count(node);
	memcpy(image->refs, refs, image->count * sizeof(*refs));
}

/* The bitmap, the bit in it, and the index among the references, of a place. */
static uint64_t *image_place(struct image *image, unsigned place, unsigned *ret_bit,
                             unsigned *ret_index)
{
	if (PLACE_IS_CHILD(place)) {
		*ret_bit = place / 16;
		*ret_index = bits_before(image->children, *ret_bit);
		return image->children;
	}
	*ret_bit = place_prefix(place);
	*ret_index = bits_count(image->children) + bits_before(image->prefixes, *ret_bit);
	return image->prefixes;
}

void image_add(struct image *image, unsigned place, ref_t ref)
{
	unsigned bit, index;
	uint64_t *words = image_place(image, place, &bit, &index);

	memmove(&image->refs[index + 1], &image->refs[index],
	        (image->count - index) * sizeof(ref_t));
	image->refs[index] = ref;
	image->count++;
	words[bit / 64] |= UINT64_C(1) << bit % 64;
}

void image_remove(struct image *image, unsigned place)
{
	unsigned bit, index;
	uint64_t *words = image_place(image, place, &bit, &index);

	image->count--;
	memmove(&image->refs[index], &image->refs[index + 1],
	        (image->count - index) * sizeof(ref_t));
	words[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

static uint64_t ranks(const uint64_t words[4])
{
	uint64_t one = popcount(words[0]), two = one + popcount(words[1]),
		 three = two + popcount(words[2]);

	return one | two << 8 | three << 16;
}

int image_store(struct edit *edit, const struct image *image, ref_t *ret)
{
	uint64_t rest = image->prefixes[1] | image->prefixes[2] | image->prefixes[3];
	bool prefixes = rest != 0 || image->prefixes[0] > 2;
	bool own = !prefixes && image->prefixes[0] == 2;
	uint64_t info = ranks(image->children) | (uint64_t)image->skip << NODE_SKIP_SHIFT;
	unsigned char *at;
	ref_t ref;
	int r = edit_alloc(edit, node_size(image->skip, prefixes, image->count), &ref);

	if (r < 0)
		return r;
	if (prefixes)
		info |= ranks(image->prefixes) << 24 | NODE_PREFIXES;
	if (own)
		info |= NODE_OWN;
	at = arena_at(edit->arena, ref);
	data_store(at, LAYOUT_NODE | edit->version);
	data_store(at + 8, info);
	at += 16;
	data_copy_in(at, image->skipped, image->skip);
	at += (image->skip + 7u) & ~7u;
	data_copy_in(at, image->children, sizeof(image->children));
	at += sizeof(image->children);
	if (prefixes) {
		data_copy_in(at, image->prefixes, sizeof(image->prefixes));
		at += sizeof(image->prefixes);
	}
	data_copy_in(at, image->refs, image->count * sizeof(ref_t));
	*ret = ref;
	return 0;
}

int node_copy(struct edit *edit, ref_t from, ref_t *ret)
{
	struct node node = edit_node(edit, from);
	size_t size = node_whole_size(&node);
	ref_t ref;
	int r = edit_alloc(edit, size, &ref);

	if (r < 0)
		return r;
	data_copy_in(arena_at(edit->arena, ref) + 8, node.at + 8, size - 8);
	data_store(arena_at(edit->arena, ref), LAYOUT_NODE | edit->version);
	*ret = ref;
	return 0;
}

unsigned char *node_slot(const struct edit *edit, ref_t ref, unsigned place)
{
	struct node node = edit_node(edit, ref);
	int index = PLACE_IS_CHILD(place) ? node_child_index(&node, place / 16)
	                                  : node_prefix_index(&node, place_prefix(place));

	return (unsigned char *)(uintptr_t)node_refs(&node) + (size_t)index * 4;
}

/* Changes a node by way of its image. */
static int node_rebuild(struct edit *edit, ref_t *ref, unsigned place, ref_t child)
{
	struct node node = edit_node(edit, *ref);
	struct image image;
	ref_t made;
	int r;

	image_load(&image, &node);
	if (child)
		image_add(&image, place, child);
	else
		image_remove(&image, place);
	r = image_store(edit, &image, &made);
	if (r < 0)
		return r;
	edit_drop(edit, *ref, node_whole_size(&node));
	*ref = made;
	return 0;
}

/* A change in place needs the bitmap to be there and the node to stay in its size class. Sets where
 * the bitmap is, the bit, the index among the references, and where the ranks of the bitmap are in
 * the info. */
static bool in_place(const struct node *node, unsigned place, int by, unsigned *ret_word,
                     unsigned *ret_bit, unsigned *ret_index, unsigned *ret_shift)
{
	unsigned refs = node_child_count(node) + node_prefix_count(node);
	bool prefixes = node->info & NODE_PREFIXES;
	unsigned which = PLACE_IS_CHILD(place) ? place / 16 : place_prefix(place);
	const uint64_t *words = (const uint64_t *)(const void *)node->children;

	if (!PLACE_IS_CHILD(place) && !prefixes)
		return false;
	if (!arena_same_room(node_size(node->skip, prefixes, refs),
	                     node_size(node->skip, prefixes, refs + (unsigned)by)))
		return false;
	*ret_word = which / 64 + (PLACE_IS_CHILD(place) ? 0 : 4);
	*ret_bit = which % 64;
	*ret_shift = PLACE_IS_CHILD(place) ? 0 : 24;
	*ret_index = popcount(words[*ret_word] & ((UINT64_C(1) << *ret_bit) - 1));
	if (PLACE_IS_CHILD(place))
		*ret_index += node_children_before(node, which / 64);
	else
		*ret_index += node_child_count(node) + node_prefixes_before(node, which / 64);
	return true;
}

/* What the ranks of a bitmap grow by when a bit is set in its word `word`. */
static uint64_t ranks_step(unsigned word, unsigned shift)
{
	return (UINT64_C(0x010101) << (word % 4) * 8 & UINT64_C(0xffffff)) << shift;
}

int node_add(struct edit *edit, ref_t *ref, unsigned place, ref_t child)
{
	struct node node = edit_node(edit, *ref);
	unsigned word, bit, index, shift, i;
	unsigned char *refs, *words;

	if (!in_place(&node, place, 1, &word, &bit, &index, &shift))
		return node_rebuild(edit, ref, place, child);
	refs = (unsigned char *)(uintptr_t)node_refs(&node);
	words = (unsigned char *)(uintptr_t)node.children;
	for (i = node_child_count(&node) + node_prefix_count(&node); i > index; i--)
		data_store_32(refs + i * 4, data_load_32(refs + (i - 1) * 4));
	data_store_32(refs + index * 4, child);
	data_store(words + word * 8, data_load(words + word * 8) | UINT64_C(1) << bit);
	data_store(arena_at(edit->arena, *ref) + 8, node.info + ranks_step(word, shift));
	return 0;
}

int node_remove(struct edit *edit, ref_t *ref, unsigned place)
{
	struct node node = edit_node(edit, *ref);
	unsigned word, bit, index, shift, i, count;
	unsigned char *refs, *words;

	/* The last of the prefixes goes by way of the image, which leaves their bitmap out. */
	if ((node.info & NODE_PREFIXES && node_prefix_count(&node) <= 2) ||
	    !in_place(&node, place, -1, &word, &bit, &index, &shift))
		return node_rebuild(edit, ref, place, 0);
	refs = (unsigned char *)(uintptr_t)node_refs(&node);
	words = (unsigned char *)(uintptr_t)node.children;
	count = node_child_count(&node) + node_prefix_count(&node);
	for (i = index; i + 1 < count; i++)
		data_store_32(refs + i * 4, data_load_32(refs + (i + 1) * 4));
	data_store(words + word * 8, data_load(words + word * 8) & ~(UINT64_C(1) << bit));
	data_store(arena_at(edit->arena, *ref) + 8, node.info - ranks_step(word, shift));
	return 0;
}
