/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "tools/mirror/etcd_head.h"
#include "tools/etcd/etcd_json.h"

static int etcd_head_take(void *context, const struct etcd_answer *answer)
{
	struct etcd_head *head = context;

	snprintf(head->origin, sizeof(head->origin), "%s", answer->origin);
	snprintf(head->commit, sizeof(head->commit), "%.39s", answer->token);
	snprintf(head->message, sizeof(head->message), "%s", answer->text);
	return 0;
}

bool etcd_head_parse(const char *value, size_t length, struct etcd_head *ret)
{
	struct etcd_json *json;
	bool complete;

	*ret = (struct etcd_head){.origin = ""};
	json = etcd_json_new(NULL, etcd_head_take, ret);
	complete = json && length > 0 && etcd_json_feed(json, value, length) == 0 &&
	           etcd_json_is_complete(json);
	etcd_json_free(json);
	return complete;
}
