/* SPDX-License-Identifier: MIT
 * Writes a version to a recording, for recorder.c. */
#ifndef TOOLS_RECORD_RECORDING_GROUP_H
#define TOOLS_RECORD_RECORDING_GROUP_H

#include <stele/stele.h>
#include "tools/record/recording_writer.h"

/* Writes a group: what differs between two versions, or all of `after` if `before` is NULL.
 * `subscriber` is that of `after`. Returns 0 or a negative errno; file->error is set if it is one
 * of the file, or -E2BIG, for too many tables. On error, the file is as it was before. */
int recording_group_write(struct recording_writer *file, struct stele_subscriber *subscriber,
                          const struct stele_snapshot *before, const struct stele_snapshot *after);

#endif
