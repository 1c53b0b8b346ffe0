/* SPDX-License-Identifier: MIT */
/* subscriber.c: prints the route to 203.0.113.7, now and for each new version. */
#include <arpa/inet.h>
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

static void print_route(const struct stele_snapshot *snapshot, const struct in_addr *address)
{
	unsigned long long version = stele_snapshot_version(snapshot);
	const struct route *route;
	char next_hop[INET_ADDRSTRLEN];
	struct stele_table routes;
	struct stele_row row;

	/* Fails if the table lacks columns that this program was compiled with. */
	if (stele_table_open(snapshot, "routes", &route_schema, &routes) < 0) {
		printf("version %llu: %s\n", version, stele_last_error());
		return;
	}
	if (stele_table_match(&routes, address, 32, &row) != 1) {
		printf("version %llu: no route\n", version);
		return;
	}
	route = row.value; /* points into shared memory; valid until the close */
	inet_ntop(AF_INET, &route->next_hop, next_hop, sizeof(next_hop));
	printf("version %llu: via %s dev %.16s\n", version, next_hop, route->interface);
}

int main(void)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct in_addr address;
	uint64_t version = 0;

	inet_pton(AF_INET, "203.0.113.7", &address);
	if (stele_subscriber_open("example", NULL, &subscriber) < 0)
		goto failed;
	while (stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version) == 1) {
		if (stele_snapshot_open(subscriber, 0, &snapshot) < 0)
			break;
		version = stele_snapshot_version(snapshot);
		print_route(snapshot, &address);
		fflush(stdout);
		snapshot = stele_snapshot_close(snapshot);
	}
	subscriber = stele_subscriber_close(subscriber);
failed:
	fprintf(stderr, "subscriber: %s\n", stele_last_error());
	return 1;
}
