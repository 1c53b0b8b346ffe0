/* SPDX-License-Identifier: MIT
 *
 * Finishes the tables of a transaction at its commit or abort. Called by transaction.c. */
#ifndef PUBLISHER_TABLES_FINISH_H
#define PUBLISHER_TABLES_FINISH_H

#include "publisher/state/state.h"

/* Counts the changed rows and writes the new catalog. Returns 1 if any table changed, and adds the
 * changed tables to `*ret_notice`; the caller sets the notice's version and time. Returns 0 if the
 * tables are unchanged, or -EBUSY (a replacement was not ended), -ENOMEM, -ENOSPC or -EBADMSG. */
int finish_commit(struct stele_transaction *tx, struct notice *ret_notice);

/* Drops the transaction's changes to its tables, and closes the tables. */
void finish_abort(struct stele_transaction *tx);

#endif
