/* SPDX-License-Identifier: MIT
 *
 * Checks who owns a region before it is read. Any user can create a region of any name in /dev/shm,
 * so the name does not prove who wrote the rows. The owner of the data file does, because only root
 * can change the owner of a file. The check uses the status of the open file, before its contents
 * are read. For lib/region, and for subscribers that report whether the owner is trusted.
 */
#ifndef LIB_STORAGE_OWNER_H
#define LIB_STORAGE_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include "lib/storage/paths.h"

/* Returns true if `owner` is this user, root, or the owner of the region's directory, who can
 * replace any file in it. */
bool owner_is_trusted(const struct region_paths *names, uid_t owner);

/* Makes the rule of OWNERS in <stele/subscriber.h> from a caller's flags, of which the function
 * uses STELE_ANY_OWNER and STELE_ONE_OWNER, and from the member `owner` beside the flags. Returns
 * 0, or -EINVAL if they contradict each other. */
int owner_rule_make(unsigned flags, uid_t owner, struct owner_rule *ret);

/* Sets the flags and the member `owner` from which owner_rule_make() makes this rule. */
void owner_rule_flags(const struct owner_rule *rule, unsigned *ret_flags, uid_t *ret_owner);

/* Checks the owner of a data file against the rule in names->owner. Returns 0, or -EPERM: the error
 * message names the owner. */
int owner_check(const struct region_paths *names, const struct stat *status);

#endif
