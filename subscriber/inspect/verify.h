/* SPDX-License-Identifier: MIT
 *
 * Surveying a region that a publisher may be changing. For verifying a region and for listing its
 * subscribers. */
#ifndef SUBSCRIBER_INSPECT_VERIFY_H
#define SUBSCRIBER_INSPECT_VERIFY_H

#include "lib/region/survey.h"

/* Surveys `region`, whose name is `name`. If the publisher reclaims the surveyed version meanwhile,
 * tries again with a pin. Returns 0 or an error of survey_region(), with an error message. */
int verify_survey(const char *name, struct region *region, struct survey_options *options,
                  struct survey *ret);

#endif
