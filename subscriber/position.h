/* SPDX-License-Identifier: MIT
 *
 * Positions (struct stele_position) that a program kept and passes back to the library. */
#ifndef SUBSCRIBER_POSITION_H
#define SUBSCRIBER_POSITION_H

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/region/region.h"

/* Checks a position that the caller filled in. Returns 0 or -EINVAL. */
static inline int position_check(const struct stele_position *position)
{
	static const uint8_t unknown[16];

	if (position->reserved_[0] != 0)
		return error_set(EINVAL,
		                 "a struct stele_position whose reserved member is not zero");
	if (position->version > 0 && memcmp(position->region, unknown, sizeof(unknown)) == 0)
		return error_set(EINVAL,
		                 "cannot resume from version %llu of an unknown region; keep the "
		                 "region's UUID with the version",
		                 (unsigned long long)position->version);
	return 0;
}

/* Returns true if the version belongs to this region. Version 0 belongs to every region. */
static inline bool position_is_of(const struct stele_position *position,
                                  const struct region *region)
{
	return position->version == 0 || memcmp(position->region, region->uuid, 16) == 0;
}

/* Fills in a position in a region. */
static inline void position_fill(const uint8_t region[16], uint64_t version,
                                 struct stele_position *ret)
{
	*ret = (struct stele_position){.version = version};
	memcpy(ret->region, region, 16);
}

#endif
