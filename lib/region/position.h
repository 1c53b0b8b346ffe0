/* SPDX-License-Identifier: MIT
 *
 * Positions (struct stele_position) that a program kept and passes back to the library. Publisher
 * and subscriber call this. */
#ifndef LIB_REGION_POSITION_H
#define LIB_REGION_POSITION_H

#include <string.h>

#include "lib/region/region.h"

/* Checks a position that the caller filled in. Returns 0 or -EINVAL. */
int position_check(const struct stele_position *position);

/* Returns true if the version belongs to this region. Version 0 belongs to every region. */
static inline bool position_is_of(const struct stele_position *position,
                                  const struct region *region)
{
	return position->version == 0 || memcmp(position->region, region->uuid, 16) == 0;
}

/* Sets `*ret` to the version of a position, or to 0 if `position` is NULL. Returns 0, -EINVAL, or
 * -EIDRM (the position is in another region). */
int position_version(const struct region *region, const struct stele_position *position,
                     uint64_t *ret);

/* Fills in a position in a region. */
static inline void position_fill(const uint8_t region[16], uint64_t version,
                                 struct stele_position *ret)
{
	*ret = (struct stele_position){.version = version};
	memcpy(ret->region, region, 16);
}

#endif
