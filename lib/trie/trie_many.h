/* SPDX-License-Identifier: MIT
 *
 * trie_get() for many keys at once, which is faster than one after the other where the trie is not
 * in the cache.
 */
#ifndef LIB_TRIE_TRIE_MANY_H
#define LIB_TRIE_TRIE_MANY_H

#include "lib/trie/row.h"

/* Looks up keys, all of which the layout takes. Returns how many there are, or -EBADMSG. Fills
 * `ret` for every key, with zeros where there is no such row. */
int64_t trie_get_many(const struct view *view, const struct row_layout *layout, ref_t root,
                      const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

#endif
