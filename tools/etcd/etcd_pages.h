/* SPDX-License-Identifier: MIT
 * Reads a range of keys page by page: where the next page begins, and whether the pages are what
 * was asked for. A server whose pages repeat, or end while it says that there is more, would
 * otherwise be read for ever, or taken to have fewer keys. Used by both directions of the
 * mirror. */
#ifndef TOOLS_ETCD_ETCD_PAGES_H
#define TOOLS_ETCD_ETCD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_json.h"
#include "tools/etcd/etcd_request.h"

/* The error message after etcd_pages_next() returned false. */
#define ETCD_PAGES_WRONG "the answer does not have the keys that were asked for"

struct etcd_pages {
	const struct etcd_range *range;
	struct text next; /* the first key that may come next */
	size_t count;     /* keys of the page */
	bool wrong;       /* the page has a key that may not come there */
};

/* Begins at the start of a range, whose `end` is set. */
void etcd_pages_start(struct etcd_pages *pages, const struct etcd_range *range);

/* Takes a key of the page. Returns false if the key is not in the rest of the range. */
bool etcd_pages_take(struct etcd_pages *pages, const struct etcd_kv *kv);

/* Moves `range` to the next page after a page was read. Returns false if the page was wrong. */
bool etcd_pages_next(struct etcd_pages *pages, const struct etcd_answer *answer,
                     struct etcd_range *range);

void etcd_pages_free(struct etcd_pages *pages);

#endif
