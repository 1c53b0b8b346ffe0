/* SPDX-License-Identifier: MIT */
/* changes.c: prints each change of the table "routes" in the region "example". */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>

struct route {
	struct in_addr next_hop;
	char interface[16];
	uint32_t metric;
};

static const struct stele_column route_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, next_hop, STELE_IPV4),
	STELE_VALUE(struct route, interface, STELE_CHAR),
	STELE_VALUE(struct route, metric, STELE_U32),
};
static const struct stele_schema route_schema = STELE_SCHEMA(struct route, route_columns);

static void apply(const struct stele_change *change)
{
	const struct stele_row *row =
		change->kind == STELE_REMOVED ? &change->before : &change->after;
	const struct route *route = row->value;
	static const char marks[] = " +~-"; /* in the order of enum stele_change_kind */
	char prefix[INET_ADDRSTRLEN];
	struct in_addr address = {0};

	for (unsigned i = 0; i < (row->key_bits + 7) / 8; i++)
		((unsigned char *)&address)[i] = ((const unsigned char *)row->key)[i];
	inet_ntop(AF_INET, &address, prefix, sizeof(prefix));
	printf("%c %s/%u dev %.16s\n", marks[change->kind], prefix, row->key_bits,
	       route->interface);
}

static void forget_all(void)
{
	printf("! forget all routes\n");
}

int main(void)
{
	struct stele_position position = {0}; /* of the rows that were printed */
	struct stele_subscriber *subscriber;
	struct stele_changes *changes;
	struct stele_change change;
	uint64_t newest;
	int r;

	r = stele_subscriber_open("example", NULL, &subscriber);
	if (r < 0)
		goto failed;
	for (;;) {
		r = stele_changes_since(subscriber, "routes", &route_schema, &position, &changes);
		if (r == 0) {
			while ((r = stele_changes_next(changes, &change)) == 1)
				apply(&change);
			if (r == 0)
				stele_changes_position(changes, &position);
			changes = stele_changes_close(changes);
		}
		if (r == STELE_GAP || r == -ESTALE) {
			forget_all();
			position = (struct stele_position){0};
			continue;
		}
		if (r < 0)
			break;
		printf("= version %llu\n", (unsigned long long)position.version);
		fflush(stdout);
		stele_subscriber_applied(subscriber, position.version);
		r = stele_subscriber_wait(subscriber, position.version, STELE_FOREVER, &newest);
		if (r < 0)
			break;
	}
	subscriber = stele_subscriber_close(subscriber);
failed:
	fprintf(stderr, "changes: %s\n", stele_last_error());
	return 1;
}
