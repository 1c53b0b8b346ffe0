/* SPDX-License-Identifier: MIT
 * Reads the history of a lookup from recordings. */
#ifndef TOOLS_WHY_LOOKUP_RECORDED_H
#define TOOLS_WHY_LOOKUP_RECORDED_H

#include "tools/base/status.h"
#include "tools/record/recordings.h"
#include "tools/why/lookup_history.h"

/* Reads these recordings of a region: the last one that begins before history->until, and earlier
 * ones until it finds a change of the lookup. If there is none, history->any stays false. Returns
 * an error only then, and only if files could not be read. */
enum status lookup_recorded(struct lookup_history *history, const struct recordings *recordings,
                            const char *region);

#endif
