/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "tools/etcd/etcd_pages.h"

static int etcd_pages_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	if (order != 0 || a_length == b_length)
		return order;
	return a_length < b_length ? -1 : 1;
}

void etcd_pages_start(struct etcd_pages *pages, const struct etcd_range *range)
{
	*pages = (struct etcd_pages){.range = range};
	text_append(&pages->next, range->key, range->key_length);
}

bool etcd_pages_take(struct etcd_pages *pages, const struct etcd_kv *kv)
{
	const struct etcd_range *range = pages->range;

	if (etcd_pages_compare(kv->key, kv->key_length, pages->next.bytes, pages->next.length) <
	            0 ||
	    etcd_pages_compare(kv->key, kv->key_length, range->end, range->end_length) >= 0) {
		pages->wrong = true;
		return false;
	}
	/* The next key is at least this one and a NUL. */
	pages->next.length = 0;
	text_append(&pages->next, kv->key, kv->key_length);
	text_append(&pages->next, "", 1);
	pages->count++;
	return true;
}

bool etcd_pages_next(struct etcd_pages *pages, const struct etcd_answer *answer,
                     struct etcd_range *range)
{
	bool right = !pages->wrong && (pages->count > 0 || !answer->more);

	range->key = pages->next.bytes;
	range->key_length = pages->next.length;
	pages->count = 0;
	return right;
}

void etcd_pages_free(struct etcd_pages *pages)
{
	text_free(&pages->next);
}
