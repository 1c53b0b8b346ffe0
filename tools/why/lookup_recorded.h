/* SPDX-License-Identifier: MIT
 * Reads the history of a lookup from recordings. */
#ifndef TOOLS_WHY_LOOKUP_RECORDED_H
#define TOOLS_WHY_LOOKUP_RECORDED_H

#include "tools/base/status.h"
#include "tools/record/recordings.h"
#include "tools/why/lookup_history.h"

/* Reads these files: the last one that begins before history->until, and earlier ones until it
 * finds a change of the lookup. Fails if there is no such file. */
enum status lookup_recorded(struct lookup_history *history, const struct recordings *recordings);

#endif
