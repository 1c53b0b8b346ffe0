/* SPDX-License-Identifier: MIT
 * Reads the history of a lookup from the versions that a region or a saved file holds. */
#ifndef TOOLS_WHY_LOOKUP_LIVE_H
#define TOOLS_WHY_LOOKUP_LIVE_H

#include "tools/region/reader.h"
#include "tools/why/lookup_history.h"

/* Adds the versions that the region of the reader holds, up to history->until and from the one
 * after the last version of the history. If its oldest version is later, adds none. Returns 0 or a
 * negative errno of the library. */
int lookup_live(struct lookup_history *history, const struct reader *reader);

/* Replaces the subscribers by the present ones of a region. `path` is the region's, for the
 * library. Called before the reader of the caller is opened, which is a subscriber too. */
void lookup_live_subscribers(struct lookup_history *history, const char *path);

#endif
