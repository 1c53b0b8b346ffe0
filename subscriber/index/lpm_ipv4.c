/* SPDX-License-Identifier: MIT
 *
 * Builds and changes the index of an IPv4 table. lpm_ipv4.h describes its format. To paint a
 * part of a block, the block is unpacked into an array of answers, painted, and packed again. */
#include "subscriber/index/lpm_ipv4.h"

#include <errno.h>

#include "lib/base/popcount.h"
#include "subscriber/index/lpm_memory.h"

#define POOL_MAX (UINT32_C(1) << 31) /* words */

/* Allocates blocks and a pool of at least `capacity` words, in one allocation, whose size is a
 * multiple of the huge page size. Returns 0, or -ENOMEM, which leaves `*ret` unchanged. */
static int ipv4_allocate(struct lpm_ipv4 *ret, uint64_t capacity)
{
	size_t blocks = IPV4_BLOCKS * sizeof(*ret->blocks);
	size_t size;
	void *memory;

	/* The second limit matters in a 32-bit process. */
	if (capacity > POOL_MAX || capacity > (SIZE_MAX - LPM_HUGE - blocks) / sizeof(*ret->pool))
		return -ENOMEM;
	size = lpm_round(blocks + (size_t)capacity * sizeof(*ret->pool));
	memory = lpm_allocate(size);
	if (!memory)
		return -ENOMEM;
	ret->blocks = memory;
	ret->pool = (uint32_t *)memory + blocks / sizeof(*ret->pool);
	ret->capacity = (uint32_t)((size - blocks) / sizeof(*ret->pool));
	return 0;
}

int lpm_ipv4_init(struct lpm_ipv4 *index, uint32_t none, uint64_t rows)
{
	*index = (struct lpm_ipv4){.used = 1};
	if (ipv4_allocate(index, rows + rows / 4 + 2 * IPV4_PIECE_MAX) < 0)
		return -ENOMEM;
	memset(index->blocks, 0, IPV4_BLOCKS * sizeof(*index->blocks));
	index->pool[0] = none;
	return 0;
}

void lpm_ipv4_fini(struct lpm_ipv4 *index)
{
	free(index->blocks);
	*index = (struct lpm_ipv4){0};
}

size_t lpm_ipv4_memory(const struct lpm_ipv4 *index)
{
	return IPV4_BLOCKS * sizeof(*index->blocks) + index->capacity * sizeof(*index->pool);
}

/* ---- the pool ---- */

/* Puts a piece of `size` words into its free list. */
static void ipv4_free_piece(struct lpm_ipv4 *index, uint32_t piece, uint32_t size)
{
	index->pool[piece] = index->free_lists[size];
	index->free_lists[size] = piece;
	index->free += size;
}

/* Allocates a larger pool, so that another piece fits at its end. Returns 0 or -ENOMEM. */
static int ipv4_grow(struct lpm_ipv4 *index)
{
	const struct lpm_ipv4 before = *index;

	if (ipv4_allocate(index, before.capacity + before.capacity / 8 + 2 * IPV4_PIECE_MAX) < 0)
		return -ENOMEM;
	memcpy(index->blocks, before.blocks, IPV4_BLOCKS * sizeof(*index->blocks));
	memcpy(index->pool, before.pool, before.used * sizeof(*index->pool));
	free(before.blocks);
	return 0;
}

/* Allocates a piece of `size` words. Returns its index in the pool, or 0 if there is no memory.
 * The indexes of other pieces do not change. A larger free piece is split only if the pool would
 * have to grow. */
static uint32_t ipv4_alloc_piece(struct lpm_ipv4 *index, uint32_t size)
{
	uint32_t from = size, piece;

	if (index->used + size > index->capacity)
		while (from < IPV4_PIECE_MAX && !index->free_lists[from])
			from++;
	piece = index->free_lists[from];
	if (piece) {
		index->free_lists[from] = index->pool[piece];
		index->free -= from;
		if (from > size)
			ipv4_free_piece(index, piece + size, from - size);
		return piece;
	}
	if (index->used + size > index->capacity && ipv4_grow(index) < 0)
		return 0;
	piece = index->used;
	index->used += size;
	return piece;
}

/* ---- bitmaps of runs ---- */

/* Returns the bitmap of a block as one word. */
static uint64_t ipv4_starts(const struct ipv4_block *block)
{
	uint64_t starts;

	memcpy(&starts, block->starts, sizeof(starts));
	return starts;
}

/* Returns the bitmap of the divided /24s of a block. The block must have IPV4_DIVIDED set. */
static uint64_t ipv4_divided_nets(const struct lpm_ipv4 *index, const struct ipv4_block *block)
{
	uint64_t nets;

	memcpy(&nets, index->pool + block->base - 1, sizeof(nets));
	return nets;
}

/* Finds the piece of the pool that belongs to a block. Returns its size in words, and its index in
 * `*ret_piece`. */
static uint32_t ipv4_block_size(const struct lpm_ipv4 *index, const struct ipv4_block *block,
                                uint32_t *ret_piece)
{
	uint64_t starts = ipv4_starts(block);
	uint32_t size = 1 + popcount(starts & ~UINT64_C(1)), before;

	*ret_piece = block->base;
	if (block->base == 0)
		return 0;
	if (starts & IPV4_DIVIDED) {
		before = popcount(ipv4_divided_nets(index, block)) + 2;
		*ret_piece = block->base + 1 - before;
		size += before;
	}
	return size;
}

/* Returns the number of words of the piece of a divided /24. */
static uint32_t ipv4_divided_size(const uint32_t *divided)
{
	uint32_t size = 8 + 1;

	for (unsigned i = 0; i < 8; i++)
		size += popcount(divided[i]);
	return size;
}

/* ---- painting ---- */

#define NOTHING UINT32_MAX

/* The block, and the /24 in it, that are unpacked for painting. */
struct canvas {
	struct lpm_ipv4 *index;
	uint32_t block;       /* the number of the unpacked block, or NOTHING */
	uint64_t divided;     /* a bit for each divided /24 of the block */
	uint32_t answers[64]; /* for each /24 its answer, or the index of its piece if divided */
	uint32_t net;         /* the number of the unpacked /24, or NOTHING */
	uint32_t fine[256];   /* the answers of the addresses of the unpacked /24 */
};

/* Sets a /24 of the unpacked block to one answer. Frees its piece if it was divided. */
static void ipv4_set_net(struct canvas *canvas, unsigned net, uint32_t answer)
{
	struct lpm_ipv4 *index = canvas->index;
	uint64_t bit = UINT64_C(1) << net;

	if (canvas->divided & bit)
		ipv4_free_piece(index, canvas->answers[net],
		                ipv4_divided_size(index->pool + canvas->answers[net]));
	canvas->divided &= ~bit;
	canvas->answers[net] = answer;
}

/* Packs the unpacked /24, if there is one, into the unpacked block. Returns 0 or -ENOMEM. */
static int ipv4_pack_net(struct canvas *canvas)
{
	struct lpm_ipv4 *index = canvas->index;
	unsigned net = canvas->net % 64;
	uint32_t starts[8] = {0}, size, piece, *to;

	if (canvas->net == NOTHING)
		return 0;
	canvas->net = NOTHING;
	for (unsigned i = 1; i < 256; i++)
		if (canvas->fine[i] != canvas->fine[i - 1])
			starts[i / 32] |= 1u << i % 32;
	size = ipv4_divided_size(starts);
	ipv4_set_net(canvas, net, canvas->fine[0]);
	if (size == 9)
		return 0;
	piece = ipv4_alloc_piece(index, size);
	if (!piece)
		return -ENOMEM;
	canvas->divided |= UINT64_C(1) << net;
	canvas->answers[net] = piece;
	to = index->pool + piece;
	memcpy(to, starts, sizeof(starts));
	to += 8;
	*to++ = canvas->fine[0];
	for (unsigned i = 1; i < 256; i++)
		if (starts[i / 32] >> i % 32 & 1)
			*to++ = canvas->fine[i];
	return 0;
}

/* Unpacks a /24 of the unpacked block. */
static void ipv4_unpack_net(struct canvas *canvas, uint32_t net)
{
	static const uint32_t none[8];
	const uint32_t *answer = &canvas->answers[net % 64], *starts = none;

	canvas->net = net;
	if (canvas->divided >> net % 64 & 1) {
		starts = canvas->index->pool + *answer;
		answer = starts + 8;
	}
	canvas->fine[0] = *answer;
	for (unsigned i = 1; i < 256; i++) {
		answer += starts[i / 32] >> i % 32 & 1;
		canvas->fine[i] = *answer;
	}
}

/* Writes the unpacked block to `block` and to its piece of the pool, which must have the right
 * size. `starts` and `answers` describe the runs of the block. */
static void ipv4_store_block(const struct canvas *canvas, struct ipv4_block *block, uint32_t piece,
                             uint64_t starts, const uint32_t *answers)
{
	uint32_t *pool = canvas->index->pool;
	uint64_t divided = canvas->divided;

	for (; divided; divided &= divided - 1)
		pool[piece++] = canvas->answers[__builtin_ctzll(divided)];
	if (canvas->divided) {
		memcpy(pool + piece, &canvas->divided, sizeof(canvas->divided));
		piece += 2;
	}
	memcpy(block->starts, &starts, sizeof(starts));
	block->base = piece - (canvas->divided ? 1 : 0);
	memcpy(pool + piece, answers, (1 + popcount(starts & ~UINT64_C(1))) * sizeof(*answers));
}

/* Returns the answer of a /24 as it is stored in the block's piece. */
static uint32_t ipv4_coarse_answer(const struct canvas *canvas, unsigned net)
{
	return canvas->divided >> net & 1 ? IPV4_ELSEWHERE : canvas->answers[net];
}

/* Finds the runs of the unpacked block. Returns the bitmap of their starts, their answers and
 * their number. */
static uint64_t ipv4_find_runs(const struct canvas *canvas, uint32_t answers[64],
                               uint32_t *ret_count)
{
	uint64_t starts = canvas->divided ? IPV4_DIVIDED : 0;
	uint32_t count = 1;

	answers[0] = ipv4_coarse_answer(canvas, 0);
	for (unsigned i = 1; i < 64; i++)
		if (canvas->answers[i] != canvas->answers[i - 1] ||
		    canvas->divided >> (i - 1) & 3) {
			starts |= UINT64_C(1) << i;
			answers[count++] = ipv4_coarse_answer(canvas, i);
		}
	*ret_count = count;
	return starts;
}

/* Packs the unpacked block, if there is one. Returns 0 or -ENOMEM. */
static int ipv4_pack(struct canvas *canvas)
{
	struct lpm_ipv4 *index = canvas->index;
	uint32_t number = canvas->block, piece, size, wanted, answers[64];
	uint64_t starts;
	int r = ipv4_pack_net(canvas);

	if (r < 0 || number == NOTHING)
		return r;
	canvas->block = NOTHING;
	starts = ipv4_find_runs(canvas, answers, &wanted);
	if (canvas->divided)
		wanted += popcount(canvas->divided) + 2;
	if (starts == 0 && answers[0] == index->pool[0])
		wanted = 0;
	size = ipv4_block_size(index, &index->blocks[number], &piece);
	if (size != wanted) {
		index->blocks[number] = (struct ipv4_block){0};
		if (size > 0)
			ipv4_free_piece(index, piece, size);
		piece = wanted > 0 ? ipv4_alloc_piece(index, wanted) : 0;
		if (wanted > 0 && !piece)
			return -ENOMEM;
	}
	if (wanted > 0)
		ipv4_store_block(canvas, &index->blocks[number], piece, starts, answers);
	return 0;
}

/* Unpacks a block, after packing the previously unpacked one. Returns 0 or -ENOMEM. */
static int ipv4_unpack(struct canvas *canvas, uint32_t number)
{
	const struct ipv4_block *block;
	const uint32_t *answer, *elsewhere;
	uint32_t piece;
	int r;

	if (canvas->block == number)
		return 0;
	r = ipv4_pack(canvas);
	if (r < 0)
		return r;
	block = &canvas->index->blocks[number];
	canvas->block = number;
	canvas->divided =
		ipv4_starts(block) & IPV4_DIVIDED ? ipv4_divided_nets(canvas->index, block) : 0;
	ipv4_block_size(canvas->index, block, &piece);
	elsewhere = canvas->index->pool + piece;
	answer = canvas->index->pool + block->base + (canvas->divided ? 1 : 0);
	for (unsigned i = 0; i < 64; i++) {
		answer += i > 0 ? ipv4_starts(block) >> i & 1 : 0;
		canvas->answers[i] = canvas->divided >> i & 1 ? *elsewhere++ : *answer;
	}
	return 0;
}

/* Sets the answer of a block that has a single run. Returns 0 or -ENOMEM. */
static int ipv4_paint_block(struct lpm_ipv4 *index, uint32_t number, uint32_t answer)
{
	if (index->blocks[number].base == 0 && answer != index->pool[0]) {
		uint32_t piece = ipv4_alloc_piece(index, 1);
		if (!piece)
			return -ENOMEM;
		index->blocks[number].base = piece;
	}
	index->pool[index->blocks[number].base] = answer;
	return 0;
}

/* Sets the answer of the addresses from `first` to `last`. Returns 0 or -ENOMEM. */
static int ipv4_paint(struct canvas *canvas, uint32_t first, uint32_t last, uint32_t answer)
{
	for (uint64_t at = first; at <= last;) {
		uint32_t net = (uint32_t)(at >> 8);
		uint64_t end = at | (64 * 256 - 1);
		int r;

		/* Fast path: paint a block with a single run without unpacking it. Most of the
		 * address space is such blocks. */
		if (net % 64 == 0 && (at & 255) == 0 && end <= last && canvas->block != net / 64 &&
		    ipv4_starts(&canvas->index->blocks[net / 64]) == 0) {
			r = ipv4_paint_block(canvas->index, net / 64, answer);
			if (r < 0)
				return r;
			at = end + 1;
			continue;
		}
		r = ipv4_unpack(canvas, net / 64);
		if (r < 0)
			return r;
		end = at | 255;
		if ((at & 255) == 0 && end <= last) {
			ipv4_set_net(canvas, net % 64, answer);
			at = end + 1;
			continue;
		}
		if (canvas->net != net) {
			r = ipv4_pack_net(canvas);
			if (r < 0)
				return r;
			ipv4_unpack_net(canvas, net);
		}
		for (end = end < last ? end : last; at <= end; at++)
			canvas->fine[at & 255] = answer;
	}
	return 0;
}

int lpm_ipv4_paint(struct lpm_ipv4 *index, struct lpm_sweep *sweep)
{
	struct canvas canvas = {.index = index, .block = NOTHING, .net = NOTHING};
	struct lpm_segment segment;
	int r;

	while ((r = lpm_sweep_next(sweep, &segment)) == 1) {
		r = ipv4_paint(&canvas, (uint32_t)segment.first, (uint32_t)segment.last,
		               segment.answer);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : ipv4_pack(&canvas);
}

/* ---- compaction of the pool ---- */

/* Copies a piece to the end of another pool. Returns the index of the copy in that pool. */
static uint32_t ipv4_copy_piece(const struct lpm_ipv4 *from, struct lpm_ipv4 *to, uint32_t piece,
                                uint32_t size)
{
	uint32_t at = to->used;

	memcpy(to->pool + at, from->pool + piece, size * sizeof(*to->pool));
	to->used += size;
	return at;
}

/* Copies the pieces of divided /24s that a block refers to. The block's own piece is in `to`
 * already. */
static void ipv4_copy_divided(const struct lpm_ipv4 *from, struct lpm_ipv4 *to,
                              const struct ipv4_block *block)
{
	uint32_t count = popcount(ipv4_divided_nets(to, block)),
		 *at = to->pool + block->base - 1 - count;

	for (uint32_t i = 0; i < count; i++)
		at[i] = ipv4_copy_piece(from, to, at[i], ipv4_divided_size(from->pool + at[i]));
}

int lpm_ipv4_tidy(struct lpm_ipv4 *index)
{
	uint32_t live = index->used - index->free, piece, size;
	struct lpm_ipv4 tidy = {.used = 1};

	if (index->free <= live / 4 + 4096)
		return 0;
	if (ipv4_allocate(&tidy, live + live / 16 + 2 * IPV4_PIECE_MAX) < 0)
		return -ENOMEM;
	tidy.pool[0] = index->pool[0];
	for (uint32_t i = 0; i < IPV4_BLOCKS; i++) {
		struct ipv4_block *block = &tidy.blocks[i];
		*block = index->blocks[i];
		size = ipv4_block_size(index, block, &piece);
		if (size == 0)
			continue;
		block->base += ipv4_copy_piece(index, &tidy, piece, size) - piece;
		if (ipv4_starts(block) & IPV4_DIVIDED)
			ipv4_copy_divided(index, &tidy, block);
	}
	free(index->blocks);
	*index = tidy;
	return 0;
}
