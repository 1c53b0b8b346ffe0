/* SPDX-License-Identifier: MIT
 *
 * Decodes the record of a commit: its publisher, message, and numbers of changed rows. For
 * everything that shows commits. */
#ifndef LIB_TRIE_RECORD_H
#define LIB_TRIE_RECORD_H

#include <stele/region.h>
#include "lib/trie/view.h"

/* Decodes the record at `ref` into `*ret`, except for the version and the time, which are in the
 * commit ring. Returns 0 or -EBADMSG. The caller re-checks the version after the read. */
int record_load(const struct view *view, ref_t ref, struct stele_commit *ret);

/* Decodes the record's entry for its table number `index`, counted from 0. Returns 1, 0 if the
 * record has no such entry, or -EBADMSG. The caller re-checks the version after the read. */
int record_table(const struct view *view, ref_t ref, unsigned index,
                 struct stele_commit_table *ret);

#endif
