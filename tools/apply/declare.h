/* SPDX-License-Identifier: MIT
 * Gives tables of a copy the schemas that the tables of its source have. Called by cmd_apply.c and
 * prune.c. */
#ifndef TOOLS_APPLY_DECLARE_H
#define TOOLS_APPLY_DECLARE_H

#include <stele/stele.h>
#include "tools/base/status.h"

/* Creates the table, or gives it the schema. Its rows stay if they can be read by the schema, also
 * if it has fewer columns than before, as after a rollback; otherwise the table is created again,
 * empty. `where` is put before error messages. Schemas and tables that are open in the transaction
 * become invalid. */
enum status declare_table(struct stele_transaction *tx, const char *where, const char *name,
                          const struct stele_schema *schema);

/* Drops the table, if there is one. */
enum status declare_drop(struct stele_transaction *tx, const char *where, const char *name);

#endif
