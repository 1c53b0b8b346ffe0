/* SPDX-License-Identifier: MIT
 *
 * Live tables, for calls that name the table each time (subscriber/copy.c). */
#ifndef SUBSCRIBER_LIVE_H
#define SUBSCRIBER_LIVE_H

#include "subscriber/state.h"

/* Opens a live table as stele_live_open() does, except that the caller keeps `expected` for as long
 * as the handle is used, and that a handle without it (NULL) reads the table whatever columns it
 * gets. */
int live_open(struct stele_subscriber *subscriber, const char *name,
              const struct stele_schema *expected, struct stele_live *ret);

#endif
