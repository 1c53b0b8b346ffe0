/* SPDX-License-Identifier: MIT
 *
 * A survey of a whole region that a publisher may be changing. For verifying a region and for listing
 * its subscribers. */
#ifndef SUBSCRIBER_INSPECT_VERIFY_H
#define SUBSCRIBER_INSPECT_VERIFY_H

#include "lib/region/survey.h"

/* Looks at all of a region that was opened, of this name, again with a pin where its publisher is too
 * fast. 0, or an error. */
int verify_survey(const char *name, struct region *region, struct survey_options *options,
                  struct survey *ret);

#endif
