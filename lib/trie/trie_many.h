/* SPDX-License-Identifier: MIT
 *
 * Looks up many keys at once. This is faster than repeated calls of trie_get() if the trie is not
 * in the cache, because the cache misses of the lookups overlap. For subscribers.
 */
#ifndef LIB_TRIE_TRIE_MANY_H
#define LIB_TRIE_TRIE_MANY_H

#include "lib/trie/row.h"

/* Looks up `count` keys, all of which row_layout_takes_key() must accept. Returns the number of
 * rows found, or -EBADMSG. Fills one entry of `ret` for each key, with zeros if there is no such
 * row. */
int64_t trie_get_many(const struct view *view, const struct row_layout *layout, ref_t root,
                      const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

#endif
