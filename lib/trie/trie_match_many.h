/* SPDX-License-Identifier: MIT
 *
 * Finds the longest-prefix matches of many keys at once. This is faster than repeated calls of
 * trie_match() if the trie is not in the cache, because the cache misses overlap. For subscribers.
 */
#ifndef LIB_TRIE_TRIE_MATCH_MANY_H
#define LIB_TRIE_TRIE_MATCH_MANY_H

#include "lib/trie/row.h"

/* Matches `count` keys, none of which may be longer than the layout's maximum. Returns the number
 * of keys that have a match, or -EBADMSG. Fills one entry of `ret` for each key, with zeros if it
 * has no match. */
int64_t trie_match_many(const struct view *view, const struct row_layout *layout, ref_t root,
                        const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

#endif
