/* SPDX-License-Identifier: MIT
 *
 * stele_publisher_update(), made of the calls for transactions. */
#include <errno.h>
#include <stele/publisher.h>

#include "lib/base/error.h"

/* How often an update runs whose body returns -EAGAIN. */
#define UPDATE_TRIES 16

int stele_publisher_update(struct stele_publisher *publisher, stele_transaction_fn *body,
                           void *context, const char *message, uint64_t *ret_version)
{
	struct stele_transaction *tx;
	int r = -EAGAIN;

	for (int tries = 0; r == -EAGAIN && tries < UPDATE_TRIES; tries++) {
		r = stele_transaction_begin(publisher, &tx);
		if (r < 0)
			return r;
		r = body(tx, context);
		if (r >= 0)
			return stele_transaction_commit(tx, message, ret_version);
		stele_transaction_abort(tx);
	}
	return r;
}
