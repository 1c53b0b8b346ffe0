/* SPDX-License-Identifier: MIT
 * Tells a story from recordings. */
#ifndef TOOLS_RECORD_STORY_RECORDED_H
#define TOOLS_RECORD_STORY_RECORDED_H

#include "tools/base/status.h"
#include "tools/record/recordings.h"
#include "tools/record/story.h"

/* Tells a story from these files, from the last one that begins before story->until, and from
 * earlier ones as long as the lookup has not changed. Fails if there is no such file. */
enum status story_recorded(struct story *story, const struct recordings *recordings);

#endif
