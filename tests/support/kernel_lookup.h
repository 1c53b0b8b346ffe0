/* SPDX-License-Identifier: MIT
 *
 * Lookups in the mirrored routes, compared with those of the kernel. */
#ifndef TESTS_SUPPORT_KERNEL_LOOKUP_H
#define TESTS_SUPPORT_KERNEL_LOOKUP_H

#include <stdbool.h>
#include <stele/stele.h>

/* Compares the route that the region has for an address with the one that `ip route get ...
 * fibmatch` prints. The kernel takes another route up to a second after a link has lost or found
 * its carrier, so the first comparisons may fail. `step` is for the message of a failure. */
void kernel_compare_lookups(struct stele_subscriber *subscriber, bool wide, const char *address,
                            const char *step);

#endif
