/* SPDX-License-Identifier: MIT
 *
 * The index of the kernel mirror against an array. */
#include <string.h>

#include <criterion/criterion.h>

#include "tools/fib/kernel_index.h"
#include "tests/support/random.h"

#define LINKS 400u

/* Keys collide and are removed in any order; no other key may be lost by that. */
Test(kernel_index, keys_survive_the_removal_of_others)
{
	struct kernel_index index = {0};
	unsigned have[LINKS] = {0};
	uint64_t state = 20261130;

	for (unsigned step = 0; step < 20000; step++) {
		uint32_t link = (uint32_t)(random_from(&state) % LINKS);
		struct kernel_prefix prefix = {.length = 32};

		if (random_from(&state) % 4 == 0) {
			kernel_index_remove(&index, kernel_index_link(link));
			have[link] = 0;
		} else if (have[link] < 60) {
			memcpy(prefix.address, &have[link], sizeof(have[link]));
			cr_assert_eq(kernel_index_add(&index, kernel_index_link(link), &prefix), 0);
			have[link]++;
		}
		link = (uint32_t)(random_from(&state) % LINKS);
		struct kernel_index_slot *slot = kernel_index_find(&index, kernel_index_link(link));

		cr_assert_eq(slot ? slot->count : 0, have[link], "step %u", step);
		cr_assert(!slot || !slot->many);
	}
	kernel_index_clear(&index);
}

Test(kernel_index, a_link_with_many_prefixes_holds_none)
{
	struct kernel_index index = {0};
	const struct kernel_prefix few[] = {{.length = 8}, {.length = 32}};
	uint64_t key = kernel_index_link(7);

	for (uint32_t i = 0; i < 1000; i++) {
		struct kernel_prefix prefix = {.length = 32};

		memcpy(prefix.address, &i, sizeof(i));
		cr_assert_eq(kernel_index_add(&index, key, &prefix), 0);
		cr_assert_eq(kernel_index_add(&index, key, &prefix), 0);
	}
	cr_assert(kernel_index_find(&index, key)->many);
	cr_assert_eq(kernel_index_find(&index, key)->count, 0u);
	/* A scan finds that most of them are gone, later that all are. */
	cr_assert_eq(kernel_index_set(&index, key, few, 2), 0);
	cr_assert(!kernel_index_find(&index, key)->many);
	cr_assert_eq(kernel_index_find(&index, key)->count, 2u);
	kernel_index_remove(&index, key);
	cr_assert(!kernel_index_find(&index, key));
	kernel_index_clear(&index);
}
