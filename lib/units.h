/* SPDX-License-Identifier: MIT
 *
 * Units of time, named as in the Linux kernel. For the library, the command and the tests. */
#ifndef LIB_UNITS_H
#define LIB_UNITS_H

#include <stdint.h>

#define MSEC_PER_SEC  INT64_C(1000)
#define USEC_PER_SEC  INT64_C(1000000)
#define NSEC_PER_USEC INT64_C(1000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC  INT64_C(1000000000)

#endif
