/* SPDX-License-Identifier: MIT
 *
 * trie_match() for many keys at once, which is faster than one after the other where the trie is
 * not in the cache.
 */
#ifndef LIB_TRIE_TRIE_MATCH_MANY_H
#define LIB_TRIE_TRIE_MATCH_MANY_H

#include "lib/trie/row.h"

/* Matches keys, none of them longer than the layout's maximum. Returns how many have a row, or
 * -EBADMSG. Fills `ret` for every key, with zeros where there is none. */
int64_t trie_match_many(const struct view *view, const struct row_layout *layout, ref_t root,
                        const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

#endif
