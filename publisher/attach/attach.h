/* SPDX-License-Identifier: MIT
 *
 * Attaches a publisher to a region: opens and locks the region's three files, and makes sure that
 * all have the same uuid. Called by publisher.c for the open and the close, and by lock.c, shared.c
 * and generation.c when a file was lost or replaced meanwhile.
 */
#ifndef PUBLISHER_ATTACH_ATTACH_H
#define PUBLISHER_ATTACH_ATTACH_H

#include <stele/publisher.h>
#include "publisher/attach/attachment.h"

/* Attaches to a region and locks its mutex. Creates the region if the options ask for that, and
 * fills it with `contents`, which may be NULL, before the region has its name. Returns 0 or a
 * negative errno: those of stele_publisher_open(). After an error, nothing is left to close. */
int attach(const struct region_paths *names, const struct stele_publisher_options *options,
           struct region *contents, struct attachment *ret);
/* Closes all files of an attachment, which releases its locks. */
void attach_close(struct attachment *attachment);
/* Opens the region's current data file, after another publisher replaced it. Returns 0 or a
 * negative errno. */
int attach_next_generation(struct attachment *attachment, bool guarded);
/* Returns true if the subscribers file was lost since the attach. */
bool attach_slots_lost(const struct attachment *attachment);
/* Replaces a lost subscribers file by a new one. If this fails, the publisher continues without the
 * file. */
void attach_slots_replace(struct attachment *attachment, bool guarded);

#endif
