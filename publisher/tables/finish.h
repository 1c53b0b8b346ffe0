/* SPDX-License-Identifier: MIT
 *
 * The end of a transaction, as far as tables are concerned. Called by transaction.c. */
#ifndef PUBLISHER_TABLES_FINISH_H
#define PUBLISHER_TABLES_FINISH_H

#include "publisher/state/state.h"

/* Ends the counting and writes the new catalog: 1, and which tables changed; or 0 if none did. The
 * caller fills in the version and the time of the notice. */
int finish_commit(struct stele_transaction *tx, struct notice *ret_notice);

/* Drops what the transaction made of its tables. */
void finish_abort(struct stele_transaction *tx);

#endif
