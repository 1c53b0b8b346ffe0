/* SPDX-License-Identifier: MIT
 * The record of a commit: who made it, and what it says of itself. */
#ifndef LIB_TRIE_RECORD_H
#define LIB_TRIE_RECORD_H

#include <stele/region.h>
#include "lib/trie/view.h"

/* Reads the record at `ref` into `*ret`, all but its version and time, which stand in the ring.
 * 0 or -EBADMSG; nothing is re-checked. */
int record_load(const struct view *view, ref_t ref, struct stele_commit *ret);

/* What it says of the table `index`: 1, 0 where it names no more, or -EBADMSG; likewise. */
int record_table(const struct view *view, ref_t ref, unsigned index,
                 struct stele_commit_table *ret);

#endif
