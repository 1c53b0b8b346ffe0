/* SPDX-License-Identifier: MIT */
#include "tests/support/position.h"

#include "publisher/state/state.h"

struct stele_position position_in(const struct stele_transaction *tx, uint64_t version)
{
	struct stele_position position;

	stele_publisher_position(tx->publisher, &position);
	position.version = version;
	return position;
}
