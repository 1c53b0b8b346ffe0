/* SPDX-License-Identifier: MIT
 * Tells a story from the versions that the history of a region, or a saved file, holds. */
#ifndef TOOLS_RECORD_STORY_LIVE_H
#define TOOLS_RECORD_STORY_LIVE_H

#include "tools/base/status.h"
#include "tools/record/story.h"
#include "tools/region/reader.h"

/* Tells a story from the region that the reader has open. Fails if history begins after
 * story->until. */
enum status story_live(struct story *story, const struct reader *reader);

#endif
