/* SPDX-License-Identifier: MIT
 *
 * Whether a publisher shares its region: it asks for that (STELE_SHARED), or the region is shared
 * by all publishers (STELE_SHARED_REGION). Called by attach.c, before and after it opens the
 * region, and by publisher.c. */
#ifndef PUBLISHER_ATTACH_ATTACH_SHARE_H
#define PUBLISHER_ATTACH_ATTACH_SHARE_H

#include <stdbool.h>
#include <stele/publisher.h>
#include "publisher/attach/attachment.h"

/* Returns whether a publisher with these options shares the region that has the name now, or, if
 * there is none, the region that it would create. The locks that are taken first depend on this, so
 * the region's file is read without them: attach_share_changed() checks the result. */
bool attach_share_expected(const struct region_paths *names,
                           const struct stele_publisher_options *options);

/* Returns true if the region that was opened and locked is not what attach_share_expected() had
 * found: the attach has the wrong locks, and starts over. */
bool attach_share_changed(const struct attachment *attachment,
                          const struct stele_publisher_options *options);

/* Ends an attach: lets other publishers attach if the region is shared. Returns 0 or a negative
 * errno. */
int attach_let_others_in(struct attachment *attachment);
/* Returns true if no other publisher is attached. Then none can attach before this attachment is
 * closed. */
bool attach_is_last(struct attachment *attachment);

#endif
