/* SPDX-License-Identifier: MIT */
/* publisher.c: puts a route into the region "example". */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
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

static int must(int result)
{
	if (result < 0) {
		fprintf(stderr, "publisher: %s\n", stele_last_error());
		exit(1);
	}
	return result;
}

int main(void)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct route route = {.interface = "eth0", .metric = 10};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct in_addr prefix;
	uint64_t version;

	inet_pton(AF_INET, "203.0.113.0", &prefix);
	inet_pton(AF_INET, "192.0.2.1", &route.next_hop);

	must(stele_publisher_open("example", &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_ensure_table(tx, "routes", &route_schema));
	must(stele_transaction_put(tx, "routes", &prefix, 24, &route, sizeof(route)));
	if (must(stele_transaction_commit(tx, "a route", &version)))
		printf("committed version %llu\n", (unsigned long long)version);
	else
		printf("version %llu has this route already\n", (unsigned long long)version);
	stele_publisher_close(publisher);
	return 0;
}
