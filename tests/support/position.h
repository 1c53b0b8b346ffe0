/* SPDX-License-Identifier: MIT
 *
 * Positions in the region of a subscriber or of a transaction, for tests that count versions
 * themselves. */
#ifndef TESTS_SUPPORT_POSITION_H
#define TESTS_SUPPORT_POSITION_H

#include <stele/stele.h>

/* Returns the position of a version in the subscriber's region. */
static inline struct stele_position position_at(const struct stele_subscriber *subscriber,
                                                uint64_t version)
{
	struct stele_position position = {.version = version};

	stele_subscriber_region_uuid(subscriber, position.region);
	return position;
}

/* Returns the position of a version in the transaction's region. */
struct stele_position position_in(const struct stele_transaction *tx, uint64_t version);

/* The position of a version in the transaction's region, as an argument. */
#define POSITION(tx_, version_) ((struct stele_position[]){position_in(tx_, version_)})

/* Calls stele_changes_since() with a version of the subscriber's region and any schema. */
static inline int changes_since_version(struct stele_subscriber *subscriber, const char *table,
                                        uint64_t version, struct stele_changes **ret)
{
	const struct stele_position since = position_at(subscriber, version);

	return stele_changes_since(subscriber, table, NULL, &since, ret);
}

#endif
