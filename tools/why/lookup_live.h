/* SPDX-License-Identifier: MIT
 * Reads the history of a lookup from the versions that a region or a saved file holds. */
#ifndef TOOLS_WHY_LOOKUP_LIVE_H
#define TOOLS_WHY_LOOKUP_LIVE_H

#include "tools/base/status.h"
#include "tools/why/lookup_history.h"
#include "tools/region/reader.h"

/* Reads the versions of the region that the reader has open, up to history->until. Fails if the
 * region no longer holds the version of this time. */
enum status lookup_live(struct lookup_history *history, const struct reader *reader);

#endif
