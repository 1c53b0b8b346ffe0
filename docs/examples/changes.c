/* SPDX-License-Identifier: MIT */
/* changes.c: prints each change of the table "routes" in the region "example". */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>

static void apply(const struct stele_change *change)
{
	const struct stele_row *row =
		change->kind == STELE_REMOVED ? &change->before : &change->after;
	char prefix[INET_ADDRSTRLEN];
	struct in_addr address = {0};
	static const char marks[] = " +~-"; /* in the order of enum stele_change_kind */

	for (unsigned i = 0; i < (row->key_bits + 7) / 8; i++)
		((unsigned char *)&address)[i] = ((const unsigned char *)row->key)[i];
	inet_ntop(AF_INET, &address, prefix, sizeof(prefix));
	printf("%c %s/%u\n", marks[change->kind], prefix, row->key_bits);
}

static void forget_all(void)
{
	printf("! forget all routes\n");
}

int main(void)
{
	struct stele_subscriber *subscriber;
	struct stele_changes *changes;
	struct stele_change change;
	uint64_t version = 0, newest;
	int r;

	r = stele_subscriber_open("example", NULL, &subscriber);
	if (r < 0)
		goto failed;
	for (;;) {
		r = stele_changes_since(subscriber, "routes", version, &changes);
		if (r == 0) {
			while ((r = stele_changes_next(changes, &change)) == 1)
				apply(&change);
			stele_changes_versions(changes, NULL, &newest);
			changes = stele_changes_close(changes);
		}
		if (r == STELE_GAP || r == -ESTALE) {
			forget_all();
			version = 0;
			continue;
		}
		if (r < 0)
			break;
		version = newest;
		printf("= version %llu\n", (unsigned long long)version);
		fflush(stdout);
		stele_subscriber_applied(subscriber, version);
		r = stele_subscriber_wait(subscriber, version, STELE_FOREVER, &newest);
		if (r < 0)
			break;
	}
	subscriber = stele_subscriber_close(subscriber);
failed:
	fprintf(stderr, "changes: %s\n", stele_last_error());
	return 1;
}
